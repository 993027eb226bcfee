"""A fibre link with weak pulses and threshold detectors: what it clicks, and the key it gives.

Modelled optics: everything that comes out of here is simulated, and says so. The model is the usual
one of decoy-state BB84 (arXiv 2405.16578, section on the channel model); the bound that no
repeaterless protocol exceeds is that of Pirandola, Laurenza, Ottaviani and Banchi (Nature
Communications 8, 15043, 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.finitekey import Counts, Intensities

PROVENANCE: Final = "simulated"
"""Where every key comes from that this model feeds."""

_INTERCEPTED_ERROR: Final = 0.25  # BB84: the eavesdropper's basis is wrong half the time
_STILL: Final = 1e-6  # rad: below it the mean of sin² is nothing, and its formula 0/0


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
        for what, value, is_sound, sound in (
            ("loss", self.loss_db, 0 <= self.loss_db < 300, "from 0 to below 300 dB"),
            ("clock", self.clock_hz, 0 < self.clock_hz <= 1e12, "above 0 and up to 1e12 Hz"),
            ("efficiency", self.efficiency, 0 < self.efficiency <= 1, "above 0 and up to 1"),
            (
                "rate of dark counts",
                self.dark_hz,
                0 <= self.dark_hz <= self.clock_hz,
                f"from 0 to the clock's {self.clock_hz:g} Hz",
            ),
            ("misalignment", self.misalignment, 0 <= self.misalignment <= 0.5, "from 0 to 0.5"),
            ("intercepted share", self.intercepted, 0 <= self.intercepted <= 1, "from 0 to 1"),
            (
                "drift",
                self.drift_rad_s,
                0 <= self.drift_rad_s < math.inf,
                "from 0, in rad/s, and finite",
            ),
            (
                "interval of realignment",
                self.realign_s,
                0 < self.realign_s < math.inf,
                "above 0, in seconds, and finite",
            ),
        ):
            if not is_sound:  # also of what is no number: it is in no range
                raise RoadsealError(
                    "qkd-link-impossible",
                    f"No link has the {what} {value:g}.",
                    advice=f"Give one {sound}.",
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
        return self.photon_error_chance(1 - math.exp(-mean * self.transmittance * self.efficiency))

    def photon_error_chance(self, seen: float) -> float:
        """Chance of an error where the light of the pulse is seen with chance `seen`."""
        wrong = seen * self.wrong_chance + self.dark_chance / 2
        clicks = 1 - (1 - self.dark_chance) * (1 - seen)
        return wrong + self.intercepted * _INTERCEPTED_ERROR * (clicks - 2 * wrong)

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


def _scaled(clicks: tuple[float, float], errors: tuple[float, float], pulses: float) -> Counts:
    return Counts(
        (clicks[0] * pulses, clicks[1] * pulses), (errors[0] * pulses, errors[1] * pulses)
    )
