"""The register as one HTML file that asks nothing of any network."""

from roadseal.assess.register.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
