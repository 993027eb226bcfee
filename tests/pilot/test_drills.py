"""What each drill finds under each approach, and that the same seed finds the same."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from roadseal.clock import parse_instant
from roadseal.errors import RoadsealError
from roadseal.pilot.approach import load_approach, shipped_approaches
from roadseal.pilot.drills import ALL, DRILLS, run_drills
from roadseal.pilot.measures import DrillResult

START = parse_instant("2026-11-23T08:00:00.25")
SEED = 7
CLASSICAL, DUAL, QKD = {"classical"}, {"hybrid"}, {"hybrid"}

Found = dict[str, DrillResult]


# The others protect the air and the backhaul as one of these does.
@pytest.fixture(scope="module", params=["classical", "pqc", "pqc-ml-dsa-44", "hybrid"])
def found(request: pytest.FixtureRequest) -> Found:
    results = run_drills(load_approach(request.param), [ALL], seed=SEED, start=START)
    assert [result.drill for result in results] == list(DRILLS)
    assert {result.approach for result in results} == {request.param}
    return {result.drill: result for result in results}


def approach_of(found: Found) -> str:
    return found["q-day"].approach


def test_only_what_must_fail_fails(found: Found) -> None:
    held = {name: result.held for name, result in found.items()}
    expected: dict[str, bool | None] = dict.fromkeys(DRILLS, True)
    expected["q-day"] = approach_of(found) not in CLASSICAL
    expected["hybrid-stripped"] = True if approach_of(found) in DUAL else None
    expected["pki-component-broken"] = True if approach_of(found) == "hybrid" else None
    for drill in DRILLS:
        if drill.startswith("qkd-") and approach_of(found) not in QKD:
            expected[drill] = None
    assert held == expected


def test_results_can_be_shown(found: Found) -> None:
    for result in found.values():
        drill = DRILLS[result.drill]
        assert (result.title, result.fault) == (drill.title, drill.fault)
        assert result.expectation == drill.expectation
        assert result.observed.endswith(".")
        assert len(result.timeline) <= 20
        times = [moment.time_s for moment in result.timeline]
        assert times == sorted(times)
        assert all(value == value for value in result.figures.values())
        assert (result.n > 0) == (result.held is not None)
        assert pickle.loads(pickle.dumps(result)) == result


def test_an_outage_within_the_reserve_is_not_noticed(found: Found) -> None:
    figures = found["ca-offline"].figures
    assert figures["availability_short"] == 1.0
    assert 0.5 < figures["availability_long"] < 1.0
    assert figures["first_refusal_s"] == figures["ticket_life_s"] / 3
    assert 0 < figures["recovery_s"] <= 2.0
    # Five vehicles ask every two seconds once their renewal is due; all get theirs in the end.
    assert figures["requests_unanswered"] > 50
    assert figures["tickets_renewed"] >= 10


def test_a_certificate_ends_in_its_second(found: Found) -> None:
    assert found["certificate-expired"].figures == {
        "verified_before": 250.0,
        "accepted_after": 0.0,
        "refused_after": 150.0,
        "refused_late_s": 0.0,
        "verified_after_renewal": 5.0,
    }


def test_silence_withdraws_and_playback_is_not_believed(found: Found) -> None:
    figures = found["rsu-offline"].figures
    assert 0.3 <= figures["withdrawn_after_s"] <= 0.6
    assert figures["stale_used"] == figures["played_back_believed"] == 0
    assert figures["played_back"] > 100
    assert 0 < figures["recovery_s"] <= 1.0


def test_revocation_reaches_all(found: Found) -> None:
    figures = found["rsu-revoked"].figures
    assert 0 < figures["refused_p50_s"] <= figures["refused_max_s"] <= 10.0
    assert figures["accepted_after_decision"] > 0
    assert figures["forged_lists_believed"] == 0
    assert figures["others_heard_at_end"] == 20
    # What the European way costs: the second AA is not known everywhere at once.
    assert 0 < figures["honest_refused"] < figures["honest_messages"] / 4


def test_post_quantum_lists_take_longer_to_arrive() -> None:
    """The same draws; CTL and CRL are cut into frames, each of which arrives or not."""
    results = {
        name: run_drills(load_approach(name), ["rsu-revoked"], seed=SEED, start=START)[0].figures
        for name in ("classical", "hybrid", "pqc-ml-dsa-44")
    }
    frames = [figures["list_frames"] for figures in results.values()]
    refused_s = [figures["refused_max_s"] for figures in results.values()]
    assert frames == [3, 11, 22]
    assert refused_s == sorted(refused_s)
    assert refused_s[0] < refused_s[-1]


def test_a_key_changes_without_loss(found: Found) -> None:
    figures = found["key-rollover"].figures
    assert (figures["lost_to_rollover"], figures["informed_share"]) == (0, 1.0)
    assert figures["messages"] > 500
    assert figures["certificate_requests"] >= 1
    assert 0 < figures["newcomer_wait_s"] <= 3.5
    assert figures["impostor_believed"] == figures["old_refused_in_overlap"] == 0
    assert figures["old_believed_when_retired"] == 0


def test_wrong_clocks_move_nothing(found: Found) -> None:
    assert found["clock-jump"].figures == {
        "refused_stale": 40.0,
        "refused_future": 20.0,
        "verified_without_time": 20.0,
        "actuated_in_fault": 0.0,
        "served_with_right_clock": 100.0,
        "recovery_s": 0.0,
    }


def test_a_cut_backhaul_confirms_nothing(found: Found) -> None:
    figures = found["backhaul-cut"].figures
    assert (figures["confirmed_before"], figures["confirmed_in_cut"]) == (3, 0)
    assert (figures["confirmed_after"], figures["late_answers_passed_over"]) == (3, 3)
    assert figures["availability"] == 1.0


def test_legacy_units(found: Found) -> None:
    figures = found["legacy-unit"].figures
    classical, dual = approach_of(found) in CLASSICAL, approach_of(found) in DUAL
    assert figures["old_receiver_spat_verified"] == 10 * classical
    assert figures["old_receiver_cam_verified"] == 10 * classical
    assert figures["old_cam_accepted"] == 10 * classical
    assert figures["old_cam_in_batch_accepted"] == 10 * (classical or dual)
    assert figures["old_priority_granted"] == 10 * classical


def test_stripping(found: Found) -> None:
    figures = found["hybrid-stripped"].figures
    if approach_of(found) not in DUAL:
        assert figures == {}
        return
    assert figures["stripped_attempts"] == figures["refused_policy_downgrade"] == 30
    assert figures["downgrade_events"] == 30
    assert (figures["stripped_accepted"], figures["genuine_accepted"]) == (0, 10)


def test_qday(found: Found) -> None:
    figures, classical = found["q-day"].figures, approach_of(found) in CLASSICAL
    kinds = 4 if classical else 6  # grafting needs a post-quantum signature
    credible = 3 if classical else 0  # all of them but the adversary's own root
    assert figures["forged_attempts"] == figures["forged_spat_attempts"] == 5 * kinds
    assert figures["forged_granted"] == figures["forged_spat_accepted"] == 5 * credible
    assert figures["sessions_recorded"] == 3
    assert figures["sessions_opened"] == 3 * classical
    # Four questions and answers a session, with their length: (4 + 7) + (4 + 9) bytes each.
    assert figures["bytes_opened"] == 3 * 4 * 24 * classical
    assert figures["centre_impersonated_with_memory"] == classical


def test_qday_tells_what_stays_open(found: Found) -> None:
    """ECDSA awareness and the ECDSA twin of the backhaul: hybrid, and said so."""
    figures, open_ = found["q-day"].figures, approach_of(found) in CLASSICAL | DUAL
    assert figures["forged_cam_accepted"] == figures["forged_cam_attempts"] * open_
    assert figures["centre_impersonated"] == open_


def test_the_same_seed_finds_the_same() -> None:
    approach = load_approach("hybrid")
    first, again = (run_drills(approach, [ALL], seed=SEED, start=START) for _ in range(2))
    assert first == again


def test_what_an_authority_draws_in_secret_is_in_no_figure() -> None:
    """Serial numbers and places in the status list are random, and so is how well it packs."""
    approach = load_approach("classical")
    found = [run_drills(approach, ["pki-revoked"], seed=SEED, start=START) for _ in range(6)]
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("name", shipped_approaches())
def test_every_shipped_approach_meets_qday(name: str) -> None:
    approach = load_approach(name)
    (result,) = run_drills(approach, ["q-day"], seed=SEED, start=START)
    assert result.held is (name not in {"classical", "qkd"})
    mixed = "QKD keys (simulated optics) were mixed in." in result.observed
    assert mixed is (approach.key_source == "qkd")
    # QKD keys close what was recorded even under classical TLS, and leave the radio open.
    assert result.figures["sessions_opened"] == 3 * (name == "classical")
    assert result.figures["tls_layers_opened"] == 3 * (name in {"classical", "qkd"})
    assert (result.figures["forged_granted"] > 0) is (name in {"classical", "qkd"})


def test_another_seed_loses_other_messages() -> None:
    approach = load_approach("classical")
    results = [
        run_drills(approach, ["key-rollover"], seed=seed, start=START)[0].figures
        for seed in range(3)
    ]
    assert len({figures["messages"] for figures in results}) > 1


@pytest.mark.parametrize("drill", ["rsu-offline", "rsu-revoked", "key-rollover"])
def test_no_seed_is_unlucky(drill: str) -> None:
    approach = load_approach("classical")
    for seed in range(100, 102):
        assert run_drills(approach, [drill], seed=seed, start=START)[0].held, seed


def test_drills_are_chosen_by_id_and_run_in_order() -> None:
    approach = load_approach("classical")
    chosen = run_drills(approach, ["clock-jump", "certificate-expired"], seed=1, start=START)
    assert [result.drill for result in chosen] == ["certificate-expired", "clock-jump"]


def test_every_drill_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "drills.md").read_text("utf-8")
    headings = re.findall(r"^### `([^`]+)`", page, re.MULTILINE)
    assert headings == list(DRILLS)


def test_an_unknown_drill_is_named() -> None:
    with pytest.raises(RoadsealError, match="q-night") as error:
        run_drills(load_approach("classical"), ["q-day", "q-night"], seed=1, start=START)
    assert error.value.code == "unknown-drill"
    assert "q-day" in error.value.advice
