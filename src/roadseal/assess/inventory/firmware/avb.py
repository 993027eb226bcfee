"""Android Verified Boot: by what a partition's metadata is signed, and by what its content is kept.

Source: libavb, avb_vbmeta_image.h, avb_hash_descriptor.h, avb_hashtree_descriptor.h and
avb_chain_partition_descriptor.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Gap, Location, Role
from roadseal.assess.inventory.firmware.described import image
from roadseal.events import Fact

MAGIC: Final = b"AVB0"

_HEADER_BYTES: Final = 256
_ALGORITHMS: Final[tuple[tuple[str, ...], ...]] = (  # AvbAlgorithmType
    ("null",), ("rsa-2048", "sha-256"), ("rsa-4096", "sha-256"), ("rsa-8192", "sha-256"),
    ("rsa-2048", "sha-512"), ("rsa-4096", "sha-512"), ("rsa-8192", "sha-512"),
    ("ml-dsa-65",), ("ml-dsa-87",),
)  # fmt: skip
_HASHTREE, _HASH, _CHAIN = 1, 2, 4
_HASH_NAMES_AT: Final = {_HASHTREE: 72, _HASH: 24}
_CHAIN_KEY_AT: Final = 92  # after the numbers: the partition's name, and the key
_HASHES: Final = {"sha1": "sha-1", "sha256": "sha-256", "sha512": "sha-512"}
_NOT_CHECKED: Final = 0b11  # flags: no hash trees, or no verification at all
_MAX_DESCRIPTORS: Final = 1000


def verified_boot(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the metadata at an offset."""
    header = source.data[offset : offset + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        return
    major, _, signed_bytes, described_bytes, algorithm = struct.unpack(">IIQQI", header[4:32])
    end = offset + _HEADER_BYTES + signed_bytes + described_bytes
    if major != 1 or signed_bytes % 64 or described_bytes % 64:
        return  # four letters in something else
    location = Location(source.uri, offset=offset)
    if end > len(source.data):
        yield Gap(location, Cause.UNREADABLE, "Metadata of Android Verified Boot are cut off.")
        return
    at, size = struct.unpack(">QQ", header[96:112])
    flags = int.from_bytes(header[120:124])
    start = offset + _HEADER_BYTES + signed_bytes + at
    uses = [*_signature(algorithm), *_descriptors(source.data[start : min(start + size, end)])]
    facts: dict[str, Fact] = {"signed": algorithm != 0, "checked": not flags & _NOT_CHECKED}
    title = "Android Verified Boot"
    title += "" if algorithm else ", not signed"
    title += ", switched off by its flags" if flags & _NOT_CHECKED else ""
    yield image(location, "avb", title, uses, facts)


def _signature(algorithm: int) -> list[AlgorithmUse]:
    if algorithm >= len(_ALGORITHMS):
        return [AlgorithmUse(f"avb:{algorithm}", Role.FIRMWARE_SIGNATURE)]
    key, *digest = _ALGORITHMS[algorithm]
    uses = [AlgorithmUse(key, Role.FIRMWARE_SIGNATURE)]
    return uses + [AlgorithmUse(name, Role.INTEGRITY) for name in digest]


def _descriptors(data: bytes) -> list[AlgorithmUse]:
    uses: list[AlgorithmUse] = []
    at = 0
    for _ in range(_MAX_DESCRIPTORS):
        if at + 16 > len(data):
            break
        tag, following = struct.unpack(">QQ", data[at : at + 16])
        one = data[at : at + 16 + following]
        if tag in _HASH_NAMES_AT:
            start = _HASH_NAMES_AT[tag]
            name = one[start : start + 32].split(b"\0")[0].decode("ascii", "replace")
            uses.append(AlgorithmUse(_HASHES.get(name, f"avb:{name}"), Role.INTEGRITY))
        elif tag == _CHAIN and len(one) >= _CHAIN_KEY_AT:
            name_bytes, key_bytes = struct.unpack(">II", one[20:28])
            key = one[_CHAIN_KEY_AT + name_bytes :][:key_bytes]
            uses.append(AlgorithmUse(f"rsa-{int.from_bytes(key[:4])}", Role.TRUST_ANCHOR))
        at += 16 + following
    return uses
