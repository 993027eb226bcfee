"""What a station has learned from the lists of one signer, and which list follows which.

Source: ETSI TS 102 941 V2.2.1 clauses 6.3.2 to 6.3.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.lists import SEQUENCES, Entry, Kind, RevocationList, TrustList
from roadseal.v2x.verifier import Verifier


@dataclass(frozen=True, slots=True)
class TrustState:
    """What a station has learned from the lists of one signer; values, no file.

    Args:
        sequence: of the last list; `None` before the first.
        entries: what is trusted, by HashedId8 or by a distribution centre's address.
        next_update: the latest of the lists so far; `None` before the first.
        signed_at: of the last list, where that was told.
        revoked: HashedId8 of revoked authorities.
        crl_time: `thisUpdate` of the last CRL; `None` before the first.
    """

    sequence: int | None = None
    entries: dict[bytes | str, Entry] = field(default_factory=dict)
    revoked: frozenset[bytes] = frozenset()
    next_update: Time64 | None = None
    crl_time: Time64 | None = None
    signed_at: Time64 | None = None

    def apply(
        self, contents: TrustList | RevocationList, signed_at: Time64 | None = None
    ) -> TrustState | None:
        """Take in a list that holds; `None` if it does not follow: old, repeated, or a gap.

        A list that was signed before the last one is older, whatever its sequence says: that is one
        octet, and comes round again. A full list that was signed later counts, however many were
        missed; a delta only directly after the list before it. Where it is not told when a list
        was signed, a full one is older that is so in the circle of sequences, or due before the
        last one.

        Args:
            contents: of the list.
            signed_at: `ListVerdict.signed_at`.
        """
        if isinstance(contents, RevocationList):
            if self.crl_time is not None and contents.this_update <= self.crl_time:
                return None
            return replace(self, revoked=frozenset(contents.revoked), crl_time=contents.this_update)
        if not self._precedes(contents, signed_at):
            return None
        entries: dict[bytes | str, Entry] = {} if contents.is_full else dict(self.entries)
        for one in contents.removed:
            entries.pop(one, None)
        entries |= {_name(entry): entry for entry in contents.added}
        due = max(contents.next_update, self.next_update or Time64(0))
        return replace(
            self,
            sequence=contents.sequence,
            entries=entries,
            next_update=due,
            signed_at=signed_at or self.signed_at,
        )

    def _precedes(self, contents: TrustList, signed_at: Time64 | None) -> bool:
        step = None if self.sequence is None else (contents.sequence - self.sequence) % SEQUENCES
        if signed_at is not None and self.signed_at is not None:
            if signed_at < self.signed_at:
                return False
            if contents.is_full and signed_at > self.signed_at:
                return True
        elif contents.is_full and contents.next_update < (self.next_update or Time64(0)):
            return False
        if contents.is_full:
            return step is None or 0 < step < SEQUENCES // 2
        return step == 1

    def certificates(self, kind: Kind) -> list[bytes]:
        """The certificates of a kind that are trusted and not revoked."""
        return [
            entry.certificate
            for name, entry in self.entries.items()
            if entry.kind == kind and entry.certificate and name not in self.revoked
        ]

    def enter(self, verifier: Verifier) -> None:
        """Give the engine the authorities, and let it refuse the revoked ones."""
        for name in self.revoked:
            verifier.revoke(name)
        for root in self.certificates("rca"):
            verifier.add_root(root)
        # The revoked ones, too: "revoked" says more than "unknown issuer".
        entries = [one for one in self.entries.values() if one.kind in ("ea", "aa")]
        verifier.add_certificates([one.certificate for one in entries if one.certificate])


def _name(entry: Entry) -> bytes | str:
    if entry.certificate is not None:
        return _core.certificate_digest(entry.certificate)[0][-8:]
    return entry.access_point or ""
