"""Judging a list of either world for `roadseal scms read`."""

from __future__ import annotations

from dataclasses import dataclass

from roadseal.app.cli.output import counted
from roadseal.app.cli.v2x_input import iso
from roadseal.clock import Time64
from roadseal.v2x import Reason
from roadseal.v2x.trust import TrustStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFinding:
    """What is known of a list; the fields are those of the JSON output."""

    file: str
    kind: str
    verdict: str
    number: int | None = None
    next_update: str | None = None
    is_stale: bool = False
    says: str = "-"


def judge_list(file: str, octets: bytes, trust: TrustStore, now: Time64) -> ListFinding:
    """Judge a list, whatever it is."""
    from roadseal.operate.pki.v2x.coer import CoerError
    from roadseal.operate.pki.v2x.lists import RevocationList, TrustList, read_list
    from roadseal.operate.pki.v2x.secured import read_signed
    from roadseal.operate.pki.v2x.us_crl import read_crl
    from roadseal.operate.pki.v2x.us_types import CRL_PSID

    roots = [one.certificate for one in trust.roots]
    try:
        signed = read_signed(octets)
    except CoerError:
        signed = None
    if signed is None:
        return ListFinding(file=file, kind="-", verdict=Reason.MALFORMED)
    if signed.psid == CRL_PSID:
        us = read_crl(octets, roots, now, [one.certificate for one in trust.certificates])
        crl = us.contents
        if crl is None:
            return ListFinding(file=file, kind="US CRL", verdict=us.reason)
        linked = crl.i_rev is not None
        entries = f"{counted(len(crl.linked), 'device')} from period {crl.i_rev}"
        if crl.has_groups:
            entries += ", and groups, which are not acted upon"
        return ListFinding(
            file=file,
            kind=f"{'full' if crl.is_full else 'delta'} {'linked' if linked else 'hash'} CRL",
            verdict=us.reason,
            number=crl.serial,
            next_update=iso(crl.next_crl),
            is_stale=us.is_stale,
            says=entries if linked else counted(len(crl.hashes), "certificate"),
        )
    verdict = read_list(octets, roots, now)
    match verdict.contents:
        case RevocationList() as revoked:
            return ListFinding(
                file=file,
                kind="CRL",
                verdict=verdict.reason,
                next_update=iso(revoked.next_update),
                is_stale=verdict.is_stale,
                says=f"{len(revoked.revoked)} revoked",
            )
        case TrustList() as lines:
            says = f"{len(lines.added)} added, {len(lines.removed)} removed"
            return ListFinding(
                file=file,
                kind=f"{'full' if lines.is_full else 'delta'} {'ECTL' if lines.of_tlm else 'CTL'}",
                verdict=verdict.reason,
                number=lines.sequence,
                next_update=iso(lines.next_update),
                is_stale=verdict.is_stale,
                says=says,
            )
    return ListFinding(file=file, kind="-", verdict=verdict.reason)
