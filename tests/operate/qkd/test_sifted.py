"""Two sifted keys of others become a key, with all that leaked counted."""

from __future__ import annotations

import math

import galois
import numpy as np
import pytest
import randextract

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.reconciling import VARIANTS, efficiency_curve
from roadseal.operate.qkd.sifted import HASH_BITS, distil_sifted, toeplitz


def keys(bits: int, share: float, seed: int = 1):
    draw = np.random.default_rng(seed)
    alice = draw.integers(0, 2, bits).astype(bool)
    bob = alice.copy()
    bob[draw.choice(bits, round(bits * share), replace=False)] ^= True
    return alice, bob


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_key_comes_out_and_every_bit_that_was_said_is_paid_for(variant):
    alice, bob = keys(200_000, 0.02)
    found = distil_sifted(alice, bob, variant=variant, seed=1)
    assert found.verified
    assert found.sampled == 20_000
    n, k = 180_000, 20_000
    gap = math.sqrt((n + k) / (n * k) * (k + 1) / k * math.log(4e10))
    assert found.phase_error == pytest.approx(found.sample_errors / k + gap)
    q = found.phase_error
    entropy = -q * math.log2(q) - (1 - q) * math.log2(1 - q)
    leak = found.reconciled.told + HASH_BITS * found.reconciled.checks
    assert len(found.key) == math.floor(n * (1 - entropy) - leak - 2 * math.log2(1e10) - 1)
    assert abs(found.key.mean() - 0.5) < 0.01


def test_keys_that_an_eavesdropper_heard_give_nothing():
    for share in (0.11, 0.25, 0.5):
        assert len(distil_sifted(*keys(100_000, share)).key) == 0


def test_short_keys_give_nothing_rather_than_too_much():
    found = distil_sifted(*keys(2000, 0.02))
    assert len(found.key) == 0
    assert found.asymptotic_bits > 0


def test_equal_keys_have_no_efficiency():
    alice, _ = keys(5000, 0)
    assert distil_sifted(alice, alice).reconciled.efficiency is None


def test_no_key_is_drawn_twice_without_a_seed():
    two = [distil_sifted(*keys(100_000, 0.01)).key for _ in range(2)]
    short = min(map(len, two))
    assert (two[0][:short] != two[1][:short]).any()


@pytest.mark.parametrize(("bits", "other", "share"), [(10, 11, 0.1), (5, 5, 0.01), (9, 9, 1.0)])
def test_keys_that_do_not_go_together_are_refused(bits, other, share):
    with pytest.raises(RoadsealError):
        distil_sifted(np.zeros(bits, bool), np.zeros(other, bool), sample_share=share)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (9, 9), (100, 37), (1000, 613)])
def test_the_hash_is_randextracts(n, m):
    draw = np.random.default_rng(n)
    seed, bits = draw.integers(0, 2, n + m - 1), draw.integers(0, 2, n)
    reference = randextract.ToeplitzHashing(input_length=n, output_length=m)
    expected = np.array(reference.extract(galois.GF2(bits), galois.GF2(seed)))
    assert (toeplitz(seed.astype(bool), bits.astype(bool), m) == expected).all()


def test_a_seed_of_another_length_is_refused():
    with pytest.raises(RoadsealError):
        toeplitz(np.zeros(9, bool), np.zeros(8, bool), 4)


def test_a_curve_has_a_point_for_each_variant_length_and_rate():
    points = list(efficiency_curve(VARIANTS, [1000, 2000], [0.0, 0.05], runs=3, seed=1))
    assert len(points) == 12
    assert [point.efficiency is None for point in points[:4]] == [True, False] * 2
    assert points == list(efficiency_curve(VARIANTS, [1000, 2000], [0.0, 0.05], runs=3, seed=1))
