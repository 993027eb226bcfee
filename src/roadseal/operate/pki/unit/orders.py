"""What the centre may tell a device about its identity, and how the device obeys.

Messages come over an authenticated session. Each has the fence of its order: a device that has
obeyed a later order refuses an earlier one, however late it comes. Nothing is believed that the
device can check: a certificate must be for its own key and chain to a root it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64, from_datetime
from roadseal.operate.pki.path.validation import PathRules, validate_path
from roadseal.operate.pki.signer import SoftwareSigner
from roadseal.operate.pki.tls_identity import certification_request
from roadseal.operate.pki.unit.device import Credential, DeviceState, KeyRing, Pending

PROBE_CONTEXT: Final = b"roadseal probe 1\0"
"""Goes before the nonce that a device signs, so that the signature says nothing else."""

_TOLERANCE_US: Final = 300 * MICROSECONDS_PER_SECOND
_PROBE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Trust:
    """Believe a root, DER, too."""

    root: bytes


@dataclass(frozen=True, slots=True)
class DropTrust:
    """Believe a root, DER, no more."""

    root: bytes


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make a key for `request`, keep it, and ask for its certificate."""

    request: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Install:
    """Keep a certificate for the pending key beside the one in use."""

    certificate: bytes
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Enrol:
    """Make a key for `request` and get its certificate over EST, with a secret for this once."""

    request: str
    algorithm: str
    authority: str
    secret: str

    def __repr__(self) -> str:
        return f"Enrol({self.request!r}, {self.algorithm!r}, {self.authority!r})"


@dataclass(frozen=True, slots=True)
class Switch:
    """Prefer the certificate that was installed for `request`."""

    request: str


@dataclass(frozen=True, slots=True)
class SwitchBack:
    """Prefer the old certificate again, and forget what was made for `request`."""

    request: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Sign `nonce` with the preferred key."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class Retire:
    """Forget the certificate beside the preferred one, and its key."""


Body = Trust | DropTrust | Prepare | Install | Enrol | Switch | SwitchBack | Probe | Retire


@dataclass(frozen=True, slots=True)
class Message:
    """One order to one device.

    Args:
        device: whom.
        fence: number of the order.
        time: of the centre.
        body: what to do.
    """

    device: str
    fence: int
    time: Time64
    body: Body


