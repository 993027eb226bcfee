"""The settings with which a link gives the most key, or that none of them gives any.

Source: arXiv 2405.16578 for the key; what no setting exceeds is derived in `key_ceiling`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.finitekey import (
    NO_KEY,
    Intensities,
    KeyBound,
    Security,
    binary_entropy,
    key_bound,
    overhead_bits,
    share_failure,
)
from roadseal.operate.qkd.link import LinkModel

MOST_BLOCK_BITS: Final = 1e15

_LEAST_MU: Final = 1e-3
_NO_KEY_COST: Final = 1e3  # above minus the logarithm of any rate
_MOST_TRIALS: Final = 180
_STEP: Final = 0.4  # of the first simplex, in logits
# What is best at blocks of 10ⁿ bits: logit of the share of the signal, and decoy ÷ signal. Found by
# differential evolution on links of several kinds; between them straight lines serve.
_USUAL_SHARES: Final = ((4, -2.3, 0.2), (5, -0.75, 0.35), (6, 0.2, 0.36), (7, 0.95, 0.28),
                        (9, 2.0, 0.15), (12, 3.05, 0.055))  # fmt: skip
_USUAL_SIGNALS: Final = (0.22, 0.35, 0.6)
_USUAL_KEY_BASES: Final = (0.85, 0.5, 0.2, 0.03)
_MU_STEPS: Final = [1.05**-i for i in range(284)]  # from 1 down to 1e-6


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a link gives, and with which settings.

    Args:
        link: the model.
        sent: intensities and basis choice.
        block_bits: key-basis detections of a block.
        rate_bps: secret bits a second; 0 if there is no key.
        key_bits: secret bits a block.
        error_rate: quantum bit error rate of the key basis.
        block_s: how long a block takes.
    """

    link: LinkModel
    sent: Intensities
    block_bits: float
    rate_bps: float
    key_bits: float
    error_rate: float
    block_s: float

    @property
    def plob_ratio(self) -> float:
        """Rate as a share of what no protocol exceeds; below 1."""
        bound = self.link.plob_bits_per_pulse * self.link.clock_hz
        return self.rate_bps / bound if bound else 0.0


def operate(
    link: LinkModel,
    sent: Intensities,
    *,
    block_bits: float = 1e7,
    security: Security = Security(),  # noqa: B008 - a frozen value
    reconciliation: float = 1.16,
) -> OperatingPoint:
    """What a link gives with these settings.

    Args:
        link: the model.
        sent: intensities and basis choice.
        block_bits: key-basis detections of a block.
        security: of the key.
        reconciliation: f, bits said in public per bit of Shannon's limit; only the expectation for
            planning: a real block counts what was said.
    """
    return _operate(link, sent, block_bits, security, reconciliation)[0]


def optimise(
    link: LinkModel,
    *,
    block_bits: float = 1e7,
    security: Security = Security(),  # noqa: B008 - a frozen value
    reconciliation: float = 1.16,
) -> OperatingPoint:
    """Find the settings with the highest rate; the arguments are those of `operate`.

    The best of a few settings that are usual for the size of the block is where a simplex starts.

    Raises:
        RoadsealError: ``qkd-block-impossible``: no block has so many bits.
    """
    if not 1 <= block_bits <= MOST_BLOCK_BITS:
        raise RoadsealError(
            "qkd-block-impossible",
            f"No block has {block_bits:g} bits.",
            advice=f"Give 1 to {MOST_BLOCK_BITS:g} sifted key bits of a block.",
        )

    def trial(sent: Intensities) -> tuple[OperatingPoint, KeyBound]:
        return _operate(link, sent, block_bits, security, reconciliation)

    def cost(variables: list[float]) -> float:
        found, bound = trial(_bounded(variables))
        if found.key_bits > 0:
            return -math.log(found.rate_bps)
        return _NO_KEY_COST - bound.bits / block_bits if bound.bits else 2 * _NO_KEY_COST

    start = min((_free(sent) for sent in _usual(block_bits)), key=cost)
    no_key = cost(start) >= _NO_KEY_COST
    if no_key and key_ceiling(link, block_bits, security, reconciliation) <= 0:
        return trial(_bounded(start))[0]
    from scipy.optimize import minimize  # two seconds, which a KME need not wait

    steps = [[_STEP * (i == j) for i in range(len(start))] for j in range(len(start))]
    corners = [[v + d for v, d in zip(start, step, strict=True)] for step in steps]
    options = {
        "maxfev": _MOST_TRIALS,
        "xatol": 1e-2,
        "fatol": 1e-4,
        "initial_simplex": [start, *corners],
    }
    search = minimize(cost, start, method="Nelder-Mead", options=options)
    return trial(_bounded(list(search.x)))[0]


