"""The hybrid channel: records under keys from post-quantum TLS and from QKD together.

Sans-I/O. It runs inside a TLS session with X25519MLKEM768 and ML-DSA certificates, which stays as
it is: certificates are seen, a missing key is noticed. The initiator names QKD keys by their IDs,
both ends derive (`mixing`), each proves to the other that it has the same keys over the same
transcript, and only then data flow. A later epoch mixes fresh keys into the last epoch's, and the
one before stays readable until the next.

Not TLS's own pre-shared keys: OpenSSL then drops the certificates, and drops the key where the
other end does not know it, both silently.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.operate.qkd.channel.epoch import Epoch, epoch_of
from roadseal.operate.qkd.channel.terms import (
    ChannelRefusedError,
    ChannelSettings,
    Kind,
    QkdKey,
    QkdPolicy,
    Refusal,
)
from roadseal.operate.qkd.mixing import Context, EpochKeys, mix

__all__ = [
    "MAX_RECORD_BYTES",
    "ChannelRefusedError",
    "ChannelSettings",
    "HybridChannel",
    "Kind",
    "QkdKey",
    "QkdPolicy",
    "Refusal",
]

MAX_RECORD_BYTES: Final = 1 << 20
_MOST_KEYS: Final = 16
_Pending = tuple[Context, EpochKeys, bytes]  # with the offer's body


class HybridChannel:
    """One end of a channel.

    Args:
        settings: what it insists on.
        session: exporter of the TLS session under it, 48 bytes.
        initiates: whether this end opened the session.
        emit: hears ``qkd.channel-epoch``, ``qkd.channel-without-qkd``, ``qkd.channel-refused``.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        session: bytes,
        *,
        initiates: bool,
        emit: Emit | None = None,
    ) -> None:
        self.settings = settings
        self._session = session
        self._initiates = initiates
        self._emit = emit
        self._epochs: dict[int, Epoch] = {}  # the current one and the one before
        self._current: Epoch | None = None
        self._offered: _Pending | None = None
        self._accepted: _Pending | None = None
        self._before = b""
        self._without_since: Time64 | None = None
        self._refused: ChannelRefusedError | None = None

    @property
    def is_open(self) -> bool:
        """Whether data may flow."""
        return self._current is not None and self._refused is None

    @property
    def epoch(self) -> int:
        """Number of the current epoch; −1 before the first."""
        return self._current.number if self._current else -1

    @property
    def has_qkd(self) -> bool:
        """Whether QKD keys are in the current epoch."""
        return self._current is not None and self._current.qkd

    def due(self, now: Time64) -> bool:
        """Whether the initiator should offer a new epoch."""
        if self._current is None:
            return True
        age_s = (now - self._current.since) / MICROSECONDS_PER_SECOND
        return (
            age_s >= self.settings.rekey_s
            or self._current.sent_bytes >= self.settings.rekey_bytes
            or (self.settings.policy is QkdPolicy.PREFER and not self._current.qkd)
        )

    def offer(self, keys: Sequence[QkdKey], now: Time64) -> bytes:
        """Begin an epoch with these keys; the initiator's first step.

        Raises:
            ChannelRefusedError: the policy wants a key, or another one.
        """
        self._alive()
        self._check_keys(keys, now)
        context = self._context(tuple(key.key_id for key in keys))
        body = json.dumps(
            {
                "policy": context.policy,
                "initiator": context.initiator,
                "responder": context.responder,
                "epoch": context.epoch,
                "key_ids": context.key_ids,
            }
        ).encode()
        self._offered = (context, self._mix(context, keys), body)
        return bytes([Kind.OFFER]) + body

    def asked(self, message: bytes) -> tuple[str, ...]:
        """Read an offer: which QKD keys the responder has to fetch before `accept`.

        Raises:
            ChannelRefusedError: malformed, or about somebody or something else.
        """
        self._alive()
        if self._initiates or not message or message[0] != Kind.OFFER:
            raise self._refuse(Refusal.OUT_OF_TURN, "no offer was due")
        try:
            said = json.loads(message[1:])
            key_ids = tuple(str(each) for each in said["key_ids"])
            named = (str(said["policy"]), str(said["initiator"]), str(said["responder"]))
            epoch = int(said["epoch"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._refuse(Refusal.MALFORMED, "the offer cannot be read") from None
        mine = self._context(key_ids)
        if named[0] != mine.policy:
            raise self._refuse(
                Refusal.POLICY_MISMATCH, f"the other end's policy is {named[0][:20]!r}"
            )
        if named[1:] != (mine.initiator, mine.responder):
            raise self._refuse(Refusal.IDENTITY_MISMATCH, "the offer names other ends")
        if epoch != mine.epoch or len(key_ids) > _MOST_KEYS:
            raise self._refuse(Refusal.MALFORMED, "the epoch or the number of keys is wrong")
        return key_ids

    def accept(self, message: bytes, keys: Sequence[QkdKey], now: Time64) -> bytes:
        """Answer an offer with the keys that it names; the responder's step.

        Raises:
            ChannelRefusedError: as `asked`; or the policy wants a key.
        """
        key_ids = self.asked(message)
        if tuple(key.key_id for key in keys) != key_ids:
            raise self._refuse(Refusal.NO_QKD_KEY, "a key that the offer names is not to be had")
        self._check_keys(keys, now)
        context = self._context(key_ids)
        derived = self._mix(context, keys)
        proof = _proof(derived.confirm_down, context, message[1:])
        self._accepted = (context, derived, message[1:])
        return bytes([Kind.ACCEPT]) + proof

    def confirm(self, message: bytes, now: Time64) -> bytes:
        """Check the responder's proof and give ours; the initiator's second step.

        Raises:
            ChannelRefusedError: the responder has other keys, or another transcript.
        """
        pending, self._offered = self._offered, None
        context, derived, body = self._proven(pending, Kind.ACCEPT, message)
        self._begin(context, derived, now)
        return bytes([Kind.CONFIRM]) + _proof(derived.confirm_up, context, body)

    def confirmed(self, message: bytes, now: Time64) -> None:
        """Check the initiator's proof; the responder's last step.

        Raises:
            ChannelRefusedError: the initiator has other keys, or another transcript.
        """
        pending, self._accepted = self._accepted, None
        context, derived, _ = self._proven(pending, Kind.CONFIRM, message)
        self._begin(context, derived, now)

    def seal(self, plaintext: bytes, now: Time64) -> bytes:
        """Protect a record under the current epoch.

        Raises:
            ChannelRefusedError: not open, or the time without QKD is over.
            RoadsealError: ``qkd-record-size``.
        """
        epoch = self._open_epoch()
        self._check_grace(now)
        if len(plaintext) > MAX_RECORD_BYTES:
            raise RoadsealError(
                "qkd-record-size",
                f"A record of {len(plaintext)} bytes is too large.",
                advice=f"Send at most {MAX_RECORD_BYTES} bytes at once.",
            )
        return epoch.seal(plaintext, up=self._initiates)

    def open(self, record: bytes, now: Time64) -> bytes:
        """Open a record of the current epoch or the one before, once and in order.

        Raises:
            ChannelRefusedError: forged, replayed, malformed, or the time without QKD is over.
        """
        self._open_epoch()
        self._check_grace(now)
        if (number := epoch_of(record)) is None:
            raise self._refuse(Refusal.MALFORMED, "a record is too short")
        if (epoch := self._epochs.get(number)) is None:
            raise self._refuse(Refusal.REPLAYED, "a record is of no epoch that is open")
        found = epoch.open(record, up=not self._initiates)
        if isinstance(found, Refusal):
            forged = found is Refusal.FORGED
            why = "a record was changed" if forged else "a record is missing or there again"
            raise self._refuse(found, why)
        return found

    # --- helpers ----------------------------------------------------------------------------------

    def _context(self, key_ids: tuple[str, ...]) -> Context:
        ends = (self.settings.own, self.settings.peer)
        initiator, responder = ends if self._initiates else reversed(ends)
        epoch = self.epoch + 1
        return Context(
            self.settings.policy.value, initiator, responder, epoch, key_ids, self._before
        )

    def _mix(self, context: Context, keys: Sequence[QkdKey]) -> EpochKeys:
        ratchet = self._current.keys.ratchet if self._current else b""
        return mix(context, self._session, [key.octets for key in keys], ratchet)

    def _check_keys(self, keys: Sequence[QkdKey], now: Time64) -> None:
        policy = self.settings.policy
        if policy is QkdPolicy.OFF and keys:
            raise self._refuse(Refusal.POLICY_MISMATCH, "the policy is not to use QKD")
        if policy is QkdPolicy.REQUIRE and not keys:
            raise self._refuse(Refusal.NO_QKD_KEY, "the policy requires a QKD key")
        simulated = any(key.provenance == "simulated" for key in keys)
        if simulated and not self.settings.accept_simulated:
            raise self._refuse(Refusal.SIMULATED_KEY, "a key comes from modelled optics")
        if policy is QkdPolicy.PREFER and not keys:
            if self._without_since is None:
                self._without_since = now
            self._tell(now, "qkd.channel-without-qkd", grace_s=self.settings.grace_s)
        elif keys:
            self._without_since = None

    def _proven(self, pending: _Pending | None, kind: Kind, message: bytes) -> _Pending:
        """What is pending, if `message` proves that the other end has the same keys."""
        self._alive()
        if pending is None or not message or message[0] != kind:
            raise self._refuse(Refusal.OUT_OF_TURN, "no confirmation was due")
        context, derived, body = pending
        key = derived.confirm_down if kind is Kind.ACCEPT else derived.confirm_up
        if not hmac.compare_digest(message[1:], _proof(key, context, body)):
            raise self._refuse(Refusal.NOT_CONFIRMED, "the ends do not have the same keys")
        return pending

    def _begin(self, context: Context, derived: EpochKeys, now: Time64) -> None:
        before = self._current
        self._before = context.digest
        self._current = Epoch(context.epoch, derived, bool(context.key_ids), now)
        self._epochs = {context.epoch: self._current}
        if before is not None:
            self._epochs[before.number] = before
        self._tell(now, "qkd.channel-epoch", epoch=context.epoch, keys=len(context.key_ids))

    def _check_grace(self, now: Time64) -> None:
        if self._without_since is None:
            return
        without_s = (now - self._without_since) / MICROSECONDS_PER_SECOND
        if without_s > self.settings.grace_s:
            raise self._refuse(Refusal.GRACE_OVER, f"{without_s:.0f} s without a QKD key")

    def _open_epoch(self) -> Epoch:
        self._alive()
        if self._current is None:
            raise self._refuse(Refusal.OUT_OF_TURN, "the keys are not confirmed yet")
        return self._current

    def _alive(self) -> None:
        if self._refused is not None:
            raise self._refused

    def _refuse(self, refusal: Refusal, detail: str) -> ChannelRefusedError:
        self._refused = ChannelRefusedError(refusal, detail)
        self._epochs.clear()
        if self._emit is not None:
            since = self._current.since if self._current else Time64(0)
            facts = {"reason": refusal.value, "detail": detail}
            self._emit(Event(since, self.settings.peer, "qkd.channel-refused", facts))
        return self._refused

    def _tell(self, now: Time64, kind: str, **facts: float) -> None:
        if self._emit is not None:
            self._emit(Event(now, self.settings.peer, kind, facts))


def _proof(key: bytes, context: Context, offer: bytes) -> bytes:
    return hmac.digest(key, context.digest + hashlib.sha384(offer).digest(), "sha384")
