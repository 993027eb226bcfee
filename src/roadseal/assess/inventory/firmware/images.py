"""Boot images and signature lists; what lies in raw images is carved.

Sources: MCUboot docs/design.md and boot/bootutil/include/bootutil/image.h; U-Boot
doc/usage/fit/signature.rst, include/image.h; Devicetree Specification 0.4 §5; UEFI 2.10 §32.4.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from roadseal.assess.inventory.certificates import bouncy_castle
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.firmware.carving import ANCHORS, carve
from roadseal.assess.inventory.firmware.devicetree import read_tree
from roadseal.events import Fact

_MCUBOOT, _UIMAGE, _FDT = b"\x3d\xb8\xf3\x96", b"\x27\x05\x19\x56", b"\xd0\x0d\xfe\xed"
_ESL_X509: Final = bytes.fromhex("a159c0a5e494a74a87b5ab155c2bf072")
_ESL_SHA256: Final = bytes.fromhex("2616c4c14c509240aca941f936934328")
_MCUBOOT_TLVS: Final = {
    0x10: ("sha-256", Role.INTEGRITY), 0x11: ("sha-384", Role.INTEGRITY),
    0x12: ("sha-512", Role.INTEGRITY), 0x20: ("rsa-2048", Role.FIRMWARE_SIGNATURE),
    0x21: ("ecdsa-p224", Role.FIRMWARE_SIGNATURE), 0x22: ("ecdsa", Role.FIRMWARE_SIGNATURE),
    0x23: ("rsa-3072", Role.FIRMWARE_SIGNATURE), 0x24: ("ed25519", Role.FIRMWARE_SIGNATURE),
    0x30: ("rsa-oaep", Role.ENCRYPTION), 0x31: ("aes-wrap", Role.ENCRYPTION),
    0x32: ("ecies-p256", Role.ENCRYPTION), 0x33: ("x25519", Role.ENCRYPTION),
}  # fmt: skip
_READ_ELSEWHERE: Final = (
    *bouncy_castle.STARTS,
    *map(bytes.fromhex, ("30", "feedfeed", "cececece", "d4c3b2a1", "a1b2c3d4", "4d3cb2a1",
                        "a1b23c4d", "0a0d0d0a")),
)  # fmt: skip
_MAX_IMAGES: Final = 64


@dataclass(frozen=True)
class ImageCollector:
    """Reads boot images, signature lists, and what lies in raw images."""

    name: str = "firmware"
    signatures: Sequence[Signature] = (
        *map(Signature, (_MCUBOOT, _UIMAGE, _FDT, _ESL_X509, _ESL_SHA256)),
        *map(Signature, ANCHORS),
    )
    names: Sequence[str] = ()

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is in `source`."""
        for offset in source.hits.get(_MCUBOOT, ())[:_MAX_IMAGES]:
            yield from _mcuboot(source, offset)
        for offset in source.hits.get(_UIMAGE, ())[:_MAX_IMAGES]:
            yield from _uimage(source, offset)
        for offset in source.hits.get(_FDT, ())[:_MAX_IMAGES]:
            yield from _fit(source, offset)
        for magic in (_ESL_X509, _ESL_SHA256):
            for offset in source.hits.get(magic, ())[:_MAX_IMAGES]:
                yield from _signature_list(source, offset, magic)
        # other collectors read these to their end
        if not source.data[:8].startswith(_READ_ELSEWHERE) and source.data[8:12] != b"KBXf":
            yield from carve(source, context, set(source.hits.get(_ESL_X509, ())))


def _image(location: Location, rule: str, title: str, uses: list[AlgorithmUse],
           facts: dict[str, Fact] | None = None) -> Finding:  # fmt: skip
    return Finding(
        f"firmware/{rule}", location, AssetType.MATERIAL, title, tuple(dict.fromkeys(uses)),
        Basis.OBSERVED, excerpt=title, facts=facts or {},
    )  # fmt: skip


