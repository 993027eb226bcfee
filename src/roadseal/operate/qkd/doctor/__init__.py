"""Does a KME keep to ETSI GS QKD 014 V1.1.1? Asked with two identities, clause by clause.

Works on any server of the standard; it consumes some keys. A check whose precondition is missing
is *skipped* and says so: it never counts as passed.

Clauses: 5.1 communication, 5.2 Get status, 5.3 Get key, 5.4 Get key with key IDs; 6.1 status,
6.2 key request (with its fixed error messages), 6.3 key container, 6.4 key IDs (likewise), 6.5
error. So they are cited by two independent implementations, the crate etsi014 0.4.1 (5.1 to 6.5)
and qkdsec 0.3.0 (5.2 to 5.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.doctor.fetch import FETCH_CHECKS
from roadseal.operate.qkd.doctor.keys import KEY_CHECKS
from roadseal.operate.qkd.doctor.probe import Check, FailedError, Patient, Probe, SkippedError
from roadseal.operate.qkd.doctor.status import STATUS_CHECKS

__all__ = ["CHECKS", "Finding", "Outcome", "Patient", "examine"]

CHECKS: Final[tuple[Check, ...]] = (*STATUS_CHECKS, *KEY_CHECKS, *FETCH_CHECKS)


class Outcome(StrEnum):
    """Of one check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one clause.

    Args:
        clause: of ETSI GS QKD 014 V1.1.1.
        title: what must hold.
        outcome: whether it does.
        detail: what was seen, never key bits.
    """

    clause: str
    title: str
    outcome: Outcome
    detail: str = ""


async def examine(
    patient: Patient, progress: Callable[[Finding], None] | None = None
) -> list[Finding]:
    """Run every check in order.

    Args:
        patient: the server and the two identities.
        progress: told each finding.

    Raises:
        TlsRefusedError: the server cannot be reached at all.
    """
    await patient.master.request("GET", "/")
    probe = Probe(patient)
    findings = []
    for clause, title, check in CHECKS:
        try:
            detail = await check(probe) or ""
            finding = Finding(clause, title, Outcome.PASSED, detail)
        except SkippedError as error:
            finding = Finding(clause, title, Outcome.SKIPPED, str(error))
        except FailedError as error:
            finding = Finding(clause, title, Outcome.FAILED, str(error))
        except RoadsealError as error:
            finding = Finding(clause, title, Outcome.FAILED, error.code)
        findings.append(finding)
        if progress is not None:
            progress(finding)
    return findings
