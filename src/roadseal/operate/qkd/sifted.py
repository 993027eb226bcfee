"""A secret key out of two files of sifted bits: both ends in one process, for recorded material.

`distil` is what two ends say to each other; this is for whoever has both keys on the table. A
random sample is compared and thrown away, the rest is reconciled, verified and shortened.

Source of the length: Tomamichel, Lim, Gisin, Renner, Nature Communications 3, 634 (2012),
arXiv 1103.4130, theorem 2 with q = 1; the hash is counted by the bits that were sent. It is about
single photons, and the sample stands for the other basis: true where the files hold both bases
alike and unmarked. With weak pulses the proof is `finitekey`, which wants decoy counts.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Final

import numpy as np

from roadseal import _core
from roadseal.errors import RoadsealError
from roadseal.operate.qkd.distil.wire import Bits, packed
from roadseal.operate.qkd.finitekey import binary_entropy
from roadseal.operate.qkd.reconciling import FRAME_BITS, Reconciled, reconcile

HASH_BITS: Final = 128
"""Of a comparison of both keys: sent, and so counted; here the keys themselves are compared."""

RETRIES: Final = 3


@dataclass(frozen=True, slots=True)
class SiftedKey:
    """What two sifted keys gave.

    Args:
        sampled: bits that were compared and thrown away.
        sample_errors: of those that differed.
        reconciled: Cascade on the rest.
        phase_error: the largest that the sample allows; None without a sample.
        key: the secret key; empty if there is none.
    """

    sampled: int
    sample_errors: int
    reconciled: Reconciled
    phase_error: float | None
    key: Bits

    @property
    def verified(self) -> bool:
        """Whether the corrected keys are equal."""
        return not self.reconciled.left

    @property
    def leaked_bits(self) -> int:
        """Said in public about the key: parities and hashes."""
        return self.reconciled.told + HASH_BITS * self.reconciled.checks

    @property
    def asymptotic_bits(self) -> int:
        """How long the key would be if the error rate were known: n (1 − h(Q)) − leak."""
        found = self.reconciled
        secret = len(found.corrected) * (1 - binary_entropy(min(found.error_rate, 0.5)))
        return max(0, math.floor(secret - self.leaked_bits)) if self.verified else 0


def distil_sifted(
    alice: Bits,
    bob: Bits,
    *,
    variant: str = "yanetal",
    sample_share: float = 0.1,
    error_rate: float | None = None,
    secrecy: float = 1e-10,
    frame_bits: int = FRAME_BITS,
    seed: int | None = None,
) -> SiftedKey:
    """Distil two sifted keys.

    Args:
        alice: the key as it should be.
        bob: as long, with errors.
        variant: of Cascade.
        sample_share: of the bits that are compared and thrown away.
        error_rate: if given, no sample is taken, and no key is proved.
        secrecy: ε_sec of the key.
        frame_bits: Cascade's frames.
        seed: None draws from the operating system; a number repeats a run, whose key is no secret.

    Raises:
        RoadsealError: ``qkd-sifted-keys``: the keys do not go together.
    """
    if len(alice) != len(bob):
        raise RoadsealError(
            "qkd-sifted-keys",
            f"One key has {len(alice):,} bits, the other {len(bob):,}.",
            advice="Give the sifted keys of the same pulses, both whole.",
        )
    draw = np.random.default_rng(secrets.randbits(256) if seed is None else seed)
    sample = np.zeros(len(alice), dtype=bool)
    if error_rate is None:
        count = round(sample_share * len(alice))
        if not 0 < count < len(alice):
            raise RoadsealError(
                "qkd-sifted-keys",
                f"{count} of {len(alice)} bits are no sample that leaves a key.",
                advice="Give longer keys, another share, or the error rate if only Cascade counts.",
            )
        sample[draw.choice(len(alice), count, replace=False)] = True
    sampled, wrong = int(sample.sum()), int((alice[sample] != bob[sample]).sum())
    rate = wrong / sampled if error_rate is None else error_rate
    found = reconcile(
        alice[~sample],
        bob[~sample],
        variant=variant,
        error_rate=rate,
        seed=int(draw.integers(1 << 62)),
        frame_bits=frame_bits,
        retries=RETRIES,
    )
    phase_error, length = None, 0
    if sampled:
        phase_error = rate + _sampling_gap(len(found.corrected), sampled, secrecy)
        if not found.left:
            leaked = found.told + HASH_BITS * found.checks
            length = _key_bits(len(found.corrected), phase_error, leaked, secrecy)
    key = np.zeros(0, dtype=bool)
    if length:
        key = toeplitz(
            _matrix(len(found.corrected) + length - 1, None if seed is None else draw),
            found.corrected,
            length,
        )
    return SiftedKey(sampled, wrong, found, phase_error, key)


def toeplitz(seed: Bits, bits: Bits, length: int) -> Bits:
    """T · bits over GF(2), with T[i][j] = seed[(i − j) mod (n + m − 1)].

    Raises:
        RoadsealError: ``qkd-toeplitz``: the lengths do not fit.
    """
    if not 0 < length <= len(bits) or len(seed) != len(bits) + length - 1:
        raise RoadsealError(
            "qkd-toeplitz",
            f"A seed of {len(seed):,} bits does not make {len(bits):,} bits to {length:,}.",
            advice="Give 1 to n bits of output and a seed of n + m − 1 bits.",
        )
    octets = _core.toeplitz(packed(seed), packed(bits), len(bits), length)
    unpacked = np.unpackbits(np.frombuffer(octets, np.uint8), count=length, bitorder="little")
    return unpacked.astype(bool)


def _matrix(count: int, draw: np.random.Generator | None) -> Bits:
    if draw is not None:
        return draw.integers(0, 2, count).astype(bool)
    octets = np.frombuffer(secrets.token_bytes(-(-count // 8)), np.uint8)
    return np.unpackbits(octets, count=count).astype(bool)


def _sampling_gap(key: int, sample: int, secrecy: float) -> float:
    """μ: how much worse than the sample the key may be, by chance (Serfling)."""
    return math.sqrt(
        (key + sample) / (key * sample) * (sample + 1) / sample * math.log(4 / secrecy)
    )


def _key_bits(bits: int, phase_error: float, leaked: int, secrecy: float) -> int:
    if phase_error >= 0.5:
        return 0
    length = bits * (1 - binary_entropy(phase_error)) - leaked - math.log2(2 / secrecy**2)
    return max(0, math.floor(length))
