"""What other tools found: CycloneDX, SARIF, Zeek, nDPI, ssh-audit.

Scanning source code is other tools' work; their reports become findings beside our own, with the
tool's name and, for documents, as `declared`.
"""

from roadseal.assess.inventory.imports.document import Imported, Repair
from roadseal.assess.inventory.imports.recognise import import_report, recognise_report

__all__ = ["Imported", "Repair", "import_report", "recognise_report"]
