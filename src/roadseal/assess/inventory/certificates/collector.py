"""The collector of certificates and keys: by content first, by name where content does not tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from roadseal.assess.inventory.certificates import (
    bouncy_castle,
    cms,
    der,
    enrolment,
    ieee1609,
    openpgp,
    pem,
    small_keys,
    ssh,
)
from roadseal.assess.inventory.certificates.keys import (
    der_key,
    dh_parameters,
    dsa_parameters,
    ec_parameters,
    encrypted_key,
    material,
)
from roadseal.assess.inventory.certificates.keystore import JCEKS_MAGIC, JKS_MAGIC, keystore
from roadseal.assess.inventory.certificates.pkcs12 import pkcs12
from roadseal.assess.inventory.certificates.status import status
from roadseal.assess.inventory.certificates.texts import is_wrapped
from roadseal.assess.inventory.certificates.tpm import tpm_key
from roadseal.assess.inventory.certificates.x509 import (
    certificate,
    request,
    revocation_list,
)
from roadseal.assess.inventory.collector import Context, Data, Output, Signature, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

_PEM: Final = b"-----BEGIN "
_DER_STARTS: Final = (b"\x30\x80", b"\x30\x81", b"\x30\x82", b"\x30\x83", b"\x30\x84")
# a short SEQUENCE that begins with another or with a version, such as a key of Ed25519
_SMALL_DER_STARTS: Final = tuple(
    bytes((0x30, length, first)) for length in range(0x10, 0x80) for first in (0x02, 0x30)
)
_GNUPG_KEYS: Final = (b"private-key (", b"private-key(")  # GnuPG, agent/keyformat.txt
_GNUPG_HEADS: Final = (
    b"Created:",
    b"Key:",
    b"Token:",
    b"(11:private",
    b"(21:protected",
    b"(20:shad",
)
_BODY: Final = re.compile(  # base64 or a header follows the label, or many strings of a program
    rb"(?:\s|\\[rn]|%0[aAdD]|&#1[03];|<br ?/?>)*(?:[A-Za-z0-9+/]{4,}|[A-Za-z][A-Za-z0-9-]*:)"
    rb"|(?:\s|\\[rn]|[\"'+,;\\])*[A-Za-z0-9+/]{32,}"
)
_ENCODED_LINE: Final = re.compile(rb"^[^\s\"']{40,80}\r?$", re.MULTILINE)
_SIGNED_DATA, _DATA = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1"
_DER_NAMES: Final = {
    "der",
    "cer",
    "crt",
    "p12",
    "pfx",
    "bcfks",
    "p7b",
    "p7c",
    "p7m",
    "p7s",
    "ors",
    "tsr",
}
_KEYSTORE_NAMES: Final = frozenset({"jks", "jceks", "keystore", "truststore", "kbx"})
_KEYBOX: Final = b"KBXf"
_MAX_DER_BYTES: Final = 256 << 20
_MAX_MISSING_BYTES: Final = 1 << 16
_LEAST_STRUCTURE: Final = 48
_OF_WHOLE: Final = frozenset({"sha256", "spki_sha256", "key_id"})
_BUNDLE: Final = 1_000_000
_HEAD_BYTES: Final = 4096


@dataclass(frozen=True)
class CertificateCollector:
    """Reads certificates, requests, revocation lists, keys and keystores."""

    name: str = "certificate"
    signatures: Sequence[Signature] = (
        Signature(_PEM),
        *(Signature(kind + b" AAAA") for kind in ssh.KEY_TYPES),
        Signature(ssh.RFC4716_BEGIN),
        *map(Signature, _GNUPG_KEYS),
        Signature(JKS_MAGIC, 0),
        Signature(JCEKS_MAGIC, 0),
        Signature(_KEYBOX, 8),
        *(Signature(start, 0) for start in _DER_STARTS + _SMALL_DER_STARTS),
        *(Signature(start, 0) for start in ieee1609.STARTS + ieee1609.MESSAGE_STARTS),
    )
    names: Sequence[str] = (
        "*.der", "*.cer", "*.crt", "*.p12", "*.pfx", "*.p7b", "*.p7c", "*.p7m", "*.p7s",
        "*.ors", "*.tsr", "*.gpg", "*.pgp", "*.kbx", "*.oer", "*.coer", "*.ctl", "*.tlm",
        "*.jks", "*.jceks", "*.keystore", "*.truststore", "*.bcfks",
    )  # fmt: skip

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is in `source`."""
        if _PEM in source.hits:
            yield from _pem(source, context)
        if any(kind + b" AAAA" in source.hits for kind in ssh.KEY_TYPES):
            yield from ssh.public_lines(source.uri, source.data[:])
        if ssh.RFC4716_BEGIN in source.hits:
            yield from ssh.rfc4716(source)
        head = source.data[:64]
        if head.startswith(_GNUPG_HEADS) and any(mark in source.hits for mark in _GNUPG_KEYS):
            detail = "A private key of gpg-agent: gpg --export tells what it is."
            yield Gap(Location(source.uri), Cause.NOT_SUPPORTED, detail)
        suffix = source.name.rsplit(".", 1)[-1].lower()
        if head.startswith((JKS_MAGIC, JCEKS_MAGIC)):
            yield from keystore(source.uri, source.data[:])
        elif head.startswith(b"\x30"):
            yield from _der_file(source, context, by_name=suffix in _DER_NAMES)
        elif suffix in {"oer", "coer", "ctl", "tlm"} or (
            head.startswith(ieee1609.STARTS)
            and ieee1609.looks_like_certificate(source.data[:_BUNDLE])
        ):
            yield from ieee1609.certificates(source.uri, source.data[:])
        elif head.startswith(ieee1609.MESSAGE_STARTS):
            if ieee1609.looks_like_message(source.data[: ieee1609.MAX_BYTES]):
                yield from ieee1609.certificates(source.uri, source.data[:])
        elif suffix in {"gpg", "pgp"} and _PEM not in source.hits:
            yield from openpgp.keys(Location(source.uri), source.data[:], context, base=0)
        elif source.data[8:12] == _KEYBOX:
            yield from _keybox(source, context)
        elif _PEM not in source.hits and not is_wrapped(source.data[:_HEAD_BYTES]):
            yield from _only_named(source, suffix, head)


