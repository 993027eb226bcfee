"""What the two ends of a link have after the photons, drawn from the link model: simulated.

Only detections are drawn, not pulses, so that seconds at a gigahertz cost what their clicks cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadseal.operate.qkd.finitekey import Intensities
from roadseal.operate.qkd.link import LinkModel

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choices:
    """What Alice chose for some pulses.

    Args:
        key_basis: whether the X basis, shape (pulses,).
        bit: the bit sent, shape (pulses,).
        weak: whether the decoy intensity, shape (pulses,).
    """

    key_basis: Bits
    bit: Bits
    weak: Bits


@dataclass(frozen=True, slots=True)
class Transmission:
    """Alice's record; in this simulation only of pulses that were detected.

    Args:
        pulse: their numbers, ascending, shape (detections,).
        choices: what she chose for them.
    """

    pulse: NDArray[np.int64]
    choices: Choices

    def of(self, pulses: NDArray[np.int64]) -> Choices | None:
        """Her choices for `pulses`; None if one of them is not on record."""
        if np.array_equal(self.pulse, pulses):
            return self.choices
        rows = np.searchsorted(self.pulse, pulses)
        if len(pulses) and (rows.max() >= len(self.pulse) or (self.pulse[rows] != pulses).any()):
            return None
        chosen = self.choices
        return Choices(chosen.key_basis[rows], chosen.bit[rows], chosen.weak[rows])


@dataclass(frozen=True, slots=True)
class Reception:
    """Bob's record of his clicks; a double click has a random bit.

    Args:
        pulse: in which pulses, ascending, shape (detections,).
        key_basis: whether he measured in the X basis.
        bit: what clicked.
    """

    pulse: NDArray[np.int64]
    key_basis: Bits
    bit: Bits


def draw(
    link: LinkModel, sent: Intensities, *, detections: int, seed: int
) -> tuple[Transmission, Reception]:
    """Draw the records of both ends.

    Args:
        link: the model, with its eavesdropper if it has one.
        sent: Alice's settings; Bob chooses the key basis as often as she.
        detections: how many clicks; none if the fibre is cut and nothing clicks.
        seed: of everything random.
    """
    rng = np.random.default_rng(seed)
    shares, means = np.array(sent.shares), sent.means
    clicks = np.array([link.click_chance(mean) for mean in means])
    per_pulse = float(shares @ clicks)
    count = detections if per_pulse > 0 else 0
    # The gap to the next click is geometric; a clock of some GHz leaves it far below 2^32.
    gaps = rng.geometric(min(max(per_pulse, 1e-12), 1.0), count) if count else np.zeros(0, int)
    pulse = np.cumsum(gaps, dtype=np.int64)
    weak = rng.random(count) < (shares[1] * clicks[1] / per_pulse if per_pulse > 0 else 0)
    basis_alice, basis_bob = (rng.random(count) < sent.key_basis for _ in range(2))
    bit = rng.random(count) < 0.5
    wrong = np.array([link.error_chance(mean) for mean in means]) / np.maximum(clicks, 1e-300)
    flipped = rng.random(count) < np.where(weak, wrong[1], wrong[0])
    unrelated = rng.random(count) < 0.5  # in different bases the outcome says nothing
    seen = np.where(basis_alice == basis_bob, bit ^ flipped, unrelated)
    return (
        Transmission(pulse, Choices(basis_alice, bit, weak)),
        Reception(pulse, basis_bob, seen),
    )
