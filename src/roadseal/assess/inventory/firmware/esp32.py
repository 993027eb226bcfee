"""Applications for Espressif's ESP32: the blocks of Secure Boot V2 that sign them.

Source: ESP-IDF Programming Guide, "Secure Boot V2" (signature block format), and
bootloader_support/include/esp_secure_boot.h; esp_app_desc.h for the mark of an application.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Location, Role
from roadseal.assess.inventory.firmware.described import NOT_SIGNED, image

MAGIC: Final = b"\xe9"

_APPLICATION: Final = b"\x32\x54\xcd\xab"
_APPLICATION_AT: Final = 32
_SECTOR_BYTES: Final = 4096
_BLOCK_BYTES, _SUMMED_BYTES = 1216, 1196
_BLOCK: Final = 0xE7
_RSA, _ECDSA = 2, 3
_CURVES: Final = {1: "ecdsa-p192", 2: "ecdsa-p256", 3: "ecdsa-p384"}
_DIGESTS: Final = {0: ("sha-256", 32), 1: ("sha-384", 48)}
_DIGEST_KIND_AT, _DIGEST_AT = 2, 4


def signature_blocks(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe what signs an application; nothing if `source` is none and has no such block."""
    uses: list[AlgorithmUse] = []
    for sector in range(0, len(source.data) - _BLOCK_BYTES + 1, _SECTOR_BYTES):
        for at in range(sector, sector + 3 * _BLOCK_BYTES, _BLOCK_BYTES):  # up to three keys
            if source.data[at : at + 1] != bytes((_BLOCK,)):
                break
            block = source.data[at : at + _BLOCK_BYTES]
            checksum = int.from_bytes(block[_SUMMED_BYTES : _SUMMED_BYTES + 4], "little")
            if len(block) < _BLOCK_BYTES or zlib.crc32(block[:_SUMMED_BYTES]) != checksum:
                break
            uses += _block(block)
    if not uses and source.data[_APPLICATION_AT : _APPLICATION_AT + 4] != _APPLICATION:
        return
    title = f"ESP32 application{'' if uses else ', not signed'}"
    signed = {"signed": bool(uses)}
    yield image(Location(source.uri, offset=0), "esp32", title, uses or [NOT_SIGNED], {**signed})


def _block(block: bytes) -> list[AlgorithmUse]:
    kind = block[1]
    if kind == _RSA:
        name, digest = "rsa-3072", "sha-256"
    elif kind == _ECDSA and block[_DIGEST_KIND_AT] in _DIGESTS:
        digest, octets = _DIGESTS[block[_DIGEST_KIND_AT]]
        name = _CURVES.get(block[_DIGEST_AT + octets], "ecdsa")  # the curve stands after it
    else:
        return [AlgorithmUse(f"esp32:{kind}", Role.FIRMWARE_SIGNATURE)]
    return [AlgorithmUse(name, Role.FIRMWARE_SIGNATURE), AlgorithmUse(digest, Role.INTEGRITY)]
