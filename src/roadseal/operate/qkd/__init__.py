"""Keys from light: a fibre link's key rate, distillation, key stores and ETSI GS QKD 014.

The optics are modelled, and every key says so (`provenance=simulated`); everything after the
photons is real. QKD keys are always mixed with post-quantum keys, never used instead of them.
"""

from roadseal.operate.qkd.finitekey import Counts, Intensities, KeyBound, Security, key_bound
from roadseal.operate.qkd.link import PROVENANCE, LinkModel
from roadseal.operate.qkd.operating import OperatingPoint, operate, optimise

__all__ = [
    "PROVENANCE",
    "Counts",
    "Intensities",
    "KeyBound",
    "LinkModel",
    "OperatingPoint",
    "Security",
    "key_bound",
    "operate",
    "optimise",
]
