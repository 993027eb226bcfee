"""U-Boot's images and the keys in its device trees.

Source: U-Boot doc/usage/fit/signature.rst, include/image.h; Devicetree Specification 0.4 §5.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Gap, Location, Role
from roadseal.assess.inventory.firmware.described import NOT_SIGNED, image
from roadseal.assess.inventory.firmware.devicetree import read_tree

UIMAGE: Final = b"\x27\x05\x19\x56"
FIT: Final = b"\xd0\x0d\xfe\xed"

_FIT_HASHES: Final = {"crc32": "crc32", "crc16-ccitt": "crc32", "md5": "md5", "sha1": "sha-1",
                      "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}  # fmt: skip
_FIT_CIPHERS: Final = {"aes128": "aes-128-cbc", "aes192": "aes-192-cbc", "aes256": "aes-256-cbc"}
_FIT_KEYS: Final = {"ecdsa256": "ecdsa-p256", "ecdsa384": "ecdsa-p384", "ecdsa521": "ecdsa-p521",
                    "secp521r1": "ecdsa-p521", "rsa1024": "rsa-1024", "rsa2048": "rsa-2048",
                    "rsa3072": "rsa-3072", "rsa4096": "rsa-4096", "ed25519": "ed25519"}  # fmt: skip


def uimage(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the legacy image at an offset."""
    header = source.data[offset : offset + 64]
    if len(header) < 64:
        return
    blank = header[:4] + b"\0\0\0\0" + header[8:]
    if zlib.crc32(blank) != int.from_bytes(header[4:8]):
        return  # four octets in something else
    name = header[32:64].split(b"\0")[0].decode("ascii", "replace")
    uses = [AlgorithmUse("crc32", Role.INTEGRITY), NOT_SIGNED]
    title = f"U-Boot image {name}: a checksum, no signature"
    yield image(Location(source.uri, offset=offset), "uimage", title, uses)


def fit(source: Source, offset: int, context: Context) -> Iterator[Output]:
    """Describe the device tree at an offset: an image of many parts, or keys to verify one by."""
    length = int.from_bytes(source.data[offset + 4 : offset + 8])
    location = Location(source.uri, offset=offset)
    if not 40 <= length <= len(source.data) - offset:
        return
    nodes = read_tree(source.data[offset : offset + length])
    if nodes is None:
        if offset == 0:
            yield Gap(location, Cause.UNREADABLE, "A device tree is malformed.")
        return
    uses: list[AlgorithmUse] = []
    signed = False
    is_fit = any(path == "/images" for path in nodes)
    for path, properties in nodes.items():
        leaf = path.rsplit("/", 1)[-1]
        algo = properties.get("algo", b"").split(b"\0")[0].decode("ascii", "replace")
        if not algo:
            continue
        if leaf.startswith("signature"):
            signed = True
            uses += _fit_signature(algo)
        elif leaf.startswith(("hash", "checksum")):
            uses.append(AlgorithmUse(_FIT_HASHES.get(algo, f"fit:{algo}"), Role.INTEGRITY))
        elif leaf.startswith("cipher"):
            uses.append(AlgorithmUse(_FIT_CIPHERS.get(algo, f"fit:{algo}"), Role.ENCRYPTION))
        elif path.startswith("/signature/"):  # a public key in the loader's own tree
            signed = True
            uses += [AlgorithmUse(use.name, Role.TRUST_ANCHOR) for use in _fit_signature(algo)]
    if is_fit and not signed:
        uses.append(NOT_SIGNED)
    if uses:
        title = "U-Boot FIT image" if is_fit else "device tree with verification keys"
        title += "" if signed else ", not signed"
        yield image(location, "fit", title, uses, {"signed": signed})


def _fit_signature(algo: str) -> list[AlgorithmUse]:
    """``sha256,rsa2048`` and the like."""
    hash_, _, key = algo.partition(",")
    return [
        AlgorithmUse(_FIT_KEYS.get(key, f"fit:{key or algo}"), Role.FIRMWARE_SIGNATURE),
        AlgorithmUse(_FIT_HASHES.get(hash_, f"fit:{hash_}"), Role.INTEGRITY),
    ]