def _mcuboot(source: Source, offset: int) -> Iterator[Output]:
    header = source.data[offset : offset + 32]
    if len(header) < 32:
        return
    _, _, header_size, protected, size, flags, major, minor, revision, build = struct.unpack(
        "<IIHHIIBBHI", header[:28]
    )
    at = offset + header_size + size
    location = Location(source.uri, offset=offset)
    if header_size < 32 or at + 4 > len(source.data):
        if offset == 0:
            yield Gap(location, Cause.UNREADABLE, "An MCUboot image ends before its signatures.")
        return
    uses: list[AlgorithmUse] = []
    unknown: list[str] = []
    signed = False
    while at + 4 <= len(source.data):
        magic, total = struct.unpack("<HH", source.data[at : at + 4])
        if magic not in {0x6907, 0x6908} or total < 4:
            break
        end = min(at + total, len(source.data))
        entry = at + 4
        while entry + 4 <= end:
            kind, length = struct.unpack("<HH", source.data[entry : entry + 4])
            value = source.data[entry + 4 : min(entry + 4 + length, end)]
            if kind == 0x22:
                # the curve is not said; the length of the signature tells 384 bits from 256
                name = "ecdsa-p384" if len(value) > 80 else "ecdsa-p256"
                uses.append(AlgorithmUse(name, Role.FIRMWARE_SIGNATURE))
            elif kind in _MCUBOOT_TLVS:
                uses.append(AlgorithmUse(*_MCUBOOT_TLVS[kind]))
            elif kind not in {0x01, 0x02, 0x25, 0x40, 0x50, 0x60, 0x70, 0x71}:
                unknown.append(f"0x{kind:02x}")
            signed = signed or 0x20 <= kind <= 0x24
            entry += 4 + length
        at = end
        if magic == 0x6907:
            break
    if flags & 0x04:
        uses.append(AlgorithmUse("aes-128-ctr", Role.ENCRYPTION))
    elif flags & 0x08:
        uses.append(AlgorithmUse("aes-256-ctr", Role.ENCRYPTION))
    if not signed:
        uses.append(AlgorithmUse("null", Role.FIRMWARE_SIGNATURE))
    facts: dict[str, Fact] = {
        "version": f"{major}.{minor}.{revision}+{build}", "signed": signed,
        "protected_bytes": protected,
    }  # fmt: skip
    if unknown:
        facts["unknown_tlvs"] = ", ".join(unknown)
        uses.append(AlgorithmUse(f"mcuboot-tlv:{unknown[0]}", Role.UNKNOWN))
    title = f"MCUboot image {facts['version']}{'' if signed else ', not signed'}"
    yield _image(location, "mcuboot", title, uses, facts)


def _uimage(source: Source, offset: int) -> Iterator[Output]:
    import zlib

    header = source.data[offset : offset + 64]
    if len(header) < 64:
        return
    blank = header[:4] + b"\0\0\0\0" + header[8:]
    if zlib.crc32(blank) != int.from_bytes(header[4:8]):
        return  # four octets in something else
    name = header[32:64].split(b"\0")[0].decode("ascii", "replace")
    uses = [AlgorithmUse("crc32", Role.INTEGRITY), AlgorithmUse("null", Role.FIRMWARE_SIGNATURE)]
    title = f"U-Boot image {name}: a checksum, no signature"
    yield _image(Location(source.uri, offset=offset), "uimage", title, uses)


def _fit(source: Source, offset: int) -> Iterator[Output]:
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
        uses.append(AlgorithmUse("null", Role.FIRMWARE_SIGNATURE))
    if uses:
        title = "U-Boot FIT image" if is_fit else "device tree with verification keys"
        title += "" if signed else ", not signed"
        yield _image(location, "fit", title, uses, {"signed": signed})


_FIT_HASHES: Final = {"crc32": "crc32", "crc16-ccitt": "crc32", "md5": "md5", "sha1": "sha-1",
                      "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}  # fmt: skip
_FIT_CIPHERS: Final = {"aes128": "aes-128-cbc", "aes192": "aes-192-cbc", "aes256": "aes-256-cbc"}
_FIT_KEYS: Final = {"ecdsa256": "ecdsa-p256", "ecdsa384": "ecdsa-p384", "ecdsa521": "ecdsa-p521",
                    "secp521r1": "ecdsa-p521", "rsa1024": "rsa-1024", "rsa2048": "rsa-2048",
                    "rsa3072": "rsa-3072", "rsa4096": "rsa-4096", "ed25519": "ed25519"}  # fmt: skip


def _fit_signature(algo: str) -> list[AlgorithmUse]:
    """``sha256,rsa2048`` and the like."""
    hash_, _, key = algo.partition(",")
    return [
        AlgorithmUse(_FIT_KEYS.get(key, f"fit:{key or algo}"), Role.FIRMWARE_SIGNATURE),
        AlgorithmUse(_FIT_HASHES.get(hash_, f"fit:{hash_}"), Role.INTEGRITY),
    ]


def _signature_list(source: Source, offset: int, magic: bytes) -> Iterator[Output]:
    header = source.data[offset + 16 : offset + 28]
    if len(header) < 12:
        return
    size, extra, each = struct.unpack("<III", header)
    start, end = offset + 28 + extra, offset + size
    if not 28 < size <= len(source.data) - offset or each <= 16 or (end - start) % each:
        return  # the identifier alone, in a program
    location = Location(source.uri, offset=offset)
    if magic == _ESL_SHA256:
        uses = [AlgorithmUse("sha-256", Role.FIRMWARE_SIGNATURE)]
        title = f"UEFI signature list of {(end - start) // each} SHA-256 hashes"
        yield _image(location, "uefi", title, uses)
        return
    for at in range(start, end, each):
        where = Location(source.uri, offset=at + 16)
        if found := certificate(where, source.data[at + 16 : at + each], "uefi"):
            yield found
        else:
            yield Gap(where, Cause.UNREADABLE, "A certificate in a UEFI signature list.")


IMAGES: Final = ImageCollector()
"""Reads firmware images."""
