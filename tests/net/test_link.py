"""Media as values, and what they do to a TCP connection."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadseal.errors import RoadsealError
from roadseal.net.impair import INITIAL_WINDOW_BYTES, SEGMENT_BYTES, ImpairedPath, set_up_s
from roadseal.net.link import (
    LOOPBACK,
    Link,
    Quantity,
    Status,
    load_links,
    parse_links,
    shipped_links,
)


def made(delay_ms=0.0, jitter_ms=0.0, loss=0.0, bandwidth_mbps=1000.0) -> Link:
    def both(value):
        return Quantity(value, value, Status.MODELLED, "test")

    return Link("t", "T", both(delay_ms), both(jitter_ms), both(loss), both(bandwidth_mbps))


def path(link: Link, seed=1) -> ImpairedPath:
    return ImpairedPath(link.up, link, rng=random.Random(seed), open_at_s=0.0)


def test_every_shipped_value_has_its_source():
    links = shipped_links()
    assert set(links) == {"fibre", "5g", "municipal-broadband"}
    for link in links.values():
        for quantity in (link.delay_ms, link.jitter_ms, link.loss, link.bandwidth_mbps):
            assert len(quantity.source) > 20
            assert ("assumed" in quantity.source) <= (quantity.status is Status.MODELLED) or (
                "symmetry assumed" in quantity.source
            )
    assert links["fibre"].round_trip_s < links["5g"].round_trip_s
    assert links["5g"].up.delay_s == pytest.approx(0.018)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("x = 1\ny", "line 2|end of document"),
        ("[x]\n", r"\[x\] needs a title"),
        ("[x]\ntitle='X'\n", r"\[x.delay_ms\] is missing"),
        ("[x]\ntitle='X'\nspeed=1\n", "unknown key speed"),
        ("[x]\ntitle='X'\n[x.delay_ms]\nup=-1\ndown=1\n", "up must be a number"),
        ("[x]\ntitle='X'\n[x.delay_ms]\nup=nan\ndown=1\n", "up must be a number"),
        ("[x]\ntitle='X'\n[x.delay_ms]\nup=1\ndown=1\nstatus='true'\n", "cited or modelled"),
        ("[x]\ntitle='X'\n[x.delay_ms]\nup=1\ndown=1\nstatus='cited'\n", "needs a source"),
    ],
)
def test_a_wrong_description_is_named(text, where):
    with pytest.raises(RoadsealError, match=where) as raised:
        parse_links(text)
    assert raised.value.code == "link-malformed"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RoadsealError) as raised:
        load_links(tmp_path / "none.toml")
    assert raised.value.code == "link-unreadable"


def test_set_up_takes_a_round_trip_and_delivery_half_of_one():
    link = made(delay_ms=10)
    assert set_up_s(link, random.Random(1)) == pytest.approx(0.020)
    (_, arrival_s), *rest = path(link).schedule(0.0, 100)
    assert not rest
    assert arrival_s == pytest.approx(0.010, abs=1e-5)


def test_a_lost_syn_costs_a_second_two_lost_ones_three():
    rng = random.Random(1)
    link = made(delay_ms=10, loss=0.1)
    waits = [round(set_up_s(link, rng) - 0.020, 6) for _ in range(2000)]
    assert set(waits) > {0, 1, 3}
    # one or the other is lost with 0.19; four standard deviations of 2,000
    assert waits.count(0) / len(waits) == pytest.approx(0.81, abs=0.035)
    assert waits.count(1) / len(waits) == pytest.approx(0.81 * 0.19, abs=0.032)


def test_bandwidth_spaces_the_segments():
    segments = path(made(bandwidth_mbps=1.2)).schedule(0.0, 3 * SEGMENT_BYTES)
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(segments)]
    assert gaps == pytest.approx([0.01, 0.01])  # 1,500 B at 1.2 Mbit/s


def test_the_eleventh_segment_waits_for_the_first_acknowledgement():
    """What makes a 16 KB flight cost a round trip more than a 14 KB one."""
    segments = path(made(delay_ms=50)).schedule(0.0, INITIAL_WINDOW_BYTES + 1)
    arrivals = [arrival_s for _, arrival_s in segments]
    assert arrivals[9] - arrivals[0] < 0.002
    assert arrivals[10] - arrivals[0] == pytest.approx(0.1, abs=0.002)


def test_slow_start_doubles_each_round_trip():
    segments = path(made(delay_ms=50, bandwidth_mbps=10_000)).schedule(0.0, 70 * SEGMENT_BYTES)
    trips = [round((arrival_s - segments[0][1]) / 0.1) for _, arrival_s in segments]
    assert [trips.count(trip) for trip in range(3)] == [10, 20, 40]


def test_small_messages_do_not_widen_the_window():
    """So a client's 15 KB flight after its hello costs a round trip more as well."""
    one = path(made(delay_ms=50))
    one.schedule(0.0, 1200)
    arrivals = [arrival_s for _, arrival_s in one.schedule(0.2, INITIAL_WINDOW_BYTES + 1)]
    assert arrivals[9] - arrivals[0] < 0.002
    assert arrivals[10] - arrivals[0] == pytest.approx(0.1, abs=0.002)


