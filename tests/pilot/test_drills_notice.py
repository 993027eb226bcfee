"""A drill that cannot fail shows nothing: broken engines and broken deliveries are noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from roadseal.clock import Time64, parse_instant
from roadseal.net import TlsServer
from roadseal.operate.pki import issuing
from roadseal.operate.pki.composite import Composite
from roadseal.operate.pki.standing import Standing, State, StatusKeeper
from roadseal.operate.pki.unit import agent
from roadseal.operate.pki.unit.device import DeviceState, Renewal
from roadseal.operate.pki.v2x import (
    EuSystem,
    Ledger,
    ListVerdict,
    TrustAnchors,
    read_list,
    trust_anchors,
)
from roadseal.operate.pki.v2x.ledger import Record
from roadseal.operate.pki.v2x.lists import TrustList
from roadseal.operate.pki.v2x.points import certificate_digest
from roadseal.operate.pki.v2x.station import Request, Response
from roadseal.operate.qkd.channel import HybridChannel
from roadseal.pilot.air_pki import AirPki
from roadseal.pilot.approach import Approach, load_approach
from roadseal.pilot.drills import (
    DRILLS,
    Scene,
    backhaul_cut,
    identities,
    identity_site,
    key_rollover,
    qkd,
    rsu_revoked,
)
from roadseal.pilot.drills import qday_backhaul as wire
from roadseal.pilot.qkd_backhaul import FIBRE
from roadseal.pilot.stations import Stations
from roadseal.v2x import Policy, Reason, Verifier

START = parse_instant("2026-11-23T08:00")
WITH_ENGINE = [name for name in DRILLS if not name.startswith(("qkd-", "pki-"))]
ON_THE_AIR = [name for name in WITH_ENGINE if name != "backhaul-cut"]
FIELDS = [
    *("ok", "overall", "signature", "freshness", "psid", "payload", "missing", "algorithm"),
    *("generation_time", "p2pcd_requests", "requested_certificate"),
]


class Bent:
    """A real verifier whose answers are bent."""

    def __init__(self, verifier: Verifier, **bent: Any) -> None:
        self._verifier = verifier
        self._bent = bent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._verifier, name)

    def verify(self, message: bytes, at: int | None = None) -> Any:
        verdict = self._verifier.verify(message, at)
        return SimpleNamespace(
            **{**{name: getattr(verdict, name) for name in FIELDS}, **self._bent}
        )


class BentStations(Stations):
    bent: dict[str, Any]

    def verifier(self, policy: Policy | None = None, *, threads: int = 1) -> Verifier:
        return Bent(super().verifier(policy, threads=threads), **self.bent)  # type: ignore[return-value]


class Gullible(BentStations):
    bent = {"ok": True, "overall": "ok", "signature": "ok", "freshness": "ok"}  # noqa: RUF012


class Deaf(BentStations):
    bent = {"ok": False, "overall": "malformed", "signature": None}  # noqa: RUF012


class Lax(Stations):
    """Receivers that accept any algorithm and any age, from anybody in the trust store."""

    def verifier(self, policy: Policy | None = None, *, threads: int = 1) -> Verifier:
        never_us = 2**62
        lax = Policy(max_age_us=never_us, max_ahead_us=never_us, replay=False)
        return super().verifier(lax, threads=threads)


def scene(approach: str, stations: type[Stations] = Stations) -> Scene:
    usual = Scene.set_up(load_approach(approach), seed=3, start=START)
    made = stations.establish(usual.approach, start=usual.stations.commands.start)
    return replace(usual, stations=made)


@pytest.mark.parametrize("drill", ON_THE_AIR)
def test_an_engine_that_believes_everything_is_noticed(drill: str) -> None:
    assert DRILLS[drill].runner(scene("hybrid", Gullible)).held is False


@pytest.mark.parametrize("drill", [name for name in WITH_ENGINE if name != "q-day"])
def test_an_engine_that_believes_nothing_is_noticed(drill: str) -> None:
    approach = "hybrid" if drill == "hybrid-stripped" else "classical"
    assert DRILLS[drill].runner(scene(approach, Deaf)).held is False


@pytest.mark.parametrize("drill", ["clock-jump", "legacy-unit", "rsu-offline", "hybrid-stripped"])
def test_a_policy_that_asks_for_nothing_is_noticed(drill: str) -> None:
    assert DRILLS[drill].runner(scene("hybrid", Lax)).held is False


def test_the_engine_refuses_halves_whatever_the_policy_says() -> None:
    """Dual certificates bind their holders: Q-day's forgeries fail even under a lax policy."""
    figures = DRILLS["q-day"].runner(scene("hybrid", Lax)).figures
    assert figures["forged_granted"] == figures["forged_spat_accepted"] == 0


