"""Is this random? Tests that a block passes before its bits become keys.

They find a dead detector, a stuck bit, a repeated file: never a clever adversary. The thresholds
let good material fail once in about 10⁹ blocks.

Source: NIST SP 800-22 rev. 1a 2.1 (frequency), 2.3 (runs); Pearson's χ² over octets.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

LEAST_BYTES: Final = 4096
_SIGMAS: Final = 6.5  # two-sided normal tail 8·10⁻¹¹


def objection(octets: bytes | bytearray | memoryview) -> str | None:
    """Return why the octets cannot be key material, or None."""
    if len(octets) < LEAST_BYTES:
        return f"{len(octets)} bytes are too few to judge; {LEAST_BYTES} are needed"
    values = np.frombuffer(octets, dtype=np.uint8)
    bits = np.unpackbits(values)
    n = len(bits)
    ones = int(bits.sum())
    if abs(2 * ones - n) > _SIGMAS * math.sqrt(n):
        return f"{ones / n:.2%} of the bits are ones"
    changes = int(np.count_nonzero(bits[1:] != bits[:-1]))
    if abs(2 * changes - (n - 1)) > _SIGMAS * math.sqrt(n - 1):
        return f"{changes / (n - 1):.2%} of the bits differ from the one before"
    expected = len(values) / 256
    chi2 = float((((np.bincount(values, minlength=256)) - expected) ** 2).sum() / expected)
    cube = (chi2 / 255) ** (1 / 3)  # Wilson and Hilferty: normal, mean 1 - 2/9k, variance 2/9k
    if (cube - (1 - 2 / (9 * 255))) / math.sqrt(2 / (9 * 255)) > _SIGMAS:
        return "its octets are not equally frequent"
    return None
