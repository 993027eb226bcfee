"""What `roadseal pki export` says of its certificates: the profile each was issued under.

A certificate does not name its profile; the authority's audit does. Each statement is a finding of
its own until `join_profiles` puts it onto the certificate, wherever that was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from roadseal.assess.inventory.finding import AssetType, Basis, Finding, Location
from roadseal.assess.inventory.imports.document import Imported, load_json, rows, table, text

FORMAT: Final = "roadseal-certificate-profiles/1"
COLLECTOR: Final = "import/profiles"
_SHA256: Final = re.compile("[0-9a-f]{64}")
_KEPT: Final = ("sha256", "issued_under", "authority", "identity", "serial", "not_after")


def read(data: bytes, uri: str) -> Imported:
    """Read the statements of one export; rows without a SHA-256 or a profile say nothing.

    Raises:
        RoadsealError: ``report-malformed``.
    """
    document = table(load_json(data, "list of profiles"))
    findings = []
    for row in rows(document.get("certificates")):
        facts = {name: text(row.get(name)) for name in _KEPT}
        facts["sha256"] = facts["sha256"].lower()
        if not _SHA256.fullmatch(facts["sha256"]) or not facts["issued_under"]:
            continue
        findings.append(
            Finding(
                COLLECTOR,
                Location(uri),
                AssetType.CERTIFICATE,
                f"{facts['identity'] or 'a certificate'} issued under {facts['issued_under']}",
                (),
                Basis.DECLARED,
                facts={name: value for name, value in facts.items() if value},
            )
        )
    return Imported("Roadseal certificate profiles", "roadseal pki export", tuple(findings))


def join_profiles(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put each statement onto the certificates it is about; what is about none stays as it is.

    The profile is a fact of the certificate that its authority declares: ``issued_under``, with
    ``issued_under_source`` beside it.
    """
    given = tuple(findings)
    said = {str(one.facts["sha256"]): one for one in given if one.collector == COLLECTOR}
    if not said:
        return given
    joined, used = [], set()
    for one in given:
        digest = str(one.facts.get("sha256", ""))
        if one.collector != COLLECTOR and digest in said:
            used.add(digest)
            one = replace(one, facts={**one.facts, **_statement(said[digest])})
        joined.append(one)
    return tuple(
        one for one in joined if one.collector != COLLECTOR or str(one.facts["sha256"]) not in used
    )


def _statement(said: Finding) -> dict[str, str]:
    return {
        "issued_under": str(said.facts["issued_under"]),
        "issued_under_source": f"declared in {said.location.uri}",
    }