def test_a_monitor_that_never_alarms_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qkd.LinkMonitor, "judge", lambda *_: None)
    assert DRILLS["qkd-eavesdropper"].runner(scene("qkd")).held is False


def test_keys_out_of_the_dark_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qkd, "_CUT", FIBRE)
    assert DRILLS["qkd-fibre-cut"].runner(scene("qkd")).held is False


def test_a_channel_that_opens_without_its_key_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HybridChannel, "_check_keys", lambda *_: None)
    assert DRILLS["qkd-pool-exhausted"].runner(scene("qkd")).held is False


def test_a_channel_that_believes_any_offer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HybridChannel, "asked", lambda *_: ("drill",))
    monkeypatch.setattr("roadseal.operate.qkd.channel._proof", lambda *_: bytes(48))
    assert DRILLS["qkd-downgrade"].runner(scene("qkd")).held is False


def test_a_kme_that_lives_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lives(_server: TlsServer) -> None:
        pass

    monkeypatch.setattr(TlsServer, "close", lives)
    assert DRILLS["qkd-kme-killed"].runner(scene("qkd")).held is False


def test_a_revocation_that_is_not_delivered_is_noticed() -> None:
    assert rsu_revoked.run(scene("classical")).held
    for finding in (
        rsu_revoked.run(scene("classical"), pushed=False),
        rsu_revoked.run(scene("classical"), broadcast_delivery=0.0),
    ):
        assert finding.held is False
        assert finding.figures["refused_max_s"] > rsu_revoked.WITHIN_S


def test_authorities_that_never_go_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AirPki, "stop", lambda _: None)
    finding = DRILLS["ca-offline"].runner(scene("classical"))
    assert (finding.held, finding.figures["requests_unanswered"]) == (False, 0)


def test_an_authority_that_forgets_what_it_answered_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ledger, "answered", lambda *_: None)

    def written_and_forgotten(
        ledger: Ledger, _request: bytes, answer: bytes, _now: Time64, issued: Sequence[Record] = ()
    ) -> bytes:
        ledger.issue(issued)
        return answer

    monkeypatch.setattr(Ledger, "answer", written_and_forgotten)
    assert DRILLS["ca-offline"].runner(scene("classical")).held is False


def test_an_authority_that_gives_the_old_ticket_again_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer, given = AirPki.answer, []

    def first(pki: AirPki, request: Request, now: Time64) -> Response:
        given.append(answer(pki, request, now))
        return given[0]

    monkeypatch.setattr(AirPki, "answer", first)
    finding = DRILLS["certificate-expired"].runner(scene("classical"))
    assert (finding.held, finding.figures["verified_after_renewal"]) == (False, 0)


def test_a_list_without_the_revoked_authority_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EuSystem, "revoke_authority", lambda *_: None)
    finding = rsu_revoked.run(scene("classical"))
    assert (finding.held, finding.figures["refused_max_s"]) == (False, 11.0)


def test_a_suspension_that_is_not_noted_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "suspend", lambda *_: True)
    finding = rsu_revoked.run(scene("classical"))
    assert finding.held is False
    assert "refused it a new ticket (ok)" in finding.observed


