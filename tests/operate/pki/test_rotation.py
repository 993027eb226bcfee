"""Rotation, root rollover and a compromised module, through real authorities and devices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from test_device import Ring

from roadseal.clock import ManualClock, parse_instant
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.fleet import (
    SCHEMA as FLEET,
)
from roadseal.fleet import (
    Campaign,
    CampaignPhase,
    Device,
    Gate,
    Order,
    Outcome,
    Plan,
    enlist,
    select,
    work,
)
from roadseal.fleet.tables import METADATA as FLEET_TABLES
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.est.enrolment import Enrolments
from roadseal.operate.pki.incident import affected, revoke_affected
from roadseal.operate.pki.request import read_request
from roadseal.operate.pki.rotation import Reach, RotationExecutor, rotation_change
from roadseal.operate.pki.rotation_records import issue_each
from roadseal.operate.pki.tables import BLOCKED_KEY, CERTIFICATE
from roadseal.operate.pki.unit.device import DeviceState
from roadseal.operate.pki.unit.orders import (
    Answer,
    Enrol,
    Install,
    Message,
    Prepare,
    Probe,
    Switch,
    Trust,
    encoded_chain,
    obey,
)
from roadseal.store import Store, open_store

NOW = parse_instant("2026-11-26T09:00:00")
DER = Encoding.DER
PLAN = Plan(waves=(3, 1.0), gate=Gate(soak_s=60), spread_s=0)


@dataclass
class Town:
    """Devices in memory, two authorities, one database."""

    store: Store
    clock: ManualClock
    old: Authority
    new: Authority
    states: dict[str, DeviceState] = field(default_factory=dict)
    ring: Ring = field(default_factory=Ring)
    spoil: Callable[[Message, Answer], Answer | None] = lambda _message, answer: answer

    def send(self, messages: list[Message]) -> list[Answer | None]:
        return [self._one(message) for message in messages]

    def _one(self, message: Message) -> Answer | None:
        state, answer = obey(self.states[message.device], message, self.ring, self.clock.now())
        self.states[message.device] = state
        return self.spoil(message, answer)

    def add(self, device: Device) -> None:
        enlist(self.store, [device])
        self.states[device.id] = DeviceState(device.id)

        def tell(body: Trust | Prepare | Install | Switch) -> Answer:
            (answer,) = Town.send(self, [Message(device.id, 0, self.clock.now(), body)])
            assert answer
            return answer

        tell(Trust(self.old.chain[-1].public_bytes(DER)))
        csr = tell(Prepare("first", "ecdsa-p256")).csr
        issued = self.old.issue(IssueRequest(csr, device.id, f"first/{device.id}"))
        tell(Install(issued.certificate, encoded_chain(self.old.chain)))
        assert tell(Switch("first")).refused is None

    def executor(
        self,
        new: Authority | None = None,
        over_est: Callable[[str], bool] = lambda _device: False,
    ) -> RotationExecutor:
        return RotationExecutor(
            old=self.old,
            new=new or self.new,
            store=self.store,
            reach=Reach(send=self.send, over_est=over_est),
            clock=self.clock,
            algorithm="ml-dsa-65",
            profile=load_profile("hybrid-2026"),
        )

    def run(self, name: str, executor: RotationExecutor, *, drop_root: bool = False) -> Campaign:
        campaign = Campaign.create(
            self.store,
            name,
            rotation_change(drop_root=drop_root),
            PLAN,
            [one for one in select(self.store) if one.id in self.states],
            clock=self.clock,
            emit=EventLog(),
        )
        campaign.start()
        self.go_on(campaign, executor)
        return campaign

    def go_on(self, campaign: Campaign, executor: RotationExecutor) -> None:
        for _ in range(200):
            campaign.steer()
            while work(campaign, executor, self.clock):
                pass
            campaign.steer()
            due = campaign.next_due()
            if due is None:
                return
            self.clock.time = max(due, self.clock.time)
        raise AssertionError("no end")

    def issuer(self, device: str) -> str:
        preferred = self.states[device].preferred
        assert preferred
        return str(next(iter(preferred.loaded.issuer)).value)

    def in_force(self, authority: str) -> list[str]:
        with self.store.reading() as connection:
            return [
                *connection.scalars(
                    sa.select(CERTIFICATE.c.identity)
                    .where(
                        CERTIFICATE.c.authority == authority,
                        CERTIFICATE.c.revoked_at.is_(None),
                        CERTIFICATE.c.certificate.is_not(None),
                    )
                    .order_by(CERTIFICATE.c.identity)
                )
            ]


@pytest.fixture
def town(store_url: str) -> Town:
    clock = ManualClock(NOW)
    store = open_store(store_url, SCHEMA, FLEET)
    made = []
    for name, algorithm in (("old", "ecdsa-p256"), ("new", "ml-dsa-65")):
        rest = {
            "algorithm": algorithm,
            "passphrase": b"p",
            "profile": load_profile("hybrid-2026"),
            "clock": clock,
            "emit": EventLog(),
        }
        root = Authority.create(store, f"root-{name}", **rest)
        made.append(Authority.create(store, name, parent=root, **rest))
    found = Town(store, clock, *made)
    for number in range(6):
        found.add(Device(f"rsu-{number}", "acme", "1", f"hsm-{number % 2}"))
    return found


def test_a_fleet_moves_to_the_new_authority_and_the_old_certificates_end(town: Town) -> None:
    campaign = town.run("spring", town.executor())
    assert campaign.phase is CampaignPhase.FINISHED
    assert {town.issuer(one) for one in town.states} == {"new"}
    assert all(state.beside is None for state in town.states.values())
    assert town.in_force("old") == []
    assert town.in_force("new") == sorted(town.states)
    assert all(len(state.trust) == 2 for state in town.states.values())


def test_one_campaign_after_another_is_obeyed(town: Town) -> None:
    """The fence of a later campaign is above whatever an earlier one has used."""
    first = town.run("spring", town.executor())
    town.old = town.new
    second = town.run("autumn", town.executor())
    assert (first.phase, second.phase) == (CampaignPhase.FINISHED, CampaignPhase.FINISHED)
    assert town.in_force("new") == sorted(town.states)  # the newest of each


def test_a_root_rollover_ends_without_the_old_root(town: Town) -> None:
    campaign = town.run("rollover", town.executor(), drop_root=True)
    assert campaign.phase is CampaignPhase.FINISHED
    new_root = town.new.chain[-1].public_bytes(DER)
    assert all(state.trust == (new_root,) for state in town.states.values())


def test_devices_that_sign_wrongly_go_back_to_the_old_certificate(town: Town) -> None:
    def spoil(message: Message, answer: Answer) -> Answer:
        if isinstance(message.body, Probe):
            return replace(answer, signature=bytes(len(answer.signature)))
        return answer

    town.spoil = spoil
    campaign = town.run("spring", town.executor())
    assert [str(one.phase) for one in campaign.strata()] == ["rolled-back"]
    assert {town.issuer(one) for one in town.states} == {"old"}
    assert town.in_force("old") == sorted(town.states)
    assert town.in_force("new") == []  # what was issued in vain is revoked
    town.spoil = lambda _message, answer: answer
    campaign.resume("acme/1")
    town.go_on(campaign, town.executor())
    assert campaign.phase is CampaignPhase.FINISHED
    assert town.in_force("new") == sorted(town.states)


def test_attack_a_device_answers_with_anothers_certificate(town: Town) -> None:
    def spoil(message: Message, answer: Answer) -> Answer:
        if isinstance(message.body, Probe) and message.device == "rsu-1":
            other = town.states["rsu-2"].preferred
            assert other
            return replace(answer, certificate=other.certificate)
        return answer

    town.spoil = spoil
    campaign = town.run("spring", town.executor())
    assert [str(one.phase) for one in campaign.strata()] == ["rolled-back"]


def test_attack_a_device_answers_with_noise(town: Town) -> None:
    town.spoil = lambda _message, _answer: Answer(csr=b"\x30\x80", certificate=b"\0", signature=b"")
    executor = town.executor()
    for step, outcome in (("enrol", Outcome.FAILED), ("probe", Outcome.RETRY)):
        (report,) = executor.perform([Order("rsu-1", step, "c/0/rsu-1/x", 1, NOW)])
        assert report.outcome is outcome


def test_nothing_is_begun_after_the_lease(town: Town) -> None:
    order = Order("rsu-1", "enrol", "c/0/rsu-1/enrol", 5, NOW)
    town.clock.advance(1)
    (report,) = town.executor().perform([order])
    assert report.outcome is Outcome.UNAVAILABLE
    assert town.states["rsu-1"].fence == 0
    assert town.in_force("new") == []


def test_a_device_that_enrols_by_itself_is_invited_once(town: Town) -> None:
    secrets: list[str] = []

    def keep(message: Message, answer: Answer) -> Answer:
        if isinstance(message.body, Enrol):
            secrets.append(message.body.secret)
        return answer

    town.spoil = keep
    executor = town.executor(over_est=lambda _device: True)
    executor.perform([Order("rsu-1", "enrol", "c/0/rsu-1/enrol", 1, NOW)])
    csr = town.states["rsu-1"].pending
    assert csr
    key = read_request(csr.csr)[0]
    (secret,) = secrets
    enrolments = Enrolments(town.store, "new")
    assert enrolments.by_secret("rsu-1", secret, key, NOW).identity == "rsu-1"  # it is still good


def test_a_device_that_has_moved_before_keeps_its_certificate_in_a_rollback(town: Town) -> None:
    town.run("spring", town.executor())
    keys = [Order(one, "switch-back", f"late/0/{one}/x", 1 << 30, NOW) for one in town.states]
    town.clock.time = NOW
    reports = town.executor().perform(keys)
    assert {one.outcome for one in reports} == {Outcome.DONE}
    assert town.in_force("new") == sorted(town.states)


def test_a_device_that_did_not_switch_keeps_its_certificate_when_others_retire(town: Town) -> None:
    """Under one authority the old certificate passes the probe as well as the new one."""
    executor = town.executor(town.old)
    issued = executor.perform([Order("rsu-1", "enrol", "c/0/rsu-1/enrol", 1, NOW)])
    assert issued[0].outcome is Outcome.DONE
    executor.perform([Order("rsu-1", "retire", "c/0/rsu-1/retire", 2, NOW)])
    preferred = town.states["rsu-1"].preferred
    assert preferred
    assert preferred.serial in [one.serial for one in town.old.certificates()]


def test_one_refused_request_harms_no_other(town: Town) -> None:
    def request(name: str, key: str) -> IssueRequest:
        (answer,) = town.send([Message(name, 1, NOW, Prepare(key, "ml-dsa-65"))])
        assert answer
        return IssueRequest(answer.csr, name, key)

    good, other = request("rsu-1", "a"), request("rsu-2", "b")
    bad = IssueRequest(b"no request", "rsu-3", "c")
    first, second, third = issue_each(town.new, [good, bad, other])
    assert isinstance(second, RoadsealError)
    assert not isinstance(first, RoadsealError)
    assert not isinstance(third, RoadsealError)
    assert issue_each(town.new, [good])[0] == first


def test_no_task_and_no_order_holds_a_key(town: Town) -> None:
    town.run("spring", town.executor())
    secrets = [state.preferred.key for state in town.states.values() if state.preferred]
    with town.store.reading() as connection:
        for table in FLEET_TABLES.tables.values():
            text = str(connection.execute(table.select()).all())
            assert "PRIVATE" not in text
            assert not any(secret.hex() in text or repr(secret) in text for secret in secrets)


def test_a_compromised_module_is_selected_looked_at_revoked_and_renewed(town: Town) -> None:
    chosen = select(town.store, module="hsm-1")
    hit = sorted(one.id for one in chosen)
    seen = affected(town.store, "old", chosen, town.clock.now())
    assert [one.identity for one in seen] == hit
    assert town.in_force("old") == sorted(town.states)  # looking does nothing
    blocked_keys = {one: town.states[one].preferred for one in hit}

    assert revoke_affected(town.old, seen) == 3
    assert revoke_affected(town.old, seen) == 3  # repeating is harmless
    assert town.in_force("old") == sorted(set(town.states) - set(hit))
    with town.store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(BLOCKED_KEY)) == 3
    assert affected(town.store, "old", chosen, town.clock.now()) == []

    untouched = {one: town.states.pop(one) for one in [*town.states] if one not in hit}
    campaign = town.run("incident-1", town.executor(town.old))  # the same authority, new keys
    assert campaign.phase is CampaignPhase.FINISHED
    for one in hit:
        preferred = town.states[one].preferred
        assert preferred
        assert preferred.key != blocked_keys[one].key  # type: ignore[union-attr]  # all had one
    assert town.in_force("old") == sorted([*untouched, *hit])


def test_a_blocked_key_is_not_certified_by_a_campaign(town: Town) -> None:
    town.old.revoke_many(
        [one.serial for one in affected(town.store, "old", select(town.store), NOW)][:1],
        x509.ReasonFlags.key_compromise,
        block_key=True,
    )
    state = town.states["rsu-0"]
    assert state.pending
    town.states["rsu-0"] = replace(state, pending=replace(state.pending, request="c/0/rsu-0"))
    order = Order("rsu-0", "enrol", "c/0/rsu-0/enrol", 1, NOW)
    (report,) = town.executor().perform([order])
    assert report.outcome is Outcome.FAILED
    assert "pki-key-blocked" in report.detail