def _only_named(source: Source, suffix: str, head: bytes) -> Iterator[Gap]:
    """A file that is called what nothing in it confirms."""
    if suffix in _DER_NAMES:
        yield Gap(Location(source.uri), Cause.UNREADABLE, "Neither DER nor PEM.")
    elif suffix in _KEYSTORE_NAMES and head and not head.startswith(bouncy_castle.STARTS):
        yield Gap(Location(source.uri), Cause.UNREADABLE, "A keystore of no known kind.")


def der_at(location: Location, encoded: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe the one structure that starts `encoded`, whatever of them it is."""
    found = (
        certificate(location, encoded, "x509")
        or revocation_list(location, encoded)
        or request(location, encoded)
        or der_key(location, encoded, context)
        or tpm_key(location, encoded)
    )
    if found:
        yield found
        return
    yield from status(location, encoded)
    yield from bouncy_castle.bcfks(location, encoded)
    yield from enrolment.cmp_message(location, encoded)
    yield from enrolment.requests(location, encoded)
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 2) if outer else []
    match [one.tag for one in parts]:
        case [der.OID, *_] if der.dotted(encoded, parts[0]) in cms.CONTENTS:
            yield from cms.message(location, encoded)
        case [der.INTEGER, der.SEQUENCE]:
            inner = der.shape(encoded, parts[1], 1)
            if inner and der.dotted(encoded, inner[0]) in {_DATA, _SIGNED_DATA}:
                yield from pkcs12(location, encoded, context)


def _der_file(source: Source, context: Context, *, by_name: bool) -> Iterator[Output]:
    """A file of one structure, or of certificates one after the other."""
    at, found = 0, 0
    data = source.data[:_MAX_DER_BYTES]
    for _ in range(_BUNDLE):
        one = der.element(data, at, len(data))
        # of an indefinite length, the octets that end it belong to it
        end = one.end + 2 * (data[one.start + 1] == 0x80) if one else len(data)
        for finding in der_at(Location(source.uri, offset=at), data[at:end], context):
            found += 1
            yield finding
        if one is None or not found or end >= len(data):
            break
        if by_name and data[end] != 0x30 and data[end:].strip(b"\0\xff\r\n\t "):
            detail = "What follows is no DER and is not read."
            yield Gap(Location(source.uri, offset=end), Cause.UNREADABLE, detail)
            break
        at = end
    if found:
        return
    if _said_size(data[:8]) > len(data):
        for finding in cut_off(Location(source.uri, offset=0), data[:], context, der_at):
            found += 1
            yield finding
        if found:
            detail = "It is cut off: it says that it is longer."
            yield Gap(Location(source.uri, offset=len(data)), Cause.UNREADABLE, detail)
            return
    if by_name or _is_one_structure(data):
        yield from enrolment.within(Location(source.uri, offset=0), data[:])
        yield Gap(Location(source.uri), Cause.UNREADABLE, "DER of no kind that is known here.")


def _is_one_structure(data: Data) -> bool:
    """Whether a file is one element of DER to its last octet, and so are the elements in it."""
    if not _LEAST_STRUCTURE <= len(data) <= _BUNDLE:
        return False
    octets = data[:]
    whole = der.element(octets, 0, len(octets))
    if whole is None or whole.end != len(octets) or octets[1] == 0x80:
        return False
    inside = der.shape(octets, whole, der.MAX_ELEMENTS)
    if not inside or inside[-1].end != whole.end:
        return False
    nested = [one for one in inside if one.tag == der.SEQUENCE]
    return bool(nested) and all(
        (parts := der.shape(octets, one, der.MAX_ELEMENTS)) and parts[-1].end == one.end
        for one in nested
    )


def _pem(source: Source, context: Context) -> Iterator[Output]:
    for block in pem.blocks(source.data, source.every(_PEM)):
        if block.label == "PGP SIGNED MESSAGE":
            continue  # a text, whose signature follows under a label of its own
        location = Location(source.uri, offset=block.offset, line=block.line)
        plain = block.octets if block.clean and block.label == "CERTIFICATE" else None
        if plain and (found := certificate(location, plain, "x509")):  # nearly all are so
            yield found
            continue
        after = block.offset + len(_PEM) + len(block.label) + 5
        start = source.data[after : after + 400]
        if not block.clean and not _BODY.match(start) and len(_ENCODED_LINE.findall(start)) < 3:
            continue  # programs and manuals carry the bare words
        if block.cut:
            yield from _cut(block, location, context)
        elif block.octets is None:
            yield Gap(location, Cause.UNREADABLE, f"A PEM block {block.label} is malformed.")
        else:
            yield from _block(block, location, context)


def _cut(block: pem.Block, location: Location, context: Context) -> Iterator[Output]:
    """What there is of a block without an end."""
    reader = _LABELS.get(block.label)
    if block.octets and reader is not None:
        yield from cut_off(location, block.octets, context, reader)
    yield Gap(location, Cause.UNREADABLE, f"A PEM block {block.label} is malformed.")


def cut_off(
    location: Location,
    encoded: bytes,
    context: Context,
    read: Callable[[Location, bytes, Context], Iterator[Finding | Gap]],
) -> Iterator[Finding]:
    """Describe what a structure says that ends before its own length, as if zeros followed.

    Its digests are those of nothing that exists, and are left out.
    """
    size = _said_size(encoded)
    if not len(encoded) < size <= len(encoded) + _MAX_MISSING_BYTES:
        size = len(encoded)
    for output in read(location, encoded + bytes(size - len(encoded)), context):
        if isinstance(output, Finding):
            facts = {k: v for k, v in output.facts.items() if k not in _OF_WHOLE}
            before = f"{facts['defects']}; " if "defects" in facts else ""
            facts["defects"] = f"{before}it is cut off"
            # what is not there may have been cut off
            uses = tuple(use for use in output.algorithms if use.name != "null")
            yield replace(
                output,
                algorithms=uses or (AlgorithmUse("unreadable-encryption", Role.STORAGE),),
                confidence=min(output.confidence, 0.6),
                facts=facts,
            )


def _said_size(encoded: bytes) -> int:
    """How long the first structure says that it is."""
    first = encoded[1] if len(encoded) > 1 else 0
    octets = first & 0x7F if first & 0x80 else 0
    if not 0 < octets <= 4:
        return 2 + first
    return 2 + octets + int.from_bytes(encoded[2 : 2 + octets])


def _block(block: pem.Block, location: Location, context: Context) -> Iterator[Output]:
    octets = block.octets or b""
    reader = _LABELS.get(block.label)
    if b"ENCRYPTED" in block.headers:
        yield encrypted_key(location, "private-key", _legacy_cipher(block.headers))
        return
    if block.label.startswith("OpenVPN "):
        title = block.label.removesuffix(" V1")
        psk = AlgorithmUse("psk", Role.LIVE_AUTHENTICATION)
        yield material(location, "openvpn-key", title, [psk], {"encrypted": False})
        return
    if block.label.startswith("PGP "):
        yield from openpgp.keys(location, octets, context)
        return
    if block.label == "OPENSSH PRIVATE KEY":
        yield from ssh.private(location, octets, context)
        return
    if block.label == "AGE ENCRYPTED FILE":
        yield from small_keys.age_file(location, octets)
        return
    if block.label == "SSH SIGNATURE":
        yield ssh.signature(location, octets)
        return
    found = list((reader or der_at)(location, octets, context))
    if reader is None and not found:
        yield Gap(location, Cause.NOT_SUPPORTED, f"A PEM block {block.label}.")
        return
    yield from found
    if not found:
        yield Gap(location, Cause.UNREADABLE, f"A PEM block {block.label} cannot be read.")


def _one(read: Callable[[Location, bytes], Finding | None]) -> Callable[..., Iterator[Finding]]:
    def reader(location: Location, octets: bytes, context: Context) -> Iterator[Finding]:
        if found := read(location, octets):
            yield found

    return reader


_LABELS: Final[dict[str, Callable[[Location, bytes, Context], Iterator[Finding | Gap]]]] = {
    "CERTIFICATE": der_at,
    "X509 CERTIFICATE": der_at,
    "TRUSTED CERTIFICATE": der_at,
    "ATTRIBUTE CERTIFICATE": der_at,
    "CERTIFICATE REQUEST": der_at,
    "NEW CERTIFICATE REQUEST": der_at,
    "X509 CRL": der_at,
    "PKCS7": der_at,
    "CMS": der_at,
    "PUBLIC KEY": der_at,
    "RSA PUBLIC KEY": der_at,
    "PRIVATE KEY": der_at,
    "ENCRYPTED PRIVATE KEY": der_at,
    "RSA PRIVATE KEY": der_at,
    "EC PRIVATE KEY": der_at,
    "DSA PRIVATE KEY": der_at,
    "ML-DSA PRIVATE KEY": der_at,
    "DH PARAMETERS": _one(dh_parameters),
    "X9.42 DH PARAMETERS": _one(dh_parameters),
    "EC PARAMETERS": _one(ec_parameters),
    "SM2 PARAMETERS": _one(ec_parameters),
    "SM2 PRIVATE KEY": der_at,
    "DSA PARAMETERS": _one(dsa_parameters),
}

_LEGACY_CIPHERS: Final = {
    "AES-128-CBC": "aes-128-cbc", "AES-192-CBC": "aes-192-cbc", "AES-256-CBC": "aes-256-cbc",
    "DES-CBC": "des-cbc", "DES-EDE3-CBC": "3des-cbc", "CAMELLIA-128-CBC": "camellia-128-cbc",
    "CAMELLIA-256-CBC": "camellia-256-cbc", "BF-CBC": "blowfish-cbc", "IDEA-CBC": "idea-cbc",
}  # fmt: skip


def _legacy_cipher(headers: bytes) -> list[str]:
    """Name the cipher of a DEK-Info header (RFC 1421); its key comes from MD5 of the password."""
    for line in headers.splitlines():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"dek-info":
            cipher = value.split(b",")[0].strip().decode("ascii", "replace").upper()
            return [_LEGACY_CIPHERS.get(cipher, cipher.lower()), "pbkdf1-md5"]
    return []


def _keybox(source: Source, context: Context) -> Iterator[Output]:
    """GnuPG's keybox (kbx/keybox-blob.c): a row of blobs, those of kind 2 hold OpenPGP, 3 X.509."""
    at, size = 0, len(source.data)
    while at + 16 <= size:
        length = int.from_bytes(source.data[at : at + 4])
        kind = source.data[at + 4]
        if length < 16 or at + length > size:
            yield Gap(
                Location(source.uri, offset=at), Cause.UNREADABLE, "A keybox blob is cut off."
            )
            return
        start = at + int.from_bytes(source.data[at + 8 : at + 12])
        end = start + int.from_bytes(source.data[at + 12 : at + 16])
        if kind == 2 and end <= at + length:
            yield from openpgp.keys(
                Location(source.uri, offset=start), source.data[start:end], context, base=start
            )
        elif kind == 3 and end <= at + length:
            location = Location(source.uri, offset=start)
            if found := certificate(location, source.data[start:end], "keybox"):
                yield found
        at += length


COLLECTOR: Final = CertificateCollector()
"""Reads certificates and keys."""
