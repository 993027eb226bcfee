"""What keeps a disk secret or whole: LUKS, dm-verity.

Sources: LUKS1 On-Disk Format Specification 1.2.3; LUKS2 On-Disk Format Specification 1.1.1;
cryptsetup's wiki, "DMVerity" (on-disk format).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Gap, Location, Role
from roadseal.assess.inventory.firmware.described import image

LUKS: Final = b"LUKS\xba\xbe"
VERITY: Final = b"verity\0\0"

_JSON_AT: Final = 4096
_MAX_HEADER_BYTES: Final = 4 << 20
_HASHES: Final = {
    "md5": "md5", "sha1": "sha-1", "ripemd160": "ripemd-160", "sha224": "sha-224",
    "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512", "sha3-256": "sha3-256",
    "sha3-512": "sha3-512", "whirlpool": "whirlpool", "blake2b-256": "blake2b-256",
}  # fmt: skip


def luks(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the header of an encrypted volume at an offset."""
    header = source.data[offset : offset + 112]
    version = int.from_bytes(header[6:8])
    location = Location(source.uri, offset=offset)
    if len(header) < 112 or version not in {1, 2}:
        return
    if version == 1:
        cipher, mode, digest = (_text(header[at : at + 32]) for at in (8, 40, 72))
        key_bytes = int.from_bytes(header[108:112])
        names = [_cipher(f"{cipher}-{mode}", key_bytes), f"pbkdf2-{_hash(digest)}"]
    else:
        size = min(int.from_bytes(header[8:16]), _MAX_HEADER_BYTES)
        text = source.data[offset + _JSON_AT : offset + size].split(b"\0")[0]
        try:
            names = list(_of_second_version(orjson.loads(text)))
        except (ValueError, TypeError, AttributeError):
            yield Gap(location, Cause.UNREADABLE, "The header of a LUKS volume is malformed.")
            return
    uses = [AlgorithmUse(name, Role.STORAGE) for name in names]
    yield image(location, "luks", f"encrypted volume, LUKS{version}", uses, {"encrypted": True})


def _of_second_version(header: Mapping[str, Any]) -> Iterator[str]:
    """Ciphers of segments, derivations and ciphers of key slots."""
    slots = list(header.get("keyslots", {}).values())
    key_bytes = max([int(slot.get("key_size", 0)) for slot in slots], default=0)
    for segment in header.get("segments", {}).values():
        if "encryption" in segment:
            yield _cipher(str(segment["encryption"]), key_bytes)
    for slot in slots:
        derivation = slot.get("kdf", {})
        kind = str(derivation.get("type", ""))
        if kind == "pbkdf2":
            yield f"pbkdf2-{_hash(str(derivation.get('hash', '')))}"
        elif kind:
            yield "argon2" if kind.startswith("argon2") else f"luks:{kind[:40]}"
        area = slot.get("area", {})
        if "encryption" in area:
            yield _cipher(str(area["encryption"]), int(area.get("key_size", 0)))


def _cipher(spelling: str, key_bytes: int) -> str:
    """``aes-xts-plain64`` and 64 octets are AES-256: XTS has two keys (IEEE 1619)."""
    cipher, _, rest = spelling.partition("-")
    mode = rest.split("-")[0]
    bits = key_bytes * (4 if mode == "xts" else 8)
    if cipher in {"aes", "twofish", "serpent", "camellia"} and bits and mode:
        return f"{cipher}-{bits}-{mode}"
    return {"cipher_null": "null"}.get(cipher, f"luks:{spelling[:40]}")


def verity(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the superblock of dm-verity at an offset; who signed its root is told elsewhere."""
    block = source.data[offset : offset + 512]
    version, kind = (int.from_bytes(block[at : at + 4], "little") for at in (8, 12))
    if len(block) < 512 or version != 1 or kind > 1:
        return
    name = _hash(_text(block[32:64]))
    uses = [AlgorithmUse(name, Role.INTEGRITY)]
    yield image(Location(source.uri, offset=offset), "dm-verity", f"hash tree of {name}", uses)


def _hash(spelling: str) -> str:
    return _HASHES.get(spelling.lower(), f"linux:{spelling[:40]}")


def _text(octets: bytes) -> str:
    return octets.split(b"\0")[0].decode("ascii", "replace")
