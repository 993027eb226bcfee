"""The hybrid construction: one key out of a post-quantum session and QKD keys, bound to everything.

An attacker who lacks any one of the inputs learns nothing of the output: HKDF-SHA-384 over the
inputs, each preceded by its length, salted with the hash of the context. The context is policy,
roles, identities, key IDs, epoch and what came before; whoever changes one of them unseen gets
other keys and fails the confirmation.

Source: RFC 5869; concatenation of secrets as in NIST SP 800-56C r2 clause 2 and SP 800-227.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABEL: Final = b"roadseal/hybrid/v1"
EXPORTER: Final = "EXPORTER-roadseal-hybrid-v1"
EXPORTER_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class Context:
    """What the keys of an epoch are bound to, alike at both ends.

    Args:
        policy: whether QKD keys are required, preferred or off.
        initiator: SAE ID of the end that opened the session.
        responder: SAE ID of the other.
        epoch: number from 0.
        key_ids: of the QKD keys that are mixed in, in order; none without QKD.
        before: hash of the context of the epoch before; empty in the first.
    """

    policy: str
    initiator: str
    responder: str
    epoch: int
    key_ids: tuple[str, ...]
    before: bytes = b""

    @property
    def digest(self) -> bytes:
        """SHA-384 of everything in here, unambiguously written."""
        parts = [LABEL, *(each.encode() for each in (self.policy, self.initiator, self.responder))]
        parts += [struct.pack(">Q", self.epoch), self.before]
        parts += [key_id.encode() for key_id in self.key_ids]
        return hashlib.sha384(prefixed(parts)).digest()


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """Keys of one epoch; `…_up` from initiator to responder."""

    data_up: bytes = field(repr=False)
    data_down: bytes = field(repr=False)
    iv_up: bytes = field(repr=False)
    iv_down: bytes = field(repr=False)
    confirm_up: bytes = field(repr=False)
    confirm_down: bytes = field(repr=False)
    ratchet: bytes = field(repr=False)


_SIZES: Final = (32, 32, 12, 12, 48, 48, 48)


def mix(context: Context, session: bytes, qkd: Sequence[bytes], ratchet: bytes = b"") -> EpochKeys:
    """Derive the keys of an epoch.

    Args:
        context: what they are bound to.
        session: exporter of the post-quantum TLS session.
        qkd: QKD keys, in the order of `Context.key_ids`.
        ratchet: of the epoch before: an epoch is never weaker than that.
    """
    digest = context.digest
    derive = HKDF(SHA384(), sum(_SIZES), salt=digest, info=LABEL + digest)
    octets = derive.derive(prefixed([session, ratchet, *qkd]))
    parts, at = [], 0
    for size in _SIZES:
        parts.append(octets[at : at + size])
        at += size
    return EpochKeys(*parts)


def prefixed(parts: Sequence[bytes]) -> bytes:
    """Parts, each after its length: no two lists give the same bytes."""
    return struct.pack(">I", len(parts)) + b"".join(
        struct.pack(">I", len(part)) + part for part in parts
    )