@pytest.mark.parametrize("drill", [rsu_revoked, key_rollover])
def test_stations_that_believe_any_list_are_noticed(
    drill: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def believed(octets: bytes, trusted: Sequence[bytes], now: Time64) -> ListVerdict:
        verdict = read_list(octets, trusted, now)
        contents = verdict.contents
        of_tlm = isinstance(contents, TrustList) and contents.of_tlm
        signer = trusted[0] if of_tlm else trusted[-1]
        return replace(verdict, reason=Reason.OK, signer=certificate_digest(signer)[-8:])

    monkeypatch.setattr(trust_anchors, "read_list", believed)
    finding = drill.run(scene("classical"))
    assert finding.held is False
    believers = "forged_lists_believed" if drill is rsu_revoked else "impostor_believed"
    assert finding.figures[believers] > 0


def test_old_authorities_that_never_leave_the_lists_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(AirPki, "retire", lambda *_: None)
    finding = key_rollover.run(scene("classical"))
    assert (finding.held, finding.figures["old_believed_when_retired"]) == (False, 1)


def test_a_new_root_instead_of_one_beside_the_old_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hear = TrustAnchors.hear

    def only_the_newest(anchors: TrustAnchors, octets: bytes, now: Time64) -> object:
        after, reason = hear(anchors, octets, now)
        roots = after.manager.certificates("rca")
        for name in [certificate_digest(root)[-8:] for root in roots[:-1]]:
            after = replace(
                after, manager=replace(after.manager, revoked=after.manager.revoked | {name})
            )
        return after, reason

    monkeypatch.setattr(TrustAnchors, "hear", only_the_newest)
    monkeypatch.setattr(TrustAnchors, "enter", enter_with_revoked)
    finding = key_rollover.run(scene("classical"))
    assert finding.held is False
    assert finding.figures["old_refused_in_overlap"] > 0


def enter_with_revoked(anchors: TrustAnchors, verifier: Verifier) -> None:
    anchors.manager.enter(verifier)
    for state in anchors.roots.values():
        state.enter(verifier)


def test_a_key_nobody_announced_is_noticed() -> None:
    assert key_rollover.run(scene("classical")).held
    finding = key_rollover.run(scene("classical"), announced=False)
    assert finding.held is False
    assert finding.figures["informed_share"] == 0


def test_a_unit_that_does_not_answer_lets_the_newcomer_wait() -> None:
    answering = key_rollover.run(scene("classical"))
    silent = key_rollover.run(scene("classical"), answers=False)
    assert silent.figures["newcomer_wait_s"] > answering.figures["newcomer_wait_s"]


def test_a_link_that_was_not_cut_is_noticed() -> None:
    finding = backhaul_cut.run(scene("classical"), cut=False)
    assert finding.held is False
    assert finding.figures["confirmed_in_cut"] == 3


def test_a_classical_backhaul_under_post_quantum_messages_is_noticed() -> None:
    mixed: Approach = replace(load_approach("pqc"), backhaul=load_approach("classical").backhaul)
    finding = DRILLS["q-day"].runner(Scene.set_up(mixed, seed=3, start=START))
    assert finding.figures["forged_granted"] == 0
    assert finding.figures["sessions_opened"] == wire.SESSIONS
    assert finding.held is False


def test_a_relying_party_that_believes_the_revoked_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = Standing(State.GOOD, 0.0, accepted=True)
    monkeypatch.setattr(StatusKeeper, "judge", lambda *_: good)
    assert DRILLS["pki-revoked"].runner(scene("pqc")).held is False


def test_an_authority_that_forgets_blocked_keys_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(issuing, "refuse_blocked", lambda *_: None)
    assert DRILLS["pki-module-compromised"].runner(scene("pqc")).held is False


def test_half_a_composite_check_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Composite, "verify", lambda *_, **__: True)
    assert DRILLS["pki-component-broken"].runner(scene("hybrid")).held is False


def test_a_unit_that_forgets_the_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "hear_time", lambda state, _: state)
    assert DRILLS["pki-wrong-clock"].runner(scene("pqc")).held is False


@pytest.mark.parametrize("drill", ["pki-expired", "pki-root-rollover", "pki-authority-offline"])
def test_sessions_that_always_open_are_noticed(drill: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "handshake", lambda *_, **__: None)
    monkeypatch.setattr(identity_site, "handshake", lambda *_, **__: None)
    assert DRILLS[drill].runner(scene("pqc")).held is False


def test_a_unit_that_never_renews_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "renewal", only_bootstrap)
    assert DRILLS["pki-authority-offline"].runner(scene("pqc")).held is False
    assert DRILLS["pki-wrong-clock"].runner(scene("pqc")).held is False


def only_bootstrap(state: DeviceState, *_: object) -> Renewal:
    return Renewal.KEEP if state.preferred else Renewal.BOOTSTRAP
