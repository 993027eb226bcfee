"""The whole fleet's revocation state in a few kilobytes: one bit a certificate, signed.

Layout: ``RSSL1``, length (4 bytes, big-endian) and JSON header, length and raw DEFLATE of the
bitmap, signature to the end, over all before it. Bit `i` is bit ``i % 8`` of byte ``i // 8``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.signer import Signer

_MAGIC: Final = b"RSSL1"
_MAX_BYTES: Final = 1 << 20
_MAX_CERTIFICATES: Final = 1 << 24


class StatusListVerdict(StrEnum):
    """Why a status list is taken or not."""

    OK = "ok"
    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad-signature"
    WRONG_ISSUER = "wrong-issuer"


@dataclass(frozen=True, slots=True)
class StatusList:
    """Which certificates of one authority are revoked, at one instant.

    Args:
        issuer: name of the authority.
        sequence: raised with each publication; a relying party takes no lower one.
        this_update: when it was made.
        next_update: when the next one is due.
        size: how many certificates it covers.
        bitmap: the bits.
    """

    issuer: str
    sequence: int
    this_update: Time64
    next_update: Time64
    size: int
    bitmap: bytes

    def revoked(self, index: int) -> bool | None:
        """Whether certificate `index` is revoked; None when this list is older than it."""
        if not 0 <= index < self.size:
            return None
        return bool(self.bitmap[index // 8] >> index % 8 & 1)

    def age_s(self, now: Time64) -> float:
        """Seconds since it was made."""
        return (now - self.this_update) / MICROSECONDS_PER_SECOND


def make_bitmap(size: int, revoked: Iterable[int]) -> bytes:
    """Return a bitmap of `size` bits with those in `revoked` set."""
    bitmap = bytearray((size + 7) // 8)
    for index in revoked:
        bitmap[index // 8] |= 1 << index % 8
    return bytes(bitmap)


def sign_status_list(status: StatusList, signer: Signer) -> bytes:
    """Encode and sign."""
    header = json.dumps(
        {
            "issuer": status.issuer,
            "sequence": status.sequence,
            "this_update": status.this_update,
            "next_update": status.next_update,
            "size": status.size,
        },
        separators=(",", ":"),
    ).encode()
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(status.bitmap) + packer.flush()
    body = _MAGIC + _with_length(header) + _with_length(packed)
    return body + signer.sign(body)


def read_status_list(
    encoded: bytes, issuer: str, key: PublicKey
) -> tuple[StatusListVerdict, StatusList | None]:
    """Check the signature of the received bytes, then read them."""
    try:
        header, packed, signed_bytes = _split(encoded)
    except ValueError:
        return StatusListVerdict.MALFORMED, None
    if not key.verify(encoded[:signed_bytes], encoded[signed_bytes:]):
        return StatusListVerdict.BAD_SIGNATURE, None
    try:
        status = _read(header, packed)
    except (ValueError, KeyError, TypeError, zlib.error, RecursionError):
        return StatusListVerdict.MALFORMED, None
    if status.issuer != issuer:
        return StatusListVerdict.WRONG_ISSUER, None
    return StatusListVerdict.OK, status


def _with_length(part: bytes) -> bytes:
    return len(part).to_bytes(4) + part


def _split(encoded: bytes) -> tuple[bytes, bytes, int]:
    if len(encoded) > _MAX_BYTES or not encoded.startswith(_MAGIC):
        raise ValueError
    parts = []
    at = len(_MAGIC)
    for _ in range(2):
        end = at + 4 + int.from_bytes(encoded[at : at + 4])
        if end > len(encoded):
            raise ValueError
        parts.append(encoded[at + 4 : end])
        at = end
    return parts[0], parts[1], at


def _read(header: bytes, packed: bytes) -> StatusList:
    fields = json.loads(header)
    numbers = [fields[name] for name in ("sequence", "this_update", "next_update", "size")]
    if any(type(number) is not int for number in numbers) or not isinstance(fields["issuer"], str):
        raise TypeError
    sequence, this_update, next_update, size = numbers
    if not 0 <= size <= _MAX_CERTIFICATES:
        raise ValueError
    bitmap = zlib.decompressobj(wbits=-15).decompress(packed, (size + 7) // 8 + 1)
    if len(bitmap) != (size + 7) // 8:
        raise ValueError
    return StatusList(
        fields["issuer"], sequence, Time64(this_update), Time64(next_update), size, bitmap
    )
