"""The pilot's report: one page that opens from a file and asks nothing of any network."""

from roadseal.pilot.report.page import write_report

__all__ = ["write_report"]
