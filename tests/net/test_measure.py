"""The measurement is of what really happened."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from roadseal.clock import SystemClock
from roadseal.net import (
    CLASSICAL,
    HYBRID,
    LOOPBACK,
    PQC,
    measure_handshakes,
    shipped_links,
    summarise,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("profile", [CLASSICAL, PQC, HYBRID], ids=lambda p: p.name)
def test_each_figure_is_filled_in_and_plausible(profile):
    samples = measure_handshakes(profile, LOOPBACK, 3, 1, SystemClock())
    assert [sample.index for sample in samples] == [0, 1, 2]
    for sample in samples:
        assert (sample.success, sample.reason) == (True, "ok")
        assert (sample.flights, sample.round_trips) == (3, 1)
        assert 0 < sample.client_cpu_s < 1
        assert 0 < sample.server_cpu_s < 1
        assert sample.wall_s > 0
        assert sample.response_s > 0
        assert sample.group == profile.groups[0]
        assert sample.server_signature == profile.signature_schemes[0]
    summary = summarise(samples)
    assert (summary.n, summary.successes) == (3, 3)
    expected = 1_300 if profile is CLASSICAL else 16_000
    assert summary.bytes_up_p50 == pytest.approx(expected, rel=0.1)
    assert summary.bytes_down_p50 == pytest.approx(expected, rel=0.15)


def test_without_intermediates_a_third_of_the_bytes_goes():
    whole = summarise(measure_handshakes(HYBRID, LOOPBACK, 1, 1, SystemClock()))
    diet = summarise(
        measure_handshakes(HYBRID, LOOPBACK, 1, 1, SystemClock(), send_intermediate=False)
    )
    assert diet.bytes_down_p50 / whole.bytes_down_p50 == pytest.approx(0.65, abs=0.05)


def test_the_link_is_in_the_time():
    link = shipped_links()["5g"]
    samples = measure_handshakes(CLASSICAL, link, 2, 1, SystemClock())
    for sample in samples:
        least_s = 2 * (link.up.delay_s + link.down.delay_s)  # TCP and TLS, a round trip each
        assert sample.wall_s >= least_s
        assert sample.response_s >= least_s / 2


def test_a_flight_over_ten_segments_costs_a_round_trip_more():
    """16 KB of ML-DSA certificates do not fit into TCP's initial window, 10 KB do."""
    link = shipped_links()["municipal-broadband"]
    clock = SystemClock()
    whole_s = diet_s = math.inf
    for seed in range(5, 35):  # what other work on the machine adds is not in every round
        for sample in measure_handshakes(HYBRID, link, 3, seed, clock):
            whole_s = min(whole_s, sample.wall_s)
        for sample in measure_handshakes(HYBRID, link, 3, seed, clock, send_intermediate=False):
            diet_s = min(diet_s, sample.wall_s)
        if whole_s - diet_s == pytest.approx(link.round_trip_s, abs=link.round_trip_s / 2):
            return
    pytest.fail(f"the tenth segment costs {whole_s - diet_s:.4f} s, not {link.round_trip_s:.4f} s")


def test_a_refused_peer_is_a_sample_with_its_reason():
    samples = measure_handshakes(CLASSICAL, LOOPBACK, 3, 1, SystemClock(), server_profile=PQC)
    assert [(s.success, s.reason) for s in samples] == [(False, "no_common_group")] * 3
    summary = summarise(samples)
    assert (summary.n, summary.successes, summary.wall_p50_s) == (3, 0, 0.0)


def test_a_retry_is_counted():
    (sample,) = measure_handshakes(PQC, LOOPBACK, 1, 1, SystemClock(), server_profile=HYBRID)
    assert (sample.flights, sample.round_trips, sample.group) == (5, 2, "X25519MLKEM768")


def test_the_bench_gives_ratios():
    done = subprocess.run(
        [sys.executable, ROOT / "benches/bench_tls.py", "--n", "2", "--json"],
        capture_output=True,
        check=True,
        text=True,
    )
    rows = json.loads(done.stdout)
    assert [row["profile"] for row in rows] == ["classical"] * 2 + ["pqc"] * 2 + ["hybrid"] * 2
    assert rows[0]["cpu_ratio"] == rows[0]["bytes_ratio"] == 1.0
    assert all(row["successes"] == row["n"] == 2 for row in rows)
    assert rows[4]["bytes_ratio"] == pytest.approx(11.7, abs=1.0)