def key_ceiling(
    link: LinkModel, block_bits: float, security: Security, reconciliation: float
) -> float:
    """Bits of key a block that no intensities and no choice of basis exceed; may be negative.

    Of a pulse of mean μ that clicked, F(μ) = μ e^-μ Y₁ / P(μ) is the chance of a single photon,
    and E(μ) the chance of an error. Decoy bounds on expected counts are bounds: no more than n F
    single photons are proved, less the fluctuation of n counts, with a phase error of no less than
    theirs, e₁, plus the sampling gap of n bits. With the shares q of the clicks of two intensities,
    h(Σ q E) ≥ Σ q h(E), so that the key of both is no longer than that of the better one alone.
    Over each interval of μ the largest F and the smallest h(E) are taken.
    """
    eta = link.transmittance * link.efficiency
    single = 1 - (1 - link.dark_chance) * (1 - eta)  # Y₁
    if single <= 0:
        return 0.0
    failure = math.log(1 / share_failure(security))
    phase_error = link.photon_error_chance(eta) / single + math.sqrt(failure / block_bits)
    if phase_error >= 0.5:
        return 0.0
    secret = 1 - binary_entropy(phase_error)
    lost = math.sqrt(block_bits * failure / 2)
    best = -math.inf
    for high, low in zip(_MU_STEPS, [*_MU_STEPS[1:], 0.0], strict=True):
        clicks = link.click_chance(low)
        share = min(high * math.exp(-low) * single / clicks, 1.0) if clicks > 0 else 1.0
        noise = min(
            binary_entropy(link.error_chance(mu) / link.click_chance(mu))
            for mu in (high, low)
            if link.click_chance(mu) > 0
        )
        bits = max(share * block_bits - lost, 0.0) * secret - reconciliation * block_bits * noise
        best = max(best, bits - overhead_bits(security))
    return best


def _operate(
    link: LinkModel,
    sent: Intensities,
    block_bits: float,
    security: Security,
    reconciliation: float,
) -> tuple[OperatingPoint, KeyBound]:
    rate_hz = link.sifted_bps(sent)
    if rate_hz <= 0:
        return OperatingPoint(link, sent, block_bits, 0.0, 0.0, 0.0, math.inf), NO_KEY
    key, test = link.expected_counts(sent, block_bits)
    leaked = reconciliation * block_bits * binary_entropy(key.error_rate)
    bound = key_bound(key, test, sent, leaked, security)
    bits = max(bound.bits, 0.0)
    block_s = block_bits / rate_hz
    point = OperatingPoint(link, sent, block_bits, bits / block_s, bits, key.error_rate, block_s)
    return point, bound


def _usual(block_bits: float) -> list[Intensities]:
    """Settings near one of which the best ones are."""
    size = math.log10(block_bits)
    knots = list(_USUAL_SHARES)
    at = max(0, min(len(knots) - 2, sum(size > knot[0] for knot in knots) - 1))
    (low, *first), (high, *last) = knots[at : at + 2]
    along = min(max((size - low) / (high - low), 0.0), 1.0)
    logit, ratio = (a + (b - a) * along for a, b in zip(first, last, strict=True))
    share = 1 / (1 + math.exp(-logit))
    return [
        Intensities(signal, signal * ratio, share, basis)
        for signal in _USUAL_SIGNALS
        for basis in _USUAL_KEY_BASES
    ]


def _bounded(variables: list[float]) -> Intensities:
    """Map unbounded numbers to settings that obey 0 < μ2 < μ1 ≤ 1 and shares within (0, 1)."""
    signal, decoy, share, basis = (1 / (1 + math.exp(-max(min(v, 30.0), -30.0))) for v in variables)
    signal = max(signal, _LEAST_MU)
    weak = max(signal * decoy, _LEAST_MU * decoy)
    share = min(max(share, 1e-4), 1 - 1e-4)
    return Intensities(signal, weak, share, min(max(basis, 1e-3), 1 - 1e-3))


def _free(sent: Intensities) -> list[float]:
    shares = (sent.signal, sent.decoy / sent.signal, sent.signal_share, sent.key_basis)
    return [math.log(share / (1 - share)) for share in shares]
