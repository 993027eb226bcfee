from __future__ import annotations

from dataclasses import replace

import pytest
from report_sample import sample_results, small_corridor

from roadseal.pilot.measures import EmergencyTrip, Figure, Provenance, Results, exact
from roadseal.pilot.report.corridor_map import corridor_map
from roadseal.pilot.report.trips import mean_travel_times_s
from roadseal.pilot.report.verdict import verdict


def sentences(results: Results) -> str:
    return " ".join(verdict(results, small_corridor()))


def only(results: Results, measure_id: str, figures: dict[str, Figure | None]) -> Results:
    """The results with other figures for one measure and no other measures."""
    found = next(m for m in results.measures if m.id == measure_id)
    return replace(results, measures=[replace(found, values=figures)])


def counted(value: float, n: int = 12) -> Figure:
    return exact(value, n=n, provenance=Provenance.MEASURED)


def test_the_verdict_follows_the_figures() -> None:
    sample = sample_results()
    words = sentences(only(sample, "forged-granted", {"classical": counted(12), "pqc": counted(0)}))
    assert "granted under classical (12 of 12) and not under pqc." in words
    # The other way round the sentence turns round: nothing in it is fixed.
    words = sentences(only(sample, "forged-granted", {"classical": counted(0), "pqc": counted(3)}))
    assert "granted under pqc (3 of 12) and not under classical." in words


def test_nothing_is_said_of_what_was_not_measured() -> None:
    bare = replace(sample_results(), measures=[], drills=[], emergency=[], about={})
    assert verdict(bare, small_corridor()) == ["5 approaches met the same traffic at 3 signals."]


def test_a_corridor_of_one_signal_is_told_as_such() -> None:
    corridor = small_corridor()
    alone = replace(corridor, signals=corridor.signals[:1])
    assert "traffic at one signal" in " ".join(verdict(sample_results(), alone))
    assert corridor_map(alone, []).caption.startswith("One signal, an RSU at each")


def test_holes_of_the_table_are_counted() -> None:
    results = only(sample_results(), "forged-granted", {"classical": counted(1), "pqc": None})
    assert "Not measured yet: 1 of 2 figures (pqc 1)." in sentences(results)


def test_drills_name_what_failed_and_leave_out_what_does_not_apply() -> None:
    words = sentences(sample_results())
    assert "classical and qkd held 5 of 6 (not Q-day)" in words
    assert "hybrid held 7 of 7" in words


def test_what_intervals_cannot_tell_apart_is_told_together() -> None:
    def around(value: float) -> Figure:
        made = Provenance.MODELLED
        return Figure(value, 100, value - 0.02, value + 0.02, "95 % confidence", made)

    figures = {"classical": around(0.84), "hybrid": around(0.83), "pqc": around(0.69)}
    words = sentences(only(sample_results(), "pdr-200m", figures))
    assert "84 % of the messages under classical and hybrid, 69 % under pqc." in words


def test_means_are_of_the_vehicles_that_arrived_under_every_approach() -> None:
    sample = sample_results()
    times = mean_travel_times_s(sample)
    arrived = {t.vehicle for t in sample.emergency if t.approach == "no priority" and t.arrived}
    assert len(arrived) == 5
    mine = [
        t.travel_time_s for t in sample.emergency if t.approach == "pqc" and t.vehicle in arrived
    ]
    assert times["pqc"] == pytest.approx(sum(mine) / len(mine))


def test_travel_times_are_told_as_a_range_that_names_its_ends() -> None:
    def trip(approach: str, time_s: float) -> EmergencyTrip:
        return EmergencyTrip(approach, "ev0", time_s, 0.0, 0, arrived=True)

    trips = [trip("no priority", 90.0), trip("classical", 70.0), trip("pqc", 74.0)]
    words = sentences(replace(sample_results(), emergency=trips))
    assert "90 s on average without priority and 70 s (classical) to 74 s (pqc) with it." in words
    words = sentences(replace(sample_results(), emergency=trips[:2]))
    assert "90 s on average without priority and 70 s with it." in words
