"""Orders that lie in a database: what holds, what is void, what comes late, who may see them."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import ManualClock, Time64, parse_instant
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.fleet import SCHEMA as FLEET
from roadseal.fleet import Campaign, Device, Gate, Order, Outcome, Plan, Report
from roadseal.fleet.work import claim, settle
from roadseal.net import Negotiated, Request
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.est.enrolment import Enrolments
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.request import read_request
from roadseal.operate.pki.rotation import rotation_change
from roadseal.operate.pki.tls_identity import certification_request
from roadseal.operate.pki.unit.device import DeviceState, Pending
from roadseal.operate.pki.unit.files import UnitFiles
from roadseal.operate.pki.unit.mailbox import Mailbox, Patience, Post
from roadseal.operate.pki.unit.order_service import OrderService
from roadseal.operate.pki.unit.order_wire import (
    encode_answer,
    encode_body,
    encode_message,
    read_answer,
    read_body,
    read_message,
)
from roadseal.operate.pki.unit.orders import (
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
    Switch,
    SwitchBack,
    Trust,
)
from roadseal.store import open_store

NOW = parse_instant("2026-11-26T09:00:00")
UNIT = "rsu-1.example"
BODIES: list[Body] = [
    Trust(b"root"),
    DropTrust(b"root"),
    Prepare("spring/0/rsu", "ml-dsa-65"),
    Install(b"leaf", (b"ica", b"policy")),
    Enrol("spring/0/rsu", "ml-dsa-65", "issuing", ""),
    Switch("spring/0/rsu"),
    SwitchBack("spring/0/rsu"),
    Probe(bytes(32)),
    Retire(),
]


class Scene:
    """A campaign on one unit, its first order claimed by a worker."""

    def __init__(self, url: str) -> None:
        self.clock = ManualClock(NOW)
        self.store = open_store(url, SCHEMA, FLEET)
        plan = Plan(waves=(1.0,), gate=Gate(soak_s=0), spread_s=0, lease_s=60)
        self.campaign = Campaign.create(
            self.store,
            "spring",
            rotation_change(),
            plan,
            [Device(UNIT, "acme", "1")],
            clock=self.clock,
            emit=EventLog(),
        )
        self.campaign.start()
        self.campaign.steer()
        self.mailbox = Mailbox(self.store, self.clock)
        self.post = Post(
            self.store,
            "spring",
            b"key",
            self.clock,
            patience=Patience(0, 60),
            sleep=self.clock.advance,
        )

    def give(self, body: Body = Trust(b"root")) -> Message:  # noqa: B008  # frozen
        """Claim the unit's task and post its order, as a worker does."""
        (mine,) = claim(self.campaign, self.clock.now())
        self.claim = mine
        return Message(UNIT, mine.order.fence, self.clock.now(), body)

    def is_offline(self) -> None:
        settle(self.campaign, [self.claim], [Report(Outcome.OFFLINE)], self.clock.now())


@pytest.fixture
def scene(store_url: str) -> Scene:
    return Scene(store_url)


def test_an_order_waits_for_a_unit_that_is_away_and_its_answer_for_a_worker(scene: Scene) -> None:
    order = scene.give()
    assert scene.post.send([order]) == [None]
    scene.is_offline()
    scene.clock.advance(100)
    waiting = scene.mailbox.order_for(UNIT)
    assert waiting == Message(UNIT, order.fence, scene.clock.now(), order.body)
    assert scene.campaign.next_due() > scene.clock.now()  # type: ignore[operator]  # there is one
    assert scene.mailbox.answer(UNIT, order.fence, Answer(serial="1"))
    assert scene.mailbox.order_for(UNIT) is None
    assert scene.campaign.next_due() == scene.clock.now()  # its return is not waited for
    again = scene.give()
    assert again.fence > order.fence
    assert scene.post.send([again]) == [Answer(serial="1")]
    assert scene.post.send([again]) == [None]  # an answer is taken once


def test_an_answer_that_a_worker_missed_by_a_moment_is_found(scene: Scene) -> None:
    order = scene.give()
    scene.post.send([order])
    scene.mailbox.answer(UNIT, order.fence, Answer())
    scene.is_offline()  # the worker had stopped waiting before the answer came
    assert scene.campaign.next_due() != scene.clock.now()
    scene.mailbox.saw([UNIT])
    assert scene.campaign.next_due() == scene.clock.now()


@pytest.mark.parametrize("how", ["pause", "abort", "rollback"])
def test_an_order_that_was_called_back_is_not_handed_out(scene: Scene, how: str) -> None:
    scene.post.send([scene.give()])
    assert scene.mailbox.order_for(UNIT) is not None
    getattr(scene.campaign, how)()
    assert scene.mailbox.order_for(UNIT) is None
    if how == "pause":
        scene.campaign.resume()
        assert scene.mailbox.order_for(UNIT) is not None


