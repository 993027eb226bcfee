"""How long a key may be: finite-key security of decoy-state BB84 with one decoy.

The key is made in the X basis, Z is the test basis. A pulse has one of two intensities; counts of
detections and errors by basis and intensity bound what an eavesdropper can know.

Source: arXiv 2405.16578 (a consolidated proof for Lim 2014 and Rusca 2018, whose gaps it closes);
counts are X and Z detections n and errors c by intensity. The vacuum contribution is left out,
which shortens the key and needs no further assumption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_FAILURES = 15
"""Into how many the secrecy parameter is split: each bound may fail with ε_sec / 15."""


@dataclass(frozen=True, slots=True)
class Security:
    """How small the chances are that a key is not what it should be.

    Args:
        secrecy: ε_sec, distance from a key nobody else knows anything of.
        correctness: ε_cor, chance that both ends hold different keys.
    """

    secrecy: float = 1e-10
    correctness: float = 1e-15


@dataclass(frozen=True, slots=True)
class Intensities:
    """What Alice sends.

    Args:
        signal: mean photon number μ1 of the brighter pulses.
        decoy: mean photon number μ2 of the weaker ones, 0 < μ2 < μ1.
        signal_share: share of the brighter pulses, 0 to 1.
        key_basis: chance of the X basis, the same at both ends.
    """

    signal: float
    decoy: float
    signal_share: float
    key_basis: float

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of the two intensities, the brighter first."""
        return self.signal_share, 1 - self.signal_share

    @property
    def means(self) -> tuple[float, float]:
        """Mean photon numbers, the brighter first."""
        return self.signal, self.decoy


@dataclass(frozen=True, slots=True)
class Counts:
    """Detections in one basis where both ends chose it, by intensity, the brighter first.

    Args:
        detections: how many.
        errors: at how many of them the bits differ.
    """

    detections: tuple[float, float]
    errors: tuple[float, float]

    @property
    def total(self) -> float:
        """Detections of both intensities."""
        return sum(self.detections)

    @property
    def error_rate(self) -> float:
        """The quantum bit error rate; 0 without detections."""
        return sum(self.errors) / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class KeyBound:
    """What the counts prove.

    Args:
        bits: length of the key; 0 or less means that there is none.
        single_photons: least number of key bits that came from single photons.
        phase_error: largest phase error rate of those.
    """

    bits: float
    single_photons: float
    phase_error: float


NO_KEY = KeyBound(0.0, 0.0, 0.5)


def key_bound(
    key: Counts, test: Counts, sent: Intensities, leaked_bits: float, security: Security
) -> KeyBound:
    """Bound the length of the key.

    Args:
        key: the X basis.
        test: the Z basis.
        sent: the intensities that the counts are of.
        leaked_bits: everything said about the key in public: parities really sent, verification.
        security: of the key.
    """
    epsilon = share_failure(security)
    key_single = _single_photons(key, sent, epsilon)
    test_single = _single_photons(test, sent, epsilon)
    if key_single <= 0 or test_single <= 0:
        return NO_KEY
    test_error = _single_photon_errors(test, sent, epsilon) / test_single
    phase_error = test_error + _sampling_gap(key_single, test_single, epsilon)
    if phase_error >= 0.5:
        return NO_KEY
    bits = key_single * (1 - binary_entropy(phase_error)) - leaked_bits - overhead_bits(security)
    return KeyBound(bits, key_single, phase_error)


def share_failure(security: Security) -> float:
    """The chance with which each of the bounds may fail."""
    return security.secrecy / _FAILURES


def overhead_bits(security: Security) -> float:
    """What a key is shorter by, however long it is."""
    secrecy = 4 * math.log2(_FAILURES / (security.secrecy * 2**0.25))
    return math.log2(2 / security.correctness) + secrecy


def binary_entropy(share: float) -> float:
    """h(p) in bits."""
    if share <= 0 or share >= 1:
        return 0.0
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def _fluctuation(count: float, epsilon: float) -> float:
    """How far a count may lie from its expectation (Hoeffding)."""
    return math.sqrt(count * math.log(1 / epsilon) / 2)


def _photon_chance(sent: Intensities, photons: int) -> float:
    """τ_m: chance that a pulse has m photons."""
    return sum(
        share * math.exp(-mean) * mean**photons / math.factorial(photons)
        for share, mean in zip(sent.shares, sent.means, strict=True)
    )


def _single_photons(counts: Counts, sent: Intensities, epsilon: float) -> float:
    """Least number of detections that came from single photons."""
    (mu1, mu2), (p1, p2) = sent.means, sent.shares
    total = counts.total
    slack, error_slack = _fluctuation(total, epsilon), _fluctuation(sum(counts.errors), epsilon)
    tau0, tau1 = _photon_chance(sent, 0), _photon_chance(sent, 1)
    vacuum = 2 * min(
        tau0 * math.exp(mean) / share * min(errors + error_slack, total) + slack
        for mean, share, errors in zip(sent.means, sent.shares, counts.errors, strict=True)
    )
    weak = math.exp(mu2) / p2 * max(counts.detections[1] - slack, 0.0)
    bright = math.exp(mu1) / p1 * min(counts.detections[0] + slack, total)
    several = (mu2 / mu1) ** 2 * bright
    dark = (mu1**2 - mu2**2) / (mu1**2 * tau0) * vacuum
    found = mu1 * tau1 / (mu2 * (mu1 - mu2)) * (weak - several - dark)
    return min(max(found, 0.0), total)


def _single_photon_errors(counts: Counts, sent: Intensities, epsilon: float) -> float:
    """Largest number of errors among detections of single photons."""
    (mu1, mu2), (p1, p2) = sent.means, sent.shares
    total, slack = counts.total, _fluctuation(sum(counts.errors), epsilon)
    bright = math.exp(mu1) / p1 * min(counts.errors[0] + slack, total)
    weak = math.exp(mu2) / p2 * max(counts.errors[1] - slack, 0.0)
    found = _photon_chance(sent, 1) / (mu1 - mu2) * (bright - weak)
    return min(max(found, 0.0), total)


def _sampling_gap(key: float, test: float, epsilon: float) -> float:
    """How much worse than the test the key may be, by chance."""
    return math.sqrt((key + test) / (key * test) * (test + 1) / test * math.log(1 / epsilon))
