"""Trust and revocation lists among the files of `--trust`: who vouches for whom, and who no longer.

European lists (ECTL, CTL and CRL of TS 102 941) count if a root or trust list manager that is given
signed them, American ones (IEEE 1609.2) if a chain to a given root permits it. What a list is, its
content tells; one that does not count is named with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x import TrustState, read_crl, read_list
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.lists import RevocationList, TrustList
from roadseal.operate.pki.v2x.secured import read_signed
from roadseal.operate.pki.v2x.us_crl import Crl
from roadseal.operate.pki.v2x.us_types import CRL_PSID
from roadseal.v2x import Reason, Verifier, service
from roadseal.v2x.recording import octets_of
from roadseal.v2x.trust import TrustStore

MAX_LIST_BYTES = 1 << 24
"""Larger files are not looked into."""

PERIODS = 52
"""For how many weeks from its own a linked list is worked out."""


class HeardLists:
    """What the lists in a store say.

    Args:
        store: the certificates that may sign lists, and the files that may be lists.
        at: when to judge; each list at its own time if `None`.
    """

    def __init__(self, store: TrustStore, at: Time64 | None) -> None:
        self.heard: list[str] = []
        self.refused: list[str] = []
        self._at = at
        self._signers = {_name(file.certificate): file.certificate for file in store.roots}
        self._above = [file.certificate for file in store.certificates]
        self._states: dict[bytes, TrustState] = {}
        self._crls: list[Crl] = []
        lists = sorted(_lists(store.others), key=lambda one: one.signed_at)
        for one in lists:
            if one.psid == CRL_PSID:
                self._hear_american(one)
        european = [one for one in lists if one.psid != CRL_PSID]
        # A trust list manager's names the roots whose own lists count.
        for one in sorted(european, key=lambda one: one.signer not in self._managers()):
            self._hear_european(one)

    def enter(self, verifier: Verifier) -> None:
        """Give the engine the authorities, and let it refuse the revoked ones."""
        for state in self._states.values():
            state.enter(verifier)
        for crl in self._crls:
            first = crl.i_rev
            crl.enter(verifier, () if first is None else range(first, first + PERIODS))

    def _managers(self) -> set[bytes]:
        return {name for name, each in self._signers.items() if not _may_issue(each)}

    def _hear_european(self, one: _List) -> None:
        verdict = read_list(one.octets, list(self._signers.values()), self._time(one))
        contents, signer = verdict.contents, verdict.signer
        if verdict.reason is not Reason.OK or contents is None or signer is None:
            self.refused.append(f"{one.path}: {verdict.reason}")
            return
        of_manager = isinstance(contents, TrustList) and contents.of_tlm
        if of_manager is not (signer in self._managers()):
            self.refused.append(f"{one.path}: its signer may not say who is trusted there")
            return
        state = self._states.get(signer, TrustState()).apply(contents, verdict.signed_at)
        if state is None:
            self.refused.append(f"{one.path}: it does not follow the list before it")
            return
        self._states[signer] = state
        for root in state.certificates("rca"):
            self._signers.setdefault(_name(root), root)
        due = ", a newer one is due" if verdict.is_stale else ""
        self.heard.append(f"{one.path}: {_said(contents)}{due}")

    def _hear_american(self, one: _List) -> None:
        verdict = read_crl(one.octets, self._signers.values(), self._time(one), self._above)
        if verdict.reason is not Reason.OK or verdict.contents is None:
            self.refused.append(f"{one.path}: {verdict.reason}")
            return
        crl = verdict.contents
        self._crls.append(crl)
        due = ", a newer one is due" if verdict.is_stale else ""
        count = len(crl.hashes) + len(crl.linked)
        self.heard.append(f"{one.path}: revokes {count} in series {crl.series}{due}")

    def _time(self, one: _List) -> Time64:
        return one.signed_at if self._at is None else self._at


@dataclass(frozen=True, slots=True)
class _List:
    path: Path
    octets: bytes
    psid: int
    signer: bytes | None
    signed_at: Time64


def _lists(paths: tuple[Path, ...]) -> Iterator[_List]:
    for path in paths:
        try:
            if path.stat().st_size > MAX_LIST_BYTES:
                continue
            octets = octets_of(path.read_bytes())
            signed = read_signed(octets)
        except (OSError, CoerError):
            continue
        if signed is not None and signed.psid in (service.CTL, service.CRL, CRL_PSID):
            when = Time64(signed.generation_time or 0)
            yield _List(path, octets, signed.psid, signed.signer, when)


def _said(contents: TrustList | RevocationList) -> str:
    if isinstance(contents, RevocationList):
        return f"revokes {len(contents.revoked)}"
    kinds = [entry.kind for entry in contents.added if entry.certificate]
    return "names " + (
        ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))) or "none"
    )


def _may_issue(certificate: bytes) -> bool:
    return bool(_core.describe_certificate(certificate)["certIssuePermissions"])


def _name(certificate: bytes) -> bytes:
    return _core.certificate_digest(certificate)[0][-8:]
