"""Sizes are what independent encoders say, and the benchmark measures what it says."""

from roadseal.clock import SystemClock
from roadseal.v2x import message_profiles
from roadseal.v2x.benchmark import DECISION_TARGETS, FIGURES, benchmark
from roadseal.v2x.sizes import message_sizes

# asn1tools, IEEE 1609.2-2022 with the post-quantum choices, 85-byte payload.
# ML-DSA-65 has one byte more than there: SHA-384 goes with it, also in the issuer's digest.
INDEPENDENT = {
    "ecdsa-p256": (156, 178, 328),
    "ph-fn-dsa-512/pre1": (760, 178, 932),
    "ph-ml-dsa-44/rs1": (2514, 178, 2686),
    "fn-dsa-512/pre1": (1627, 782, 2403),
    "dual-p256-fn-dsa-512/pre1": (1736, 848, 2578),
    "ml-dsa-44/rs1": (3796, 2536, 6326),
    "ml-dsa-65/rs1": (5326, 3425, 8745),
}


def test_sizes() -> None:
    rows = {row.profile: row for row in message_sizes()}
    assert list(rows) == list(message_profiles())
    for profile, sizes in INDEPENDENT.items():
        row = rows[profile]
        assert (row.certificate, row.digest_spdu, row.full_certificate_spdu) == sizes
    assert rows["ecdsa-p256"].status == "standard"
    assert rows["ml-dsa-44/rs1"].status == "roadseal-experimental"


def test_payload_adds_its_own_bytes() -> None:
    small, large = (next(message_sizes(payload)) for payload in (85, 105))
    assert large.digest_spdu - small.digest_spdu == 20
    assert large.certificate == small.certificate


def test_benchmark_gives_every_figure() -> None:
    figures = list(benchmark(SystemClock(), messages=40, rounds=2))
    assert len(figures) == FIGURES
    assert {figure.profile for figure in figures} == set(DECISION_TARGETS)
    for figure in figures:
        assert figure.ratio > 0
        assert figure.met is (
            figure.ratio >= figure.target
            if figure.comparison == "≥"
            else figure.ratio <= figure.target
        )
    decision, first = figures[0], next(f for f in figures if f.what == "first contact")
    assert decision.engine_us < first.engine_us
    assert abs(decision.ratio - decision.raw_us / decision.engine_us) < 1e-9