def test_a_claim_that_passed_on_voids_the_order_and_its_answer(scene: Scene) -> None:
    first = scene.give()
    scene.post.send([first])
    scene.clock.advance(61)  # the worker was killed: its lease ends
    second = scene.give(Trust(b"another"))
    assert scene.mailbox.order_for(UNIT) is None  # the first is void before the second is there
    scene.post.send([second])
    assert scene.post.send([first]) == [None]  # it was only stopped, and wakes up
    found = scene.mailbox.order_for(UNIT)
    assert found is not None
    assert found.fence == second.fence
    assert not scene.mailbox.answer(UNIT, first.fence, Answer())
    assert not scene.mailbox.answer("rsu-2.example", second.fence, Answer())


def test_a_worker_waits_for_units_that_are_there(scene: Scene) -> None:
    scene.mailbox.saw([UNIT])
    order = scene.give()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            scene.mailbox.answer(UNIT, order.fence, Answer(Refused.NO_CHAIN))

    post = Post(scene.store, "spring", b"k", scene.clock, patience=Patience(5, 60), sleep=sleep)
    assert post.send([order]) == [Answer(Refused.NO_CHAIN)]
    assert len(waits) == 3
    scene.clock.advance(61)
    assert post.send([scene.give(Retire())]) == [None]
    assert len(waits) == 3  # it has not asked for a minute


def test_a_first_secret_is_not_kept_in_the_database(scene: Scene) -> None:
    order = scene.give(Enrol("spring/0/rsu", "ml-dsa-65", "issuing", "first secret"))
    with pytest.raises(ValueError, match="not kept at rest"):
        scene.post.send([order])
    assert scene.mailbox.order_for(UNIT) is None


def test_a_probe_that_is_repeated_has_the_same_nonce_and_another_one_another(scene: Scene) -> None:
    order = Order(UNIT, "probe", "spring/0/rsu-1/probe", 5, NOW)
    again = Order(UNIT, "probe", "spring/0/rsu-1/probe", 9, NOW)
    other = Order(UNIT, "probe", "spring/1/rsu-1/probe", 9, NOW)
    assert scene.post.nonce(order) == scene.post.nonce(again) != scene.post.nonce(other)
    assert len(scene.post.nonce(order)) == 32


def test_every_order_and_answer_survives_the_wire() -> None:
    for body in BODIES:
        message = Message(UNIT, 7, NOW, body)
        assert read_message(encode_message(message), UNIT) == message
        assert read_body(encode_body(body)) == body
    for answer in (
        Answer(),
        Answer(Refused.CENTRE),
        Answer(csr=b"csr", serial="4f"),
        Answer(certificate=b"c", signature=b"s"),
        Answer(elsewhere=12_000),
    ):
        assert read_answer(encode_answer(answer)) == answer


def test_a_unit_cannot_say_that_the_centre_has_witnessed_it() -> None:
    own = encode_answer(Answer(certificate=b"c", is_witnessed=True))
    assert read_answer(own, own=True).is_witnessed
    for octets in (own, b'{"elsewhere": -1}', b'{"elsewhere": 1e3}', b'{"elsewhere": true}'):
        with pytest.raises(RoadsealError, match="cannot be read"):
            read_answer(octets)


def test_hostile_orders_and_answers_are_refused_and_nothing_else() -> None:
    draw = random.Random(int(os.environ.get("ROADSEAL_FUZZ_SEED", "1")))
    seeds = [encode_message(Message(UNIT, 7, NOW, body)) for body in BODIES]
    seeds += [encode_answer(Answer(Refused.CENTRE, b"csr", b"leaf", "4f", b"sig"))]
    seeds += [b"[" * 100_000, b'{"fence":' + b"9" * 5000 + b"}", b'{"do":"trust","root":NaN}']
    for _ in range(int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))):
        octets = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 6)):
            at = draw.randrange(len(octets) + 1)
            octets[at : at + draw.randint(0, 4)] = draw.randbytes(draw.randint(0, 4))
        for read in (lambda text: read_message(text, UNIT), read_answer):
            with suppress(RoadsealError):
                read(bytes(octets))


def test_a_unit_sees_its_own_orders_with_a_certificate_in_force(scene: Scene) -> None:
    common = {
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": scene.clock,
        "emit": EventLog(),
    }
    authority = Authority.create(scene.store, "issuing", algorithm="ecdsa-p256", **common)
    foreign = Authority.create(
        open_store(":memory:", SCHEMA), "issuing", algorithm="ecdsa-p256", **common
    )

    def certificate(of: Authority, identity: str) -> x509.Certificate:
        csr = certification_request(generate_key("ecdsa-p256"))
        issued = of.issue(IssueRequest(csr, identity, identity))
        return x509.load_der_x509_certificate(issued.certificate)

    service = OrderService(scene.store, clock=scene.clock, emit=EventLog())

    def ask(
        who: x509.Certificate | None, method: str = "GET", target: str = "", body: bytes = b""
    ) -> tuple[int, bytes]:
        peer = Negotiated("p", "g", "c", "s", "s", 3, frozenset(), who)
        request = Request(method, f"/roadseal/orders{target}", body=body, peer=peer)
        response = asyncio.run(service.handle(request))
        return response.status, response.body

    mine, other = certificate(authority, UNIT), certificate(authority, "rsu-2.example")
    assert ask(mine)[0] == 204
    order = scene.give()
    scene.post.send([order])
    status, body = ask(mine)
    assert status == 200
    assert read_message(body, UNIT).body == Trust(b"root")
    assert ask(other)[0] == 204
    assert ask(None)[0] == 401
    assert ask(certificate(foreign, UNIT))[0] == 403
    answer = encode_answer(Answer())
    assert ask(mine, "POST", f"/{order.fence}", b"{")[0] == 400
    assert ask(mine, "POST", f"/{order.fence}", bytes(200_000))[0] == 413
    assert ask(mine, "POST", "/x", answer)[0] == 404
    assert ask(other, "POST", f"/{order.fence}", answer)[0] == 409
    assert ask(mine, "POST", f"/{order.fence - 1}", answer)[0] == 409
    assert ask(mine, "POST", f"/{order.fence}", answer)[0] == 204
    authority.revoke(f"{mine.serial_number:x}", x509.ReasonFlags.key_compromise)
    assert ask(mine)[0] == 403
    scene.clock.advance(31 * 86_400)
    assert ask(other)[0] == 403


