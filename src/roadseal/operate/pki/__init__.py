"""X.509 identities: authorities that issue and revoke, and a path validation of our own."""

from roadseal.operate.pki.authority import Authority, Issued
from roadseal.operate.pki.request import IssueRequest
from roadseal.operate.pki.status_list import StatusList, StatusListVerdict, read_status_list
from roadseal.operate.pki.tables import SCHEMA

__all__ = [
    "SCHEMA",
    "Authority",
    "IssueRequest",
    "Issued",
    "StatusList",
    "StatusListVerdict",
    "read_status_list",
]
