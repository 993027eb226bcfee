"""Rotating certificates through a fleet: push trust, issue beside the old, switch, retire.

The old certificate stays valid until the device has shown that it signs with the new key, and
until the whole stratum has soaked; so a rollback only flips a preference. `RotationExecutor`
performs the steps for `roadseal.fleet`; an order names things and holds no key.

Source: RFC 4210 §4.4 (root CA key update).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock, Time64
from roadseal.crypto import Profile
from roadseal.errors import RoadsealError
from roadseal.fleet import Change, Order, Outcome, Report, Stage, Step
from roadseal.operate.pki.authority import Authority
from roadseal.operate.pki.est.enrolment import Enrolments
from roadseal.operate.pki.path.validation import PathRules, validate_path
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.request import DAY_S, IssueRequest
from roadseal.operate.pki.rotation_records import issue_each, revoke_superseded, superseded
from roadseal.operate.pki.tables import CERTIFICATE
from roadseal.operate.pki.unit.orders import (
    PROBE_CONTEXT,
    Answer,
    Body,
    DropTrust,
    Enrol,
    Install,
    Message,
    Prepare,
    Probe,
    Refused,
    Retire,
    Send,
    Switch,
    SwitchBack,
    Trust,
    encoded_chain,
)
from roadseal.store import Store

_DER: Final = Encoding.DER
_CENTRE: Final = frozenset({"pki-module", "pki-approval", "store-unreachable"})
"""Refusals that are no fault of a device."""

_MESSAGE_BYTES: Final = 100  # of an order and its answer, beside what they carry


ROTATION: Final = "certificate-rotation"
ROOT_ROLLOVER: Final = "root-rollover"


def rotation_change(*, drop_root: bool = False, costs: dict[str, Step] | None = None) -> Change:
    """The steps of a rotation; a root rollover ends by dropping the old root.

    Args:
        drop_root: whether devices forget the old root at the end.
        costs: steps with measured costs, by name, for the dry run.
    """

    def step(name: str) -> Step:
        return (costs or {}).get(name, Step(name))

    last = ("retire", "drop-trust") if drop_root else ("retire",)
    return Change(
        ROOT_ROLLOVER if drop_root else ROTATION,
        (
            Stage("trust", (step("push-trust"),)),
            Stage(
                "renew",
                tuple(step(name) for name in ("enrol", "switch", "probe")),
                undo=(step("switch-back"),),
                after_all=True,
            ),
            Stage("retire", tuple(step(name) for name in last), final=True),
        ),
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """How a worker reaches devices.

    Args:
        send: brings messages there, and answers back.
        over_est: which devices get their certificate over EST by themselves.
        by_permit: those come with the certificate they have, not with a secret.
        nonce: of a probe; a way on which answers can come late needs the same one again.
    """

    send: Send
    over_est: Callable[[str], bool] = lambda _device: False
    by_permit: bool = False
    nonce: Callable[[Order], bytes] = lambda _order: secrets.token_bytes(32)


class RotationExecutor:
    """Performs the steps of a rotation for a worker.

    Args:
        old: the authority whose certificates are in use; the same as `new` to renew keys only.
        new: the authority that issues the new ones.
        store: where both keep what they have issued.
        reach: the way to the devices.
        clock: the centre's.
        algorithm: of the new keys.
        profile: what a new certificate and its chain must be accepted by.
        life_s: validity of the new certificates, seconds.
        cpu_s: reads a clock of CPU time, to measure costs.
    """

    def __init__(
        self,
        *,
        old: Authority,
        new: Authority,
        store: Store,
        reach: Reach,
        clock: Clock,
        algorithm: str,
        profile: Profile,
        life_s: int = 30 * DAY_S,
        cpu_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._old = old
        self._new = new
        self._store = store
        self._reach = reach
        self._clock = clock
        self._algorithm = algorithm
        self._profile = profile
        self._life_s = life_s
        self._cpu_s = cpu_s
        self._enrolments = Enrolments(store, new.name)
        self._chain = encoded_chain(new.chain)
        self._new_root = new.chain[-1].public_bytes(_DER)
        self._old_root = old.chain[-1].public_bytes(_DER)

    def perform(self, orders: Sequence[Order]) -> list[Report]:
        """See `roadseal.fleet.Executor`."""
        if not orders:
            return []
        begun_s = self._cpu_s()
        match orders[0].step:
            case "push-trust":
                reports = self._tell(orders, lambda _order: Trust(self._new_root))
            case "enrol":
                reports = self._enrol(orders)
            case "switch":
                reports = self._tell(orders, lambda order: Switch(_request(order)))
            case "probe":
                reports = self._probe(orders)
            case "switch-back":
                reports = self._switch_back(orders)
            case "retire":
                reports = self._retire(orders)
            case "drop-trust":
                reports = self._tell(orders, lambda _order: DropTrust(self._old_root))
            case other:
                raise RoadsealError(
                    "campaign-step",
                    f"A rotation has no step {other!r}.",
                    advice="Work on this campaign with the executor of its change.",
                )
        share_s = (self._cpu_s() - begun_s) / len(orders)
        return [
            Report(one.outcome, one.detail, bytes_sent=one.bytes_sent, cpu_s=share_s)
            for one in reports
        ]

    def _ask(self, orders: Sequence[Order], body: Callable[[Order], Body]) -> list[Answer | None]:
        return self._deliver(orders, [body(one) for one in orders])

    def _tell(self, orders: Sequence[Order], body: Callable[[Order], Body]) -> list[Report]:
        bodies = [body(one) for one in orders]  # once: an invitation voids the one before
        answers = self._deliver(orders, bodies)
        return [
            _report(answer, _weight(said)) for said, answer in zip(bodies, answers, strict=True)
        ]

    def _deliver(self, orders: Sequence[Order], bodies: Sequence[Body]) -> list[Answer | None]:
        """Send one message an order; nothing is begun after its deadline."""
        now = self._clock.now()
        in_time = [
            (order, Message(order.device, order.fence, now, body))
            for order, body in zip(orders, bodies, strict=True)
            if now <= order.deadline
        ]
        answers = self._reach.send([message for _, message in in_time])
        heard = dict(zip([order.device for order, _ in in_time], answers, strict=True))
        return [heard.get(one.device, Answer(Refused.CENTRE)) for one in orders]

    def _enrol(self, orders: Sequence[Order]) -> list[Report]:
        by_est = [one for one in orders if self._reach.over_est(one.device)]
        by_us = [one for one in orders if not self._reach.over_est(one.device)]
        done = dict(zip([one.device for one in by_us], self._issue(by_us), strict=True))
        reports = self._tell(by_est, self._invitation) if by_est else []
        done.update(zip([one.device for one in by_est], reports, strict=True))
        return [done[one.device] for one in orders]

    def _invitation(self, order: Order) -> Enrol:
        expires = Time64(order.deadline + DAY_S * MICROSECONDS_PER_SECOND)
        request, secret = _request(order), ""
        if self._reach.by_permit:
            self._enrolments.permit(order.device, self._old.name, request, expires)
        else:
            secret = self._enrolments.invite(order.device, expires)
        return Enrol(request, self._algorithm, self._new.name, secret)

    def _issue(self, orders: Sequence[Order]) -> list[Report]:
        """In-process: collect requests, issue them together, bring the certificates."""
        if not orders:
            return []
        answers = self._ask(orders, lambda one: Prepare(_request(one), self._algorithm))
        reports = {
            one.device: _report(answer, 0) for one, answer in zip(orders, answers, strict=True)
        }
        ready = [
            (order, answer)
            for order, answer in zip(orders, answers, strict=True)
            if answer is not None and answer.refused is None
        ]
        requests = [
            IssueRequest(answer.csr, order.device, order.idempotency_key, life_s=self._life_s)
            for order, answer in ready
        ]
        issued = issue_each(self._new, requests)
        carried: dict[str, bytes] = {}
        for (order, _), result in zip(ready, issued, strict=True):
            if isinstance(result, RoadsealError):
                outcome = Outcome.UNAVAILABLE if result.code in _CENTRE else Outcome.FAILED
                reports[order.device] = Report(outcome, f"{result.code}: {result.message}")
            else:
                carried[order.device] = result.certificate
        to_bring = [order for order, _ in ready if order.device in carried]
        brought = self._tell(to_bring, lambda one: Install(carried[one.device], self._chain))
        for order, report in zip(to_bring, brought, strict=True):
            sent = report.bytes_sent + reports[order.device].bytes_sent
            reports[order.device] = Report(report.outcome, report.detail, bytes_sent=sent)
        return [reports[one.device] for one in orders]

    def _probe(self, orders: Sequence[Order]) -> list[Report]:
        """The device signs a fresh nonce; certificate and chain must hold under the new profile."""
        nonces = {one.device: self._reach.nonce(one) for one in orders}
        answers = self._ask(orders, lambda one: Probe(nonces[one.device]))
        reports = []
        for order, answer in zip(orders, answers, strict=True):
            report = _report(answer, len(nonces[order.device]))
            if report.outcome is Outcome.DONE and answer is not None:
                problem = self._problem(order.device, answer, nonces[order.device])
                if problem:
                    report = Report(Outcome.RETRY, problem, bytes_sent=report.bytes_sent)
            reports.append(report)
        return reports

    def _problem(self, device: str, answer: Answer, nonce: bytes) -> str:
        try:
            leaf = x509.load_der_x509_certificate(answer.certificate)
            names = [str(one.value) for one in leaf.subject]
            key = PublicKey.read(
                leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            )
        except Exception:  # whatever the library stumbles on, it is no certificate
            return "the device answered with no certificate"
        if names != [device]:
            return "the device answered with another's certificate"
        rules = PathRules(self._clock.now(), self._profile)
        verdict = validate_path(leaf, self._new.chain[:-1], self._new.chain[-1:], rules)
        if not verdict.ok:
            return f"the new certificate does not hold: {verdict.reason}"
        if not answer.is_witnessed and not key.verify(PROBE_CONTEXT + nonce, answer.signature):
            return "the signature with the new key is wrong"
        return ""

    def _retire(self, orders: Sequence[Order]) -> list[Report]:
        """The device forgets the old certificate first; then nobody needs it, and it is revoked."""
        answers = self._ask(orders, lambda _order: Retire())
        in_use = _in_use(orders, answers)
        rows = superseded(self._store, self._old.name, self._new.name, [*in_use])
        revoke_superseded(
            self._old, [serial for device, serial in rows if serial != in_use[device]]
        )
        return [_report(one, 0) for one in answers]

    def _switch_back(self, orders: Sequence[Order]) -> list[Report]:
        """What was issued in the round and is used by nobody now is revoked."""
        answers = self._ask(orders, lambda order: SwitchBack(_request(order)))
        in_use = _in_use(orders, answers)
        at = [
            CERTIFICATE.c.authority == self._new.name,
            CERTIFICATE.c.identity.in_([*in_use]),
            CERTIFICATE.c.certificate.is_not(None),
            CERTIFICATE.c.revoked_at.is_(None),
        ]
        if self._new.name == self._old.name:
            keys = [f"{_request(one)}/enrol" for one in orders]
            at.append(CERTIFICATE.c.idempotency_key.in_(keys))
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(CERTIFICATE.c.identity, CERTIFICATE.c.serial).where(*at)
            ).all()
        revoke_superseded(
            self._new, [serial for device, serial in rows if serial != in_use[device]]
        )
        return [_report(one, 0) for one in answers]


def _in_use(orders: Sequence[Order], answers: Sequence[Answer | None]) -> dict[str, str]:
    """The serial that each device that has obeyed says it uses: it is not revoked here."""
    return {
        order.device: answer.serial
        for order, answer in zip(orders, answers, strict=True)
        if answer is not None and answer.refused is None
    }


def _request(order: Order) -> str:
    """The name of a device's request: the same for every step of one round of a campaign."""
    return order.idempotency_key.rpartition("/")[0]


def _report(answer: Answer | None, sent: int) -> Report:
    if answer is None:
        return Report(Outcome.OFFLINE, "not reached")
    bytes_sent = _MESSAGE_BYTES + sent + answer.size
    match answer.refused:
        case None:
            return Report(Outcome.DONE, bytes_sent=bytes_sent)
        case Refused.CENTRE:
            return Report(Outcome.UNAVAILABLE, answer.refused, bytes_sent=bytes_sent)
        case _:
            return Report(Outcome.RETRY, answer.refused, bytes_sent=bytes_sent)


def _weight(body: Body) -> int:
    match body:
        case Trust(root):
            return len(root)
        case Install(certificate, chain):
            return len(certificate) + sum(map(len, chain))
    return 0