class Refused(StrEnum):
    """Why a device does not do what it is told."""

    STALE = "stale-order"
    NOT_PREPARED = "not-prepared"
    WRONG_KEY = "wrong-key"
    NO_CHAIN = "no-chain"
    NOTHING_BESIDE = "nothing-beside"
    LAST_TRUST = "last-trust"
    MALFORMED = "malformed"
    CENTRE = "centre-unavailable"  # it asked the authority, and got no answer
    AUTHORITY = "authority-refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device says.

    Args:
        refused: why not; None when it is done.
        csr: the request for a certificate.
        certificate: what it prefers, for a probe.
        serial: of what it prefers, when others may be revoked.
        signature: over the probe's nonce.
        elsewhere: bytes of what it has exchanged with others for this.
        is_witnessed: the centre has seen the key used in TLS; a unit cannot say this itself.
    """

    refused: Refused | None = None
    csr: bytes = b""
    certificate: bytes = b""
    serial: str = ""
    signature: bytes = b""
    elsewhere: int = 0
    is_witnessed: bool = False

    @property
    def size(self) -> int:
        """Bytes on the link, without framing."""
        said = (self.csr, self.certificate, self.serial, self.signature)
        return self.elsewhere + sum(map(len, said))


def obey(
    state: DeviceState, message: Message, keys: KeyRing, clock: Time64
) -> tuple[DeviceState, Answer]:
    """Return the state to keep and the answer to give once it is kept."""
    if message.fence < state.fence:
        return state, Answer(Refused.STALE)
    state = replace(state, fence=message.fence)
    if abs(message.time - state.time(clock)) > _TOLERANCE_US:  # a live session beats a lone clock
        state = replace(state, offset_us=message.time - clock)
    now = state.time(clock)
    match message.body:
        case Trust(root):
            kept = state.trust if root in state.trust else (*state.trust, root)
            return _if_readable(root, replace(state, trust=kept), state)
        case DropTrust(root):
            return _drop_trust(state, root)
        case Prepare(request, algorithm) | Enrol(request, algorithm):
            return prepare(state, request, algorithm, keys)
        case Install(certificate, chain):
            return install(state, certificate, chain, keys, now)
        case Switch(request):
            return _switch(state, request)
        case SwitchBack(request):
            return _switch_back(state, request, now)
        case Probe(nonce):
            return _probe(state, nonce, keys)
        case Retire():
            return _keeping(replace(state, beside=None, pending=None))


def prepare(
    state: DeviceState, request: str, algorithm: str, keys: KeyRing
) -> tuple[DeviceState, Answer]:
    """Make a key and a request unless there is one of that name; it may leave once it is kept."""
    pending = state.pending
    if pending is None or pending.request != request:
        key = keys.generate(algorithm)
        pending = Pending(request, key, certification_request(keys.open(key)))
    return replace(state, pending=pending), Answer(csr=pending.csr)


def install(
    state: DeviceState, certificate: bytes, chain: tuple[bytes, ...], keys: KeyRing, now: Time64
) -> tuple[DeviceState, Answer]:
    """Put a certificate beside the one in use, if it is for the pending key and chains to trust."""
    if state.pending is None:
        return state, Answer(Refused.NOT_PREPARED)
    leaf = _load(certificate)
    if leaf is None:
        return state, Answer(Refused.MALFORMED)
    if leaf.public_key() != keys.open(state.pending.key).public_key():
        return state, Answer(Refused.WRONG_KEY)
    if not _chains(state, leaf, chain, now):
        return state, Answer(Refused.NO_CHAIN)
    new = Credential(state.pending.key, certificate, chain)
    if state.preferred and state.preferred.key == new.key:  # an order repeated after the switch
        return state, Answer()
    return replace(state, beside=new), Answer()


def _switch(state: DeviceState, request: str) -> tuple[DeviceState, Answer]:
    if state.pending is None or state.pending.request != request:
        return state, Answer(Refused.NOT_PREPARED)
    if state.preferred is not None and state.preferred.key == state.pending.key:
        return state, Answer()
    if state.beside is None or state.beside.key != state.pending.key:
        return state, Answer(Refused.NOTHING_BESIDE)
    return replace(state, preferred=state.beside, beside=state.preferred), Answer()


def _switch_back(state: DeviceState, request: str, now: Time64) -> tuple[DeviceState, Answer]:
    """Leave the certificate of `request`, if the old one is still good."""
    if state.pending is None or state.pending.request != request:
        return _keeping(state)  # it has never prepared, or has forgotten it already
    if state.preferred is None or state.preferred.key != state.pending.key:
        return _keeping(replace(state, beside=None, pending=None))
    old = state.beside
    if old is None:
        return state, Answer(Refused.NOTHING_BESIDE)
    if not _chains(state, old.loaded, old.chain, now):
        return state, Answer(Refused.NO_CHAIN)
    return _keeping(replace(state, preferred=old, beside=None, pending=None))


def _keeping(state: DeviceState) -> tuple[DeviceState, Answer]:
    """Say what it uses, so that nobody revokes it."""
    return state, Answer(serial=state.preferred.serial if state.preferred else "")


def _probe(state: DeviceState, nonce: bytes, keys: KeyRing) -> tuple[DeviceState, Answer]:
    if state.preferred is None:
        return state, Answer(Refused.NOTHING_BESIDE)
    if len(nonce) != _PROBE_BYTES:
        return state, Answer(Refused.MALFORMED)
    signature = SoftwareSigner(keys.open(state.preferred.key)).sign(PROBE_CONTEXT + nonce)
    return state, Answer(certificate=state.preferred.certificate, signature=signature)


def _drop_trust(state: DeviceState, root: bytes) -> tuple[DeviceState, Answer]:
    """A root that the device's own certificate needs is not dropped."""
    rest = tuple(one for one in state.trust if one != root)
    without = replace(state, trust=rest)
    mine = state.preferred
    if not rest or (mine and not _chains(without, mine.loaded, mine.chain, None)):
        return state, Answer(Refused.LAST_TRUST)
    return without, Answer()


def _chains(
    state: DeviceState, leaf: x509.Certificate, chain: tuple[bytes, ...], now: Time64 | None
) -> bool:
    between = [_load(one) for one in chain]
    roots = [_load(one) for one in state.trust]
    if None in between:
        return False
    at = now if now is not None else _middle(leaf)
    verdict = validate_path(leaf, _present(between), _present(roots), PathRules(at))
    return verdict.ok


def _middle(leaf: x509.Certificate) -> Time64:
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return from_datetime(begin + (end - begin) / 2)


_T = TypeVar("_T")


def _present(values: list[_T | None]) -> list[_T]:
    return [one for one in values if one is not None]


def _load(encoded: bytes) -> x509.Certificate | None:
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        certificate.public_key()
    except Exception:  # whatever the library stumbles on, it is no certificate
        return None
    return certificate


def _if_readable(
    encoded: bytes, then: DeviceState, otherwise: DeviceState
) -> tuple[DeviceState, Answer]:
    if _load(encoded) is None:
        return otherwise, Answer(Refused.MALFORMED)
    return then, Answer()


def encoded_chain(chain: tuple[x509.Certificate, ...]) -> tuple[bytes, ...]:
    """An authority's chain as a device keeps it: without the root."""
    return tuple(one.public_bytes(Encoding.DER) for one in chain[:-1])


Send = Callable[[list[Message]], list[Answer | None]]
"""The way to devices: an answer each, None for whoever was not reached."""