def test_whoever_waits_outlasts_a_restart_of_the_database(postgres_url: str) -> None:
    """Every connection of the server is cut; the order that comes afterwards is handed out."""
    scene, log = Scene(postgres_url), EventLog()
    common = {
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": scene.clock,
        "emit": log,
    }
    authority = Authority.create(scene.store, "issuing", algorithm="ecdsa-p256", **common)
    csr = certification_request(generate_key("ecdsa-p256"))
    issued = authority.issue(IssueRequest(csr, UNIT, "1"))
    mine = x509.load_der_x509_certificate(issued.certificate)
    peer = Negotiated("p", "g", "c", "s", "s", 3, frozenset(), mine)
    service = OrderService(open_store(postgres_url), clock=scene.clock, emit=log)
    cut = sa.text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def go() -> int:
        looking = asyncio.create_task(service.run())
        ask = Request("GET", "/roadseal/orders?wait=20", peer=peer)
        waiting = asyncio.create_task(service.handle(ask))
        await asyncio.sleep(0.5)
        with open_store(postgres_url).reading() as connection:
            assert connection.scalar(cut) > 0
        for _ in range(100):
            await asyncio.sleep(0.1)
            if any(event.kind == "order.unavailable" for event in log.events):
                break
        scene.store.close()
        scene.post.send([scene.give()])
        response = await waiting
        looking.cancel()
        return response.status

    assert asyncio.run(go()) == 200
    assert any(event.kind == "order.unavailable" for event in log.events)


def test_a_units_disk_keeps_the_keys_that_its_state_names(tmp_path: Path) -> None:
    files = UnitFiles(tmp_path / "unit", b"sesame")
    assert files.load() is None
    kept, dropped = files.generate("ml-dsa-65"), files.generate("ecdsa-p256")
    key = files.open(kept)
    state = DeviceState(UNIT, (b"root",), pending=Pending("first", kept, b"csr"))
    files.save(state)
    assert files.load() == state
    with pytest.raises(RoadsealError, match="cannot be opened"):
        files.open(dropped)
    with pytest.raises(RoadsealError, match="Another agent runs"):
        UnitFiles(tmp_path / "unit", b"sesame")
    stored = (tmp_path / "unit/keys" / kept.decode()).read_bytes()
    assert b"ENCRYPTED" in stored
    assert key.private_bytes_raw() not in stored  # type: ignore[union-attr]  # it is ML-DSA
    (tmp_path / "unit/state.json").write_text("{")
    with pytest.raises(RoadsealError, match="cannot be read"):
        files.load()


def test_a_certificate_moves_only_with_a_permit_once_and_for_one_key(scene: Scene) -> None:
    common = {
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": scene.clock,
        "emit": EventLog(),
        "algorithm": "ecdsa-p256",
    }
    old = Authority.create(scene.store, "old", **common)
    Authority.create(scene.store, "new", **common)
    csr = certification_request(generate_key("ecdsa-p256"))
    issued = old.issue(IssueRequest(csr, UNIT, "1"))
    leaf = x509.load_der_x509_certificate(issued.certificate)
    enrolments, (key, _) = Enrolments(scene.store, "new"), read_request(csr)

    def come(renews: bool = True) -> str | None:
        now = scene.clock.now()
        return enrolments.by_certificate(leaf, key, now, renews=renews, grace_s=0).idempotency_key

    with pytest.raises(RoadsealError, match="unknown, wrong"):
        come()
    until = Time64(scene.clock.now() + 10_000_000)
    enrolments.permit(UNIT, "another", "spring/0/rsu", until)
    with pytest.raises(RoadsealError, match="unknown, wrong"):
        come()
    enrolments.permit(UNIT, "old", "spring/0/rsu", until)
    with pytest.raises(RoadsealError, match="unknown, wrong"):
        come(renews=False)
    assert come() == "spring/0/rsu/enrol"  # which the authority takes for one key only
    scene.clock.advance(11)
    with pytest.raises(RoadsealError, match="unknown, wrong"):
        come()
    assert leaf.public_bytes(Encoding.DER) == issued.certificate
