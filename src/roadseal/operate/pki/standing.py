"""A relying party's knowledge of revocation: the newest status list, its age, and what age means.

A list is taken only forwards, so that an old one played again un-revokes nobody; and its time is a
floor for a clock that lost GNSS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509

from roadseal.clock import Time64
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.serials import status_index
from roadseal.operate.pki.status_list import StatusList, StatusListVerdict, read_status_list


class Taken(StrEnum):
    """What became of a received list."""

    NEWER = "newer"
    SAME = "same"
    OLDER = "older"
    REFUSED = "refused"


class State(StrEnum):
    """What is known of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tier:
    """How much age a use of certificates bears.

    Args:
        name: T1 is where a wrong peer does most harm.
        max_age_s: an older list is stale.
        stale_refuses: whether a new session is refused then, or only an alarm is raised.
    """

    name: str
    max_age_s: int
    stale_refuses: bool


TIERS: Final = {
    tier.name: tier
    for tier in (
        Tier("T1", 180, stale_refuses=True),  # signal control, firmware
        Tier("T2", 900, stale_refuses=True),  # priority, configuration
        Tier("T3", 3_600, stale_refuses=False),  # monitoring
        Tier("T4", 86_400, stale_refuses=False),  # information for all
    )
}
"""From the strictest to the most lenient; 180 s are three polls of a minute."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The answer about one certificate.

    Args:
        state: good, revoked or unknown.
        age_s: of the list it comes from; None without one.
        accepted: whether a new session may be opened.
        alarm: what an operator should hear, or None.
    """

    state: State
    age_s: float | None
    accepted: bool
    alarm: str | None = None


class StatusKeeper:
    """Holds the newest list of each authority.

    Args:
        authorities: keys that sign lists, by the authority's common name.
    """

    def __init__(self, authorities: Mapping[str, PublicKey]) -> None:
        self._authorities = dict(authorities)
        self._lists: dict[str, StatusList] = {}
        self.encoded: dict[str, bytes] = {}

    def take(self, authority: str, encoded: bytes) -> Taken:
        """Take a list that was pushed or polled, if it is signed, and newer than the last.

        One that is ahead of our clock is taken as well: the signature says that the clock is wrong.
        `encoded` holds what should be written down, so that a restart does not go back.
        """
        key = self._authorities.get(authority)
        if key is None:
            return Taken.REFUSED
        verdict, status = read_status_list(encoded, authority, key)
        if verdict is not StatusListVerdict.OK or status is None:
            return Taken.REFUSED
        held = self._lists.get(authority)
        if held is not None and status.sequence <= held.sequence:
            return Taken.SAME if status == held else Taken.OLDER
        self._lists[authority] = status
        self.encoded[authority] = encoded
        return Taken.NEWER

    def not_before(self, now: Time64) -> Time64:
        """`now`, or the time of the newest list if the clock is behind it."""
        return max([now, *(status.this_update for status in self._lists.values())])

    def judge(self, certificate: x509.Certificate, now: Time64, tier: Tier) -> Standing:
        """What is known of a certificate, and whether that is enough."""
        now = self.not_before(now)
        names = certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        issuer = str(names[0].value) if names else ""
        status = self._lists.get(issuer)
        refused = tier.stale_refuses
        if status is None or not _signed_by(certificate, self._authorities[issuer]):
            return Standing(State.UNKNOWN, None, not refused, f"no status list of {issuer!r}")
        age_s = status.age_s(now)
        revoked = status.revoked(status_index(certificate.serial_number))
        if revoked:
            return Standing(State.REVOKED, age_s, accepted=False)
        if age_s > tier.max_age_s:
            said = f"status of {issuer} is {age_s:.0f} s old, {tier.name} bears {tier.max_age_s} s"
            state = State.UNKNOWN if revoked is None else State.GOOD
            return Standing(state, age_s, not refused, said)
        if revoked is None:  # issued after the list was made
            return Standing(State.UNKNOWN, age_s, accepted=True)
        return Standing(State.GOOD, age_s, accepted=True)


def _signed_by(certificate: x509.Certificate, key: PublicKey) -> bool:
    """Whether a certificate names this key as its issuer's: two PKIs may share a name."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return False
    return found.key_identifier == key.identifier
