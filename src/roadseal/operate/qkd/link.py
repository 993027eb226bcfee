"""A fibre link with weak pulses and threshold detectors: what it clicks, and the key it gives.

Modelled optics: everything that comes out of here is simulated, and says so. The model is the usual
one of decoy-state BB84 (arXiv 2405.16578, section on the channel model); the bound that no
repeaterless protocol exceeds is that of Pirandola, Laurenza, Ottaviani and Banchi (Nature
Communications 8, 15043, 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.finitekey import (
    Counts,
    Intensities,
    Security,
    binary_entropy,
    key_bound,
)

PROVENANCE: Final = "simulated"
"""Where every key comes from that this model feeds."""

_INTERCEPTED_ERROR: Final = 0.25  # BB84: the eavesdropper's basis is wrong half the time
_LEAST_MU: Final = 1e-3
_STILL: Final = 1e-6  # rad: below it the mean of sin² is nothing, and its formula 0/0
_DEFAULT_START: Final = Intensities(0.37, 0.11, 0.68, 0.82)


@dataclass(frozen=True, slots=True)
class LinkModel:
    """The link's physics.

    Args:
        loss_db: of the fibre with its connectors.
        clock_hz: pulses a second.
        efficiency: of the receiver: optics and detectors together, 0 to 1.
        dark_hz: dark counts and stray light of all detectors together.
        misalignment: chance that a photon makes the wrong detector click.
        intercepted: share of the pulses that an eavesdropper measures and sends on.
        cut: whether the fibre is cut.
        drift_rad_s: how fast the polarisation (or phase) turns away from the receiver's, rad/s.
        realign_s: how often the receiver turns after it, seconds.
    """

    loss_db: float
    clock_hz: float = 1e9
    efficiency: float = 0.2
    dark_hz: float = 5e4
    misalignment: float = 0.02
    intercepted: float = 0.0
    cut: bool = False
    drift_rad_s: float = 0.0
    realign_s: float = 60.0

    def __post_init__(self) -> None:
        sound = (
            0 <= self.loss_db < 300
            and 0 < self.clock_hz <= 1e12
            and 0 < self.efficiency <= 1
            and 0 <= self.dark_hz <= self.clock_hz
            and 0 <= self.misalignment <= 0.5
            and 0 <= self.intercepted <= 1
            and 0 <= self.drift_rad_s < math.inf
            and 0 < self.realign_s < math.inf
        )
        if not sound:
            raise RoadsealError(
                "qkd-link-impossible",
                "No link has these parameters.",
                advice="Give a loss from 0 to 300 dB, an efficiency above 0 and up to 1, a "
                "misalignment up to 0.5, an intercepted share from 0 to 1, no more dark counts "
                "than pulses, and a drift and an interval of realignment that are finite.",
            )

    @property
    def transmittance(self) -> float:
        """Share of photons that leave the fibre."""
        return 0.0 if self.cut else 10 ** (-self.loss_db / 10)

    @property
    def wrong_chance(self) -> float:
        """Chance that a photon makes the wrong detector click, averaged between realignments.

        An angle θ between the ends sends a photon to the wrong detector with sin² θ (Malus); it
        grows from 0 to drift x interval, over which sin² has the mean 1/2 - sin(2φ)/(4φ).
        """
        angle = self.drift_rad_s * self.realign_s
        turned = 0.0 if angle < _STILL else 0.5 - math.sin(2 * angle) / (4 * angle)
        return self.misalignment + (1 - 2 * self.misalignment) * turned

    @property
    def dark_chance(self) -> float:
        """Chance of a click without light, a pulse."""
        return self.dark_hz / self.clock_hz

    @property
    def plob_bits_per_pulse(self) -> float:
        """Key bits a pulse that no protocol without repeater exceeds."""
        return -math.log2(1 - self.transmittance) if self.transmittance < 1 else math.inf

    def click_chance(self, mean: float) -> float:
        """Chance that a pulse of mean photon number `mean` makes a detector click."""
        return 1 - (1 - self.dark_chance) * math.exp(-mean * self.transmittance * self.efficiency)

    def error_chance(self, mean: float) -> float:
        """Chance that a pulse clicks in the wrong detector, both ends in one basis."""
        seen = 1 - math.exp(-mean * self.transmittance * self.efficiency)
        wrong = seen * self.wrong_chance + self.dark_chance / 2
        extra = self.intercepted * _INTERCEPTED_ERROR
        return wrong + extra * (self.click_chance(mean) - 2 * wrong)

    def expected_counts(self, sent: Intensities, key_detections: float) -> tuple[Counts, Counts]:
        """Counts of the key and the test basis when the key basis has `key_detections`."""
        clicks = self._by_intensity(sent, self.click_chance)
        errors = self._by_intensity(sent, self.error_chance)
        pulses = key_detections / sum(clicks)  # in the key basis at both ends
        ratio = ((1 - sent.key_basis) / sent.key_basis) ** 2
        return _scaled(clicks, errors, pulses), _scaled(clicks, errors, pulses * ratio)

    def sifted_bps(self, sent: Intensities) -> float:
        """Key-basis detections a second."""
        return self.clock_hz * sent.key_basis**2 * sum(self._by_intensity(sent, self.click_chance))

    def _by_intensity(
        self, sent: Intensities, chance: Callable[[float], float]
    ) -> tuple[float, float]:
        (mu1, mu2), (p1, p2) = sent.means, sent.shares
        return p1 * chance(mu1), p2 * chance(mu2)


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
    rate_hz = link.sifted_bps(sent)
    if rate_hz <= 0:
        return OperatingPoint(link, sent, block_bits, 0.0, 0.0, 0.0, math.inf)
    key, test = link.expected_counts(sent, block_bits)
    leaked = reconciliation * block_bits * binary_entropy(key.error_rate)
    bound = key_bound(key, test, sent, leaked, security)
    bits = max(bound.bits, 0.0)
    block_s = block_bits / rate_hz
    return OperatingPoint(link, sent, block_bits, bits / block_s, bits, key.error_rate, block_s)


def optimise(
    link: LinkModel,
    *,
    block_bits: float = 1e7,
    security: Security = Security(),  # noqa: B008 - a frozen value
    reconciliation: float = 1.16,
    start: Intensities = _DEFAULT_START,
) -> OperatingPoint:
    """Find the settings with the highest rate.

    The arguments are those of `operate`; `start` is where the search begins.
    """
    from scipy.optimize import minimize  # two seconds, which a KME need not wait

    def point(variables: list[float]) -> OperatingPoint:
        return operate(
            link,
            _bounded(variables),
            block_bits=block_bits,
            security=security,
            reconciliation=reconciliation,
        )

    def cost(variables: list[float]) -> float:
        found = point(variables)
        if found.key_bits <= 0:
            return _distance_from_key(link, found, block_bits, security, reconciliation)
        return -math.log(found.rate_bps)

    best = point(_free(start))
    # Where there is a key the first search finds it within 180 trials; the second is for the edge.
    for attempt, trials in ((start, 180), (replace(start, key_basis=0.6, signal_share=0.5), 80)):
        search = minimize(
            cost,
            _free(attempt),
            method="Nelder-Mead",
            options={"maxfev": trials, "xatol": 1e-2, "fatol": 1e-4},
        )
        found = point(list(search.x))
        if found.rate_bps > best.rate_bps:
            best = found
        if best.rate_bps > 0:
            break
    return best


def _distance_from_key(
    link: LinkModel,
    found: OperatingPoint,
    block_bits: float,
    security: Security,
    reconciliation: float,
) -> float:
    """Where there is no key: a slope towards where there might be."""
    if not math.isfinite(found.block_s):
        return 1e9
    key, test = link.expected_counts(found.sent, block_bits)
    bound = key_bound(key, test, found.sent, 0.0, security)
    return 1e3 + bound.phase_error * 100 - bound.single_photons / block_bits


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


def _scaled(clicks: tuple[float, float], errors: tuple[float, float], pulses: float) -> Counts:
    return Counts(
        (clicks[0] * pulses, clicks[1] * pulses), (errors[0] * pulses, errors[1] * pulses)
    )
