"""MCUboot images, as of Zephyr, Mynewt and many others: what stands in their trailer.

Source: MCUboot docs/design.md and boot/bootutil/include/bootutil/image.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Gap, Location, Role
from roadseal.assess.inventory.firmware.described import NOT_SIGNED, image
from roadseal.events import Fact

MAGIC: Final = b"\x3d\xb8\xf3\x96"

_HEADER: Final = struct.Struct("<IIHHIIBBHI")
_LEAST_HEADER_BYTES: Final = 32
_TRAILER, _PROTECTED_TRAILER = 0x6907, 0x6908
_SIGNATURES: Final = range(0x20, 0x25)
_ECDSA: Final = 0x22
_USES: Final = {
    0x10: ("sha-256", Role.INTEGRITY), 0x11: ("sha-384", Role.INTEGRITY),
    0x12: ("sha-512", Role.INTEGRITY), 0x20: ("rsa-2048", Role.FIRMWARE_SIGNATURE),
    0x21: ("ecdsa-p224", Role.FIRMWARE_SIGNATURE), 0x22: ("ecdsa", Role.FIRMWARE_SIGNATURE),
    0x23: ("rsa-3072", Role.FIRMWARE_SIGNATURE), 0x24: ("ed25519", Role.FIRMWARE_SIGNATURE),
    0x30: ("rsa-oaep", Role.ENCRYPTION), 0x31: ("aes-wrap", Role.ENCRYPTION),
    0x32: ("ecies-p256", Role.ENCRYPTION), 0x33: ("x25519", Role.ENCRYPTION),
}  # fmt: skip
_WITHOUT_ALGORITHM: Final = frozenset({0x01, 0x02, 0x25, 0x40, 0x50, 0x60, 0x70, 0x71})
_CIPHERS: Final = {0x04: "aes-128-ctr", 0x08: "aes-256-ctr"}  # by the flags of the header


def mcuboot(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the image at an offset."""
    header = source.data[offset : offset + _LEAST_HEADER_BYTES]
    if len(header) < _LEAST_HEADER_BYTES:
        return
    _, _, header_size, protected, size, flags, major, minor, revision, build = _HEADER.unpack(
        header[: _HEADER.size]
    )
    at = offset + header_size + size
    location = Location(source.uri, offset=offset)
    if header_size < _LEAST_HEADER_BYTES or at + 4 > len(source.data):
        if offset == 0:
            yield Gap(location, Cause.UNREADABLE, "An MCUboot image ends before its signatures.")
        return
    entries = list(_trailer(source, at))
    uses = [use for kind, value in entries if (use := _use(kind, value))]
    uses += [AlgorithmUse(name, Role.ENCRYPTION) for flag, name in _CIPHERS.items() if flags & flag]
    signed = any(kind in _SIGNATURES for kind, _ in entries)
    if not signed:
        uses.append(NOT_SIGNED)
    facts: dict[str, Fact] = {
        "version": f"{major}.{minor}.{revision}+{build}", "signed": signed,
        "protected_bytes": protected,
    }  # fmt: skip
    unknown = [
        f"0x{kind:02x}" for kind, _ in entries if not (kind in _USES or kind in _WITHOUT_ALGORITHM)
    ]
    if unknown:
        facts["unknown_tlvs"] = ", ".join(unknown)
        uses.append(AlgorithmUse(f"mcuboot-tlv:{unknown[0]}", Role.UNKNOWN))
    title = f"MCUboot image {facts['version']}{'' if signed else ', not signed'}"
    yield image(location, "mcuboot", title, uses, facts)


def _trailer(source: Source, at: int) -> Iterator[tuple[int, bytes]]:
    """Kind and value of each entry: those that the signature covers come first, if any."""
    while at + 4 <= len(source.data):
        magic, total = struct.unpack("<HH", source.data[at : at + 4])
        if magic not in {_TRAILER, _PROTECTED_TRAILER} or total < 4:
            return
        end = min(at + total, len(source.data))
        entry = at + 4
        while entry + 4 <= end:
            kind, length = struct.unpack("<HH", source.data[entry : entry + 4])
            yield kind, source.data[entry + 4 : min(entry + 4 + length, end)]
            entry += 4 + length
        at = end
        if magic == _TRAILER:
            return


def _use(kind: int, value: bytes) -> AlgorithmUse | None:
    if kind == _ECDSA:
        # the curve is not said; the length of the signature tells 384 bits from 256
        name = "ecdsa-p384" if len(value) > 80 else "ecdsa-p256"
        return AlgorithmUse(name, Role.FIRMWARE_SIGNATURE)
    return AlgorithmUse(*_USES[kind]) if kind in _USES else None
