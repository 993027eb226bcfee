"""What the models answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from roadseal.pilot.radio.config import Access

Floats = NDArray[np.float64]

SOURCES: Final[dict[Access, tuple[str, ...]]] = {
    "11p": (
        "Sepulcre, Gonzalez-Martin, Gozalvez, Molina-Masegosa, Coll-Perales: Analytical Models of "
        "the Performance of IEEE 802.11p Vehicle to Vehicle Communications, IEEE TVT 71(1), 2022, "
        "arXiv 2104.07923",
        "Goubet, Baudic, Gabry, Oechtering: Low-Complexity Scalable Iterative Algorithms for IEEE "
        "802.11p Receivers, IEEE TVT 64(9), 2015 (error curve)",
        "Wu, Bartoletti, Martinez, Bazzi: A Methodology for Abstracting the Physical Layer of "
        "Direct V2X Communications Technologies, Sensors 22(23):9330, 2022 (sizes above 500 bytes)",
    ),
    "lte-v2x": (
        "Gonzalez-Martin, Sepulcre, Molina-Masegosa, Gozalvez: Analytical Models of the "
        "Performance of C-V2X Mode 4 Vehicular Communications, IEEE TVT 68(2), 2019, "
        "arXiv 1807.06508",
        "3GPP R1-160284 (error curves); 3GPP TS 36.213 tables 8.6.1-1 and 7.1.7.2.1-1 (sizes)",
        "Wu, Bartoletti, Martinez, Bazzi: A Methodology for Abstracting the Physical Layer of "
        "Direct V2X Communications Technologies, Sensors 22(23):9330, 2022 (other MCS)",
    ),
}

Cause = Literal["half_duplex", "sensing", "receiver_busy", "propagation", "collision"]


@dataclass(frozen=True)
class RadioResult:
    """Delivery over distance of one configuration; modelled, never measured.

    Args:
        distance_m: between sender and receiver, shape (D,).
        pdr: probability that the whole message arrives, shape (D,).
        losses: probability that it is lost, by first cause; each shape (D,), the sum is 1 − pdr.
        cbr: channel busy ratio, 0 to 1.
        fragments: transmissions that carry one message; all must arrive.
        airtime_s: seconds of the whole 10 MHz channel that one message takes.
        mcs: LTE-V2X modulation and coding scheme that was used.
        sources: the publications the figures rest on.
    """

    distance_m: Floats
    pdr: Floats
    losses: Mapping[Cause, Floats]
    cbr: float
    fragments: int
    airtime_s: float
    mcs: int | None
    sources: tuple[str, ...]
    provenance: Literal["modelled"] = "modelled"


def combine(stages: Mapping[Cause, Floats], fragments: int) -> tuple[Floats, dict[Cause, Floats]]:
    """Delivery and losses of a message from the conditional losses of one transmission.

    The stages are in order: each applies to what the earlier ones left. Fragments are lost
    independently, so delivery is to the power of their number; causes keep their proportions.
    """
    arriving = np.ones_like(next(iter(stages.values())))
    losses: dict[Cause, Floats] = {}
    for cause, conditional in stages.items():
        losses[cause] = arriving * conditional
        arriving = arriving * (1 - conditional)
    pdr = arriving**fragments
    lost = 1 - arriving
    scale = np.divide(1 - pdr, lost, out=np.ones_like(lost), where=lost > 0)
    return pdr, {cause: loss * scale for cause, loss in losses.items()}
