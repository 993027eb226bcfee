"""ssh-audit's JSON (versions 2 and 3): what a server offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Location, Role
from roadseal.assess.inventory.imports.document import (
    Imported,
    load_json,
    malformed,
    rows,
    table,
    text,
)
from roadseal.assess.inventory.wire.spoken import Spoken
from roadseal.events import Fact

_LISTS: Mapping[str, tuple[Callable[[str], str], Role]] = {
    "kex": (identifiers.ssh_kex, Role.KEY_EXCHANGE),
    "key": (identifiers.ssh_key, Role.LIVE_AUTHENTICATION),
    "enc": (identifiers.ssh_cipher, Role.ENCRYPTION),
    "mac": (identifiers.ssh_mac, Role.INTEGRITY),
}
_MARKERS = ("ext-info-", "kex-strict-")


def read(data: bytes, uri: str) -> Imported:
    """Read one report, or the list of them that a scan of many servers writes.

    Raises:
        RoadsealError: ``report-malformed``.
    """
    document = load_json(data, "ssh-audit report")
    reports = rows(document) if isinstance(document, list) else [document]
    if not reports or not all(isinstance(report, dict) for report in reports):
        raise malformed("ssh-audit report", "its root is neither a report nor a list of them")
    return Imported("ssh-audit JSON", "ssh-audit", tuple(_finding(one, uri) for one in reports))


def _finding(report: Mapping[str, Any], uri: str) -> Finding:
    used: list[AlgorithmUse] = []
    for field, (name, role) in _LISTS.items():
        for row in rows(report.get(field)):
            algorithm = text(row.get("algorithm"))
            if not algorithm or algorithm.startswith(_MARKERS):
                continue
            used.append(AlgorithmUse(name(algorithm), role, preferred=False))
            size = row.get("keysize")
            if field == "key" and "rsa" in algorithm and isinstance(size, int) and size > 0:
                used.append(AlgorithmUse(f"rsa-{size}", role, preferred=False))
    banner = table(report.get("banner"))
    facts: dict[str, Fact] = {
        "server_software": text(banner.get("software")),
        "banner": text(banner.get("raw")),
    }
    said = Spoken("SSH", text(banner.get("protocol")), tuple(dict.fromkeys(used)), facts)
    target = text(report.get("target")) or "unknown"
    return said.at(target, Location(uri), "import/ssh-audit", confidence=0.95)
