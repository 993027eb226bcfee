"""Android packages: the block before a zip's directory that signs the whole of it.

Source: Android Open Source Project, "APK Signature Scheme v2", "v3" and "v3.1".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Data, Output
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Gap, Location, Role
from roadseal.assess.inventory.firmware.described import image

_END: Final = b"PK\x05\x06"
_MAGIC: Final = b"APK Sig Block 42"
_MAX_END_BYTES: Final = 65_557  # the record that ends a zip, and a comment
_SCHEMES: Final = {0x7109871A: "v2", 0xF05368C0: "v3", 0x1B93AD61: "v3.1"}
_ALGORITHMS: Final = {
    0x0101: ("rsa-pss-sha-256", "sha-256"), 0x0102: ("rsa-pss-sha-512", "sha-512"),
    0x0103: ("rsa-pkcs1-sha-256", "sha-256"), 0x0104: ("rsa-pkcs1-sha-512", "sha-512"),
    0x0201: ("ecdsa-sha-256", "sha-256"), 0x0202: ("ecdsa-sha-512", "sha-512"),
    0x0301: ("dsa-sha-256", "sha-256"), 0x0421: ("rsa-pkcs1-sha-256", "sha-256"),
    0x0423: ("ecdsa-sha-256", "sha-256"), 0x0425: ("dsa-sha-256", "sha-256"),
}  # fmt: skip
_MAX_ITEMS: Final = 64


def signing_block(uri: str, data: Data) -> Iterator[Output]:
    """Describe who signed a package by each scheme; nothing if the zip has no such block."""
    tail = max(0, len(data) - _MAX_END_BYTES)
    end = data[tail:].rfind(_END)
    directory = int.from_bytes(data[tail + end + 16 : tail + end + 20], "little") if end >= 0 else 0
    if directory < 32 or data[directory - 16 : directory] != _MAGIC:
        return
    size = int.from_bytes(data[directory - 24 : directory - 16], "little")
    start = directory - size
    where = Location(uri, offset=start)
    if not 24 <= size <= directory - 8:
        yield Gap(where, Cause.UNREADABLE, "The signing block of an Android package is malformed.")
        return
    for scheme, value in _pairs(data[start : directory - 24]):
        for signer in _items(_first(value)):
            signed = _first(signer)
            # since v3 the least and the greatest version of Android stand between
            after = signer[4 + len(signed) + (0 if scheme == "v2" else 8) :]
            uses = [use for one in _items(_first(after)) for use in _uses(_number(one))]
            yield image(where, "apk", f"Android package signed by scheme {scheme}", uses)
            parts = _items(signed)
            for encoded in _items(parts[1]) if len(parts) > 1 else []:
                if found := certificate(where, encoded, "apk"):
                    yield found


def _uses(algorithm: int) -> list[AlgorithmUse]:
    if algorithm not in _ALGORITHMS:
        return [AlgorithmUse(f"apk:0x{algorithm:04x}", Role.FIRMWARE_SIGNATURE)]
    signature, digest = _ALGORITHMS[algorithm]
    return [
        AlgorithmUse(signature, Role.FIRMWARE_SIGNATURE), AlgorithmUse(digest, Role.INTEGRITY),
    ]  # fmt: skip


def _number(data: bytes) -> int:
    return int.from_bytes(data[:4], "little")


def _pairs(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Schemes that are known and their values; others pad the block or are for shops."""
    at = 0
    for _ in range(_MAX_ITEMS):
        if at + 12 > len(data):
            return
        length = int.from_bytes(data[at : at + 8], "little")
        if scheme := _SCHEMES.get(_number(data[at + 8 :])):
            yield scheme, data[at + 12 : at + 8 + length]
        at += 8 + length


def _first(data: bytes) -> bytes:
    return data[4 : 4 + _number(data)]


def _items(data: bytes) -> list[bytes]:
    """What stands in a row, each after its length."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(data) and len(found) < _MAX_ITEMS:
        found.append(_first(data[at:]))
        at += 4 + _number(data[at:])
    return found
