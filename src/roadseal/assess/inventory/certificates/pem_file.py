"""PEM blocks of every label as findings, whole or cut off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from roadseal.assess.inventory.certificates import openpgp, pem, small_keys, ssh
from roadseal.assess.inventory.certificates.keys import (
    dh_parameters,
    dsa_parameters,
    ec_parameters,
    encrypted_key,
    material,
)
from roadseal.assess.inventory.certificates.structures import cut_off, der_at
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Context, Output, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

BEGIN: Final = b"-----BEGIN "
_BODY: Final = re.compile(  # base64 or a header follows the label, or many strings of a program
    rb"(?:\s|\\[rn]|%0[aAdD]|&#1[03];|<br ?/?>)*(?:[A-Za-z0-9+/]{4,}|[A-Za-z][A-Za-z0-9-]*:)"
    rb"|(?:\s|\\[rn]|[\"'+,;\\])*[A-Za-z0-9+/]{32,}"
)
_ENCODED_LINE: Final = re.compile(rb"^[^\s\"']{40,80}\r?$", re.MULTILINE)


def pem_blocks(source: Source, context: Context) -> Iterator[Output]:
    """Describe what every block of a text holds; what cannot be read is a gap."""
    for block in pem.blocks(source.data, source.every(BEGIN)):
        if block.label == "PGP SIGNED MESSAGE":
            continue  # a text, whose signature follows under a label of its own
        location = Location(source.uri, offset=block.offset, line=block.line)
        plain = block.octets if block.clean and block.label == "CERTIFICATE" else None
        if plain and (found := certificate(location, plain, "x509")):  # nearly all are so
            yield found
            continue
        after = block.offset + len(BEGIN) + len(block.label) + 5
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