def test_an_acknowledgement_has_the_jitter_of_its_way():
    segments = path(made(delay_ms=50, jitter_ms=1)).schedule(0.0, INITIAL_WINDOW_BYTES + 1)
    arrivals = [arrival_s for _, arrival_s in segments]
    assert arrivals[10] - arrivals[0] >= 0.101


def test_how_late_a_lost_segment_is_depends_on_what_follows_it():
    class Loser(random.Random):
        """Loses the first segment once."""

        def __init__(self):
            super().__init__(0)
            self.drawn = 0

        def random(self):
            self.drawn += 1
            return 0.0 if self.drawn == 1 else 1.0

    link = made(delay_ms=10, loss=0.5)

    def losing_the_first_of(count: int) -> list[tuple[int, float]]:
        one = ImpairedPath(link.up, link, rng=Loser(), open_at_s=0.0)
        segments = one.schedule(0.0, count * SEGMENT_BYTES)
        assert one.losses == 1
        return segments

    lone, few, many = (losing_the_first_of(count) for count in (1, 2, 5))
    assert lone[0][1] == pytest.approx(0.010 + 0.02 + 0.2, abs=1e-3), "timeout"
    assert few[0][1] == pytest.approx(0.010 + 0.02 * 1.25, abs=1e-3), "RACK"
    assert many[0][1] == pytest.approx(0.010 + 0.02, abs=1e-3), "fast retransmit"
    assert many[4][1] >= many[0][1], "the stream waits for its hole to be filled"


@pytest.mark.parametrize("loss", [0.003, 0.01, 0.03])
def test_a_lossy_link_carries_what_the_formula_of_mathis_says(loss):
    """1.22 segments per round trip and root of the loss (Mathis et al., CCR 27(3), 1997)."""
    one = path(made(delay_ms=50, loss=loss, bandwidth_mbps=10_000))
    for _ in range(100):
        segments = one.schedule(0.0, 50 * SEGMENT_BYTES)
    per_second = 5000 / segments[-1][1]
    assert per_second == pytest.approx(1.22 / (0.1 * loss**0.5), rel=0.15)


def test_loss_and_jitter_have_the_stated_means():
    lossy, quiet = path(made(loss=0.05)), path(made(loss=0.05), seed=2)
    for one in (lossy, quiet):
        one.schedule(0.0, 20_000 * SEGMENT_BYTES)
    # lost n times with p^n: 20,000 × 0.05/0.95 = 1,053 expected, standard deviation 33
    assert 900 < lossy.losses < 1200
    assert lossy.losses != quiet.losses
    late = []
    for seed in range(2000):
        (_, arrival_s), *_ = path(made(delay_ms=5, jitter_ms=2), seed).schedule(0.0, 10)
        late.append(arrival_s - 0.005)
    assert sum(late) / len(late) == pytest.approx(0.002, rel=0.1)


@given(
    st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 40_000)), min_size=1, max_size=20),
    st.integers(0, 9),
)
def test_bytes_are_kept_and_arrive_in_order(sends, seed):
    for link in (*shipped_links().values(), LOOPBACK, made(loss=0.5)):
        one = path(link, seed)
        now_s, last_s = 0.0, 0.0
        for pause_s, size in sends:
            now_s += pause_s
            arrivals = one.schedule(now_s, size)
            assert sum(length for length, _ in arrivals) == size
            for _, arrival_s in arrivals:
                assert arrival_s >= last_s
                assert arrival_s >= now_s + link.up.delay_s
                last_s = arrival_s


def test_same_seed_same_link():
    link = shipped_links()["5g"]
    assert path(link, 7).schedule(0.0, 50_000) == path(link, 7).schedule(0.0, 50_000)
    assert path(link, 7).schedule(0.0, 50_000) != path(link, 8).schedule(0.0, 50_000)
