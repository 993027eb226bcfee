"""When certificates travel along with messages, and how a missing one is asked for.

ETSI TS 103 097 V2.1.1 clause 7.1.1: a CAM names its signer by digest, carries the certificate once
a second, and at once when somebody asks for it or when a station is heard that cannot know it yet.
Unknown certificates are asked for by HashedId3; who has a certificate authority's hands it on in a
message that is itself signed by digest. A DENM always carries the certificate (clause 7.1.2).

    >>> inclusion = Inclusion(CAM, own_id=bytes(8))
    >>> inclusion.next(Time64(10_000_000)).identification
    <Identification.CERTIFICATE: 'certificate'>
    >>> inclusion.next(Time64(10_100_000)).identification
    <Identification.DIGEST: 'digest'>

Nobody is believed here: requests are heeded before their sender is known, because that is what
they are for. So everything that strangers can cause is limited in rate and in memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from roadseal import _core
from roadseal.clock import Time64
from roadseal.v2x.message import Header, Identification
from roadseal.v2x.reason import Reason
from roadseal.v2x.verifier import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """When a kind of message carries the certificate.

    Args:
        interval_us: longest time without the certificate; 950 ms is how stations in the field keep
            to "once a second".
        always: carry it every time (DENM).
        greet: carry it at once when a station is heard for the first time, or cannot be verified.
        ask: ask for certificates that are missing.
        inline: ask with `inlineP2pcdRequest` (EU); otherwise with `p2pcdLearningRequest` (US).
        gap_us: shortest time between two certificates that others caused: what a flood of requests
            can make a station send.
        repeat_us: shortest time between two requests for the same certificate.
        attempts: how often the same certificate is asked for.
        answer_us: how long a request for an authority's certificate waits for its answer.
        forget_us: a neighbour not heard for so long is new again.
        requests: most certificates asked for in one message.
        neighbours: bound of the memory of neighbours; the longest unheard is forgotten first.
        pending: bound of each list of open requests, ours and others'.
    """

    interval_us: int = 950_000
    always: bool = False
    greet: bool = True
    ask: bool = True
    inline: bool = True
    gap_us: int = 250_000
    repeat_us: int = 500_000
    attempts: int = 4
    answer_us: int = 2_000_000
    forget_us: int = 60_000_000
    requests: int = 4
    neighbours: int = 1_024
    pending: int = 32


CAM = DeliveryPolicy()
"""ETSI TS 103 097 clause 7.1.1; CPM, VAM and other periodic messages do the same."""

DENM = DeliveryPolicy(always=True, greet=False, ask=False)
"""ETSI TS 103 097 clause 7.1.2: always the certificate, no requests."""

BSM = DeliveryPolicy(interval_us=450_000, greet=False, inline=False, requests=1)
"""SAE J2945/1: the certificate twice a second; requests as IEEE 1609.2 clause 8 has them."""


@dataclass(frozen=True, slots=True)
class Attachments:
    """What the next message carries beside its payload.

    Args:
        identification: whether the signer's certificate travels along.
        requests: certificates to ask for, by HashedId3.
        requested_certificate: a certificate that somebody asked for.
        inline: how to ask; see `DeliveryPolicy`.
    """

    identification: Identification
    requests: tuple[bytes, ...] = ()
    requested_certificate: bytes | None = None
    inline: bool = True

    def apply(self, header: Header) -> Header:
        """The header with the requests and the requested certificate in it."""
        if self.inline:
            header = replace(header, inline_p2pcd_request=self.requests)
        elif self.requests:
            header = replace(header, p2pcd_learning_request=self.requests[0])
        return replace(header, requested_certificate=self.requested_certificate)


class Inclusion:
    """Decides, message by message, what travels along.

    Args:
        policy: the rules of the kind of message.
        own_id: HashedId8 of the certificate that signs them.
        authorities: certificates to hand on when somebody asks: the issuers of the own one.

    Raises:
        ValueError: one of `authorities` is not a certificate.
    """

    def __init__(
        self, policy: DeliveryPolicy, own_id: bytes, authorities: Iterable[bytes] = ()
    ) -> None:
        self.policy = policy
        self._own = own_id[-3:]
        self._authorities = {hashed_id3(certificate): certificate for certificate in authorities}
        self._neighbours: OrderedDict[bytes, Time64] = OrderedDict()
        self._wanted: OrderedDict[bytes, _Wanted] = OrderedDict()
        self._answers: OrderedDict[bytes, Time64] = OrderedDict()
        self._included: Time64 | None = None
        self._called_for = False

    def next(self, now: Time64) -> Attachments:
        """What the message that is made now carries; the answer counts as sent."""
        if self._includes(now):
            self._included, self._called_for = now, False
            return Attachments(
                Identification.CERTIFICATE, self._asks(now), inline=self.policy.inline
            )
        return Attachments(
            Identification.DIGEST, self._asks(now), self._answer(now), self.policy.inline
        )

    def heard(self, message: bytes, verdict: Verdict, now: Time64) -> bytes | None:
        """Take note of a message and what the verifier said of it.

        Args:
            message: as received.
            verdict: the verifier's.
            now: when.

        Returns:
            A certificate that the message hands on, for `Verifier.learn`, which keeps it only if
            its chain holds.
        """
        reason = Reason(verdict.overall)
        fresh = verdict.freshness in (None, Reason.OK)
        if reason is not Reason.OK and not (reason.is_missing_evidence and fresh):
            return None
        self._heed(verdict.p2pcd_requests, now)
        if verdict.missing is not None:
            self._want(verdict.missing[-3:])
        if reason is Reason.OK and verdict.signer is not None:
            self._meet(verdict.signer, now)
        return self._handed_on(message, verdict, trusted=reason is Reason.OK)

    def occupancy(self) -> tuple[int, int, int]:
        """Neighbours remembered, certificates wanted, answers owed."""
        return len(self._neighbours), len(self._wanted), len(self._answers)

    def _includes(self, now: Time64) -> bool:
        if self.policy.always or self._included is None:
            return True
        elapsed = now - self._included
        # A clock that was set back must not silence the certificate.
        if not 0 <= elapsed < self.policy.interval_us:
            return True
        return self._called_for and elapsed >= self.policy.gap_us

    def _heed(self, requests: Iterable[bytes], now: Time64) -> None:
        for wanted in requests:
            if wanted == self._own:
                self._called_for = True
            elif wanted in self._authorities:
                self._answers.setdefault(wanted, now)

    def _want(self, hashed_id3: bytes) -> None:
        if hashed_id3 in self._wanted:
            return
        self._called_for |= self.policy.greet
        if self.policy.ask:
            self._wanted[hashed_id3] = _Wanted()
            if len(self._wanted) > self.policy.pending:
                self._wanted.popitem(last=False)

    def _meet(self, signer: bytes, now: Time64) -> None:
        self._wanted.pop(signer[-3:], None)
        last = self._neighbours.get(signer)
        if last is None or not 0 <= now - last < self.policy.forget_us:
            self._called_for |= self.policy.greet
        self._neighbours[signer] = now
        self._neighbours.move_to_end(signer)
        if len(self._neighbours) > self.policy.neighbours:
            self._neighbours.popitem(last=False)

    def _handed_on(self, message: bytes, verdict: Verdict, *, trusted: bool) -> bytes | None:
        if verdict.requested_certificate is None:
            return None
        start, end = verdict.requested_certificate
        certificate = message[start:end]
        name = hashed_id3(certificate)
        if self._authorities.get(name) == certificate:
            # Somebody else was faster. Only the certificate itself silences us, never the claim.
            self._answers.pop(name, None)
        wanted = self._wanted.pop(name, None) is not None
        return certificate if wanted or trusted else None

    def _asks(self, now: Time64) -> tuple[bytes, ...]:
        chosen: list[bytes] = []
        for name, state in list(self._wanted.items()):
            if len(chosen) == self.policy.requests:
                break
            if state.asked is not None and 0 <= now - state.asked < self.policy.repeat_us:
                continue
            if state.attempts == self.policy.attempts:
                del self._wanted[name]
                continue
            self._wanted[name] = _Wanted(now, state.attempts + 1)
            chosen.append(name)
        return tuple(chosen)

    def _answer(self, now: Time64) -> bytes | None:
        while self._answers:
            name, since = self._answers.popitem(last=False)
            if 0 <= now - since < self.policy.answer_us:
                return self._authorities[name]
        return None


def hashed_id3(certificate: bytes) -> bytes:
    """The last three bytes of a certificate's hash, by which it is asked for.

    Raises:
        ValueError: it is not a certificate.
    """
    return _core.certificate_digest(certificate)[0][-3:]


@dataclass(frozen=True, slots=True)
class _Wanted:
    asked: Time64 | None = None
    attempts: int = 0
