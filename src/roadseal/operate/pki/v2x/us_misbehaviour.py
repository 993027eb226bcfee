"""The misbehaviour authority and its CRL generator: from a bad message to a refused device.

What is reported is a pseudonym. The ACA says which pre-linkage values its linkage value came from,
each LA gives the seed of the period from which to revoke, and the RA blocks the device: no single
authority could have told.

Source: IEEE 1609.2.1-2022 clause 9.5; IEEE 1609.2-2022 clause 5.1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from roadseal import _core
from roadseal.clock import Time64
from roadseal.events import Emit, Event
from roadseal.operate.pki.v2x.ledger import Ledger
from roadseal.operate.pki.v2x.linkage import LinkageAuthority, Seal
from roadseal.operate.pki.v2x.us_authorization import AuthorizingAuthority
from roadseal.operate.pki.v2x.us_crl import Crl, HashEntry, LinkedEntry, hash_entry, sign_crl
from roadseal.operate.pki.v2x.us_periods import period_of
from roadseal.operate.pki.v2x.us_registration import RegistrationAuthority
from roadseal.operate.pki.v2x.us_series import APPLICATION_SERIES, PSEUDONYM_SERIES
from roadseal.v2x.certificate import Credential

_LINKED: Final = "revoked-device"
_HASHED: Final = "revoked-certificate"
YEARS_3: Final = 156
"""For how many periods ahead a device may have certificates."""

WEEK_US: Final = 7 * 24 * 3_600 * 1_000_000


class MisbehaviourAuthority:
    """An MA with its CRL generator.

    Args:
        signer: the CRACA's certificate and key, which says what series it may sign.
        ledger: its rows; seeds in it are sealed.
        aca: whom to ask.
        ra: whom to tell.
        linkage: the LAs by their names.
        seal: encrypts a secret for the ledger.
        unseal: decrypts it.
        emit: hears of revocations and lists.
    """

    def __init__(
        self,
        signer: Credential,
        ledger: Ledger,
        *,
        aca: AuthorizingAuthority,
        ra: RegistrationAuthority,
        linkage: Mapping[bytes, LinkageAuthority],
        seal: Seal,
        unseal: Seal,
        emit: Emit,
    ) -> None:
        self.signer = signer
        self.ledger = ledger
        self._aca = aca
        self._ra = ra
        self._linkage = dict(linkage)
        self._seal = seal
        self._unseal = unseal
        self._emit = emit

    def revoke(self, certificate: bytes, now: Time64) -> str:
        """Revoke a certificate, and let the RA give nothing more to its device.

        With a pseudonym, all of its device's are revoked from this period on.

        Returns:
            ``linked``, ``hashed``, or why not: ``unreadable``, ``unknown``.
        """
        tree = _core.describe_certificate(certificate)
        if "error" in tree:
            return "unreadable"
        record = self._aca.ledger.record(bytes.fromhex(tree["hashedId8"]))
        if record is None:
            return "unknown"
        if "linkageData" in tree["id"]:
            outcome = self._revoke_device(tree, now)
        else:
            entry = hash_entry(certificate, record.ends)
            self.ledger.put(_HASHED, [(entry.hashed_id10, entry.expiry.to_bytes(8))])
            if origin := self._aca.request_of(record.hashed_id8):
                self._ra.block(origin)
            outcome = "hashed"
        if outcome != "unknown":
            self._aca.ledger.revoke(record.hashed_id8, now)
            self._emit(Event(now, tree["hashedId8"], "certificate.revoked", {"by": outcome}))
        return outcome

    def linked_crl(self, now: Time64) -> bytes:
        """The full list of revoked devices."""
        i = period_of(now)
        entries = []
        for name, octets in self.ledger.items(_LINKED):
            i_rev, i_max, j_max = (int.from_bytes(octets[at : at + 2]) for at in (0, 2, 4))
            seeds = self._unseal(octets[6:])
            la1, la2 = self._linkage[name[:2]], self._linkage[name[2:4]]
            if i > i_max:
                continue  # nothing of it is valid any more
            # The list speaks of this period: what was sent before stays unlinkable.
            seed1 = la1.advance(seeds[:16], i - i_rev)
            seed2 = la2.advance(seeds[16:], i - i_rev)
            entries.append(LinkedEntry(la1.la_id, la2.la_id, seed1, seed2, i_max, j_max))
        number = self.ledger.next_number(f"linked-{i}", 256)
        return self._sign(PSEUDONYM_SERIES, now, number, linked=tuple(entries), i_rev=i)

    def hash_crl(self, now: Time64, series: int = APPLICATION_SERIES) -> bytes:
        """The full list of revoked application certificates that have not expired."""
        entries = tuple(
            HashEntry(name, Time64(int.from_bytes(octets)))
            for name, octets in self.ledger.items(_HASHED)
            if int.from_bytes(octets) > now
        )
        return self._sign(series, now, self.ledger.next_number("hash", 1 << 32), hashes=entries)

    def _revoke_device(self, tree: Mapping[str, Any], now: Time64) -> str:
        i_text, _, value = tree["id"]["linkageData"].partition(" ")
        i = int(i_text.removeprefix("i="))
        origin = self._aca.reveal(bytes.fromhex(value), i)
        if origin is None:
            return "unknown"
        i_rev = min(i, period_of(now))
        seeds = b""
        for la_id, plv in origin.values.items():
            seed = self._linkage[la_id].reveal(plv, i, i_rev)
            if seed is None:
                return "unknown"
            seeds += seed
        la1, la2 = origin.values
        numbers = (i_rev, i_rev + YEARS_3, self._ra.per_period)
        row = b"".join(number.to_bytes(2) for number in numbers) + self._seal(seeds)
        self.ledger.put(_LINKED, [(la1 + la2 + origin.request_hash, row)])
        self._ra.block(origin.request_hash)
        return "linked"

    def _sign(self, series: int, now: Time64, serial: int, **lists: Any) -> bytes:
        contents = Crl(
            series=series,
            craca=self.signer.hashed_id8,
            issued=now,
            next_crl=Time64(now + WEEK_US),
            serial=serial,
            **lists,
        )
        facts = {"series": series, "serial": serial}
        self._emit(Event(now, self.signer.hashed_id8.hex(), "crl.signed", facts))
        return sign_crl(contents, self.signer, now)
