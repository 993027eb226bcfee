"""What a device keeps of its identity, and when it renews.

A device may hold two certificates at once, the one it prefers and the one beside it. It keeps a new
key before the request for it leaves, so that a lost answer costs nothing.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol

from cryptography import x509

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64, from_datetime
from roadseal.operate.pki.keys import SigningKey

GRACE_S: Final = 7 * 86_400
"""How long after its end a certificate may still renew itself, once."""

_RENEW_AT: Final = 2 / 3
_SPREAD: Final = 0.1


class KeyRing(Protocol):
    """Where a device's keys live; what it hands out are references."""

    def generate(self, algorithm: str) -> bytes:
        """Make a key, and return what finds it again."""
        ...

    def open(self, reference: bytes) -> SigningKey:
        """Return a key that signs."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and its key.

    Args:
        key: reference into the key ring.
        certificate: DER.
        chain: certificates of authorities below the root, DER.
    """

    key: bytes
    certificate: bytes
    chain: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Credential(serial={self.serial})"

    @property
    def loaded(self) -> x509.Certificate:
        """The certificate, parsed."""
        return x509.load_der_x509_certificate(self.certificate)

    @property
    def serial(self) -> str:
        """Hexadecimal."""
        return f"{self.loaded.serial_number:x}"


@dataclass(frozen=True, slots=True)
class Pending:
    """A request for a certificate, the same bytes each time it is sent.

    A signature differs from one time to the next; an authority knows a repetition by its bytes.

    Args:
        request: its name.
        key: reference to the key that was made for it.
        csr: PKCS #10, DER.
    """

    request: str
    key: bytes
    csr: bytes

    def __repr__(self) -> str:
        return f"Pending({self.request!r})"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What a device has in its flash.

    Args:
        identity: its name.
        trust: roots, DER.
        preferred: what it shows to others.
        beside: another one that is valid too: the new before the switch, the old after it.
        pending: what it has asked, or will ask, a certificate for.
        fence: highest order number it has obeyed.
        grace_spent: serial of the expired certificate that has renewed itself.
        floor: the latest instant that a trusted party has told; no earlier one is believed.
        offset_us: what the centre has found its clock to be behind.
    """

    identity: str
    trust: tuple[bytes, ...] = ()
    preferred: Credential | None = None
    beside: Credential | None = None
    pending: Pending | None = None
    fence: int = 0
    grace_spent: str = ""
    floor: Time64 = Time64(0)  # noqa: RUF009  # an int, and immutable
    offset_us: int = 0

    def __repr__(self) -> str:
        return f"DeviceState({self.identity!r}, preferred={self.preferred}, beside={self.beside})"

    def time(self, clock: Time64) -> Time64:
        """The time as the device believes it."""
        return Time64(max(clock + self.offset_us, self.floor))

    def to_json(self) -> str:
        """For its flash: key references and certificates."""
        return json.dumps(
            {
                "identity": self.identity,
                "trust": [_text(one) for one in self.trust],
                "preferred": _write(self.preferred),
                "beside": _write(self.beside),
                "pending": self.pending
                and [
                    self.pending.request,
                    _text(self.pending.key),
                    _text(self.pending.csr),
                ],
                "fence": self.fence,
                "grace_spent": self.grace_spent,
                "floor": self.floor,
                "offset_us": self.offset_us,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> DeviceState:
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        pending = fields["pending"]
        return cls(
            fields["identity"],
            tuple(b64decode(one) for one in fields["trust"]),
            _read(fields["preferred"]),
            _read(fields["beside"]),
            Pending(pending[0], *map(b64decode, pending[1:])) if pending else None,
            fields["fence"],
            fields["grace_spent"],
            Time64(fields["floor"]),
            fields["offset_us"],
        )


class Renewal(StrEnum):
    """What a device does about its certificate."""

    KEEP = "keep"
    RENEW = "renew"
    GRACE = "grace"  # re-enrol with the expired one, which counts once
    BOOTSTRAP = "bootstrap"  # ask with the credential of its first enrolment


def renewal(state: DeviceState, clock: Time64, *, grace_s: float = GRACE_S) -> Renewal:
    """What is to be done now; a device asks this whenever it wakes."""
    if state.preferred is None:
        return Renewal.BOOTSTRAP
    now, certificate = state.time(clock), state.preferred.loaded
    end = from_datetime(certificate.not_valid_after_utc)
    if now > end + grace_s * MICROSECONDS_PER_SECOND:
        return Renewal.BOOTSTRAP
    if now > end:
        spent = state.grace_spent == state.preferred.serial
        return Renewal.BOOTSTRAP if spent else Renewal.GRACE
    return Renewal.RENEW if now >= renews_at(state.identity, certificate) else Renewal.KEEP


def renews_at(identity: str, certificate: x509.Certificate) -> Time64:
    """Two thirds of the life, ± 10 % by a hash of the identity: the herd does not come at once."""
    begin = from_datetime(certificate.not_valid_before_utc)
    life = from_datetime(certificate.not_valid_after_utc) - begin
    digest = hashlib.sha256(b"renew\0" + identity.encode()).digest()
    share = 2 * int.from_bytes(digest[:6]) / 2**48 - 1
    return Time64(begin + round(life * _RENEW_AT * (1 + _SPREAD * share)))


def hear_time(state: DeviceState, told: Time64) -> DeviceState:
    """Take the time of a signed status list or certificate as the earliest that it can be."""
    return replace(state, floor=max(state.floor, told))


def _write(credential: Credential | None) -> dict[str, Any] | None:
    if credential is None:
        return None
    return {
        "key": _text(credential.key),
        "certificate": _text(credential.certificate),
        "chain": [_text(one) for one in credential.chain],
    }


def _read(fields: Mapping[str, Any] | None) -> Credential | None:
    if fields is None:
        return None
    chain = tuple(b64decode(one) for one in fields["chain"])
    return Credential(b64decode(fields["key"]), b64decode(fields["certificate"]), chain)


def _text(octets: bytes) -> str:
    return b64encode(octets).decode()
