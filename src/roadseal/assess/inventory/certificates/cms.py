"""Cryptographic messages: who signed, and what is encrypted for whom; S/MIME carries them.

Source: RFC 5652 (CMS), RFC 5083 (AuthEnvelopedData), RFC 9629 (KEM recipients), RFC 8551 (S/MIME).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.certificates import der, enrolment
from roadseal.assess.inventory.certificates.names import oids_in, signature_name
from roadseal.assess.inventory.certificates.x509 import certificates_in, revocation_list
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

_SIGNED, _ENVELOPED, _ENCRYPTED = (f"1.2.840.113549.1.7.{number}" for number in (2, 3, 6))
_AUTH_ENVELOPED, _AUTHENTICATED = "1.2.840.113549.1.9.16.1.23", "1.2.840.113549.1.9.16.1.2"
_DATA: Final = "1.2.840.113549.1.7.1"
_ENCRYPTIONS: Final = frozenset({_ENVELOPED, _AUTH_ENVELOPED})
_OTHERS: Final = {
    "1.2.840.113549.1.7.1": "data",
    "1.2.840.113549.1.7.5": "a digest",
    "1.2.840.113549.1.9.16.1.9": "compressed data",
}
CONTENTS: Final = frozenset(
    {_SIGNED, _ENVELOPED, _ENCRYPTED, _AUTH_ENVELOPED, _AUTHENTICATED, *_OTHERS}
)
"""Object identifiers of content types that `message` reads or names."""


def message(
    location: Location, encoded: bytes, signs: Role = Role.MESSAGE_SIGNATURE
) -> Iterator[Finding | Gap]:
    """Describe the ContentInfo at the start of `encoded`, whose type is one of `CONTENTS`.

    Args:
        location: of the message.
        encoded: it, and whatever follows it.
        signs: what its signatures are for.
    """
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 2) if outer else []
    kind = der.dotted(encoded, parts[0]) if parts and parts[0].tag == der.OID else ""
    if kind in _OTHERS:
        detail = f"A cryptographic message of {_OTHERS[kind]}: nothing is signed or encrypted."
        yield Gap(location, Cause.NOT_SUPPORTED, detail)
        return
    content = next(der.children(encoded, parts[1]), None) if len(parts) > 1 else None
    if content is None:
        yield Gap(location, Cause.UNREADABLE, "A cryptographic message ends before its content.")
        return
    fields = der.shape(encoded, content)
    if kind == _SIGNED:
        yield from certificates_in(location, encoded, "pkcs7")
        yield from _revocations(location, encoded, fields)
        yield from _carried(location, encoded, fields)
        title, uses = "signed message", _signers(encoded, fields, signs)
    else:
        title = "encrypted message"
        uses = [*_recipients(encoded, fields), *_content_cipher(encoded, fields)]
    if uses:
        yield Finding(
            "certificate/cms",
            location,
            AssetType.MATERIAL,
            title,
            tuple(dict.fromkeys(uses)),
            Basis.OBSERVED,
            excerpt=f"{title}, CMS",
            facts={"sha256": hashlib.sha256(encoded).hexdigest()},
        )


def _carried(
    location: Location, encoded: bytes, fields: list[der.Element]
) -> Iterator[Finding | Gap]:
    """A message within a message, as SCEP has it (RFC 8894 §3), or a request of CMC."""
    carrier = next((one for one in fields if one.tag == der.SEQUENCE), None)
    first = next(der.children(encoded, carrier), None) if carrier else None
    kind = der.dotted(encoded, first) if first and first.tag == der.OID else ""
    content = content_of(encoded) or b""
    if kind in enrolment.CMC_CONTENTS:
        yield from enrolment.within(location, content)
    elif kind == _DATA and content[:1] == b"\x30":
        outer = der.element(content, 0, len(content))
        first = next(der.children(content, outer), None) if outer else None
        if first and first.tag == der.OID and der.dotted(content, first) in _ENCRYPTIONS:
            yield from message(location, content)


def _revocations(
    location: Location, encoded: bytes, fields: list[der.Element]
) -> Iterator[Finding]:
    for field in fields:
        if field.tag == 0xA1:  # crls
            for each in der.children(encoded, field):
                if found := revocation_list(location, encoded[each.start : each.end]):
                    yield found


def _signers(encoded: bytes, fields: list[der.Element], signs: Role) -> list[AlgorithmUse]:
    """Signature and digest of every SignerInfo: version, sid, digest, [0]?, signature."""
    uses: list[AlgorithmUse] = []
    signers = fields[-1] if len(fields) > 3 and fields[-1].tag == der.SET else None
    for signer in der.shape(encoded, signers, 100) if signers else []:
        algorithms = [one for one in der.shape(encoded, signer) if one.tag == der.SEQUENCE]
        # the identifier of the signer may be a SEQUENCE too, but it starts with a name
        named = [names for one in algorithms if (names := _identifier(encoded, one))]
        if len(named) < 2:
            continue
        (digest_oid, _), (oid, parameters) = named[0], named[1]
        digest = identifiers.from_oid(digest_oid)
        name = signature_name(oid, parameters) or ""
        bare = {"rsa": f"rsa-pkcs1-{digest}", "ec": f"ecdsa-{digest}", "dsa": f"dsa-{digest}"}
        uses.append(AlgorithmUse(bare.get(name, name), signs))
        uses.append(AlgorithmUse(digest, Role.INTEGRITY))
    return uses


def _identifier(encoded: bytes, one: der.Element) -> tuple[str, bytes | None] | None:
    parts = der.shape(encoded, one, 2)
    if not parts or parts[0].tag != der.OID:
        return None
    parameters = encoded[parts[1].start : parts[1].end] if len(parts) > 1 else None
    return der.dotted(encoded, parts[0]), parameters


def _recipients(encoded: bytes, fields: list[der.Element]) -> list[AlgorithmUse]:
    """How the content's key reaches each recipient."""
    uses: list[AlgorithmUse] = []
    recipients = next((one for one in fields if one.tag == der.SET), None)
    for each in der.shape(encoded, recipients, 1000) if recipients else []:
        if each.tag == der.SEQUENCE:  # key transport: version, rid, algorithm, key
            parts = der.shape(encoded, each, 4)
            found = _identifier(encoded, parts[2]) if len(parts) > 2 else None
            names = [_transport(*found)] if found else ["unreadable-encryption"]
        else:  # agreement, key-encryption key, password, KEM
            names = [identifiers.from_oid(oid) for oid in oids_in(encoded, each)]
            names = [name for name in names if not name.startswith(("oid:", "hmac-", "hkdf-"))]
            names = [name for name in names if name not in {"ec"}] or ["unreadable-encryption"]
        uses += [AlgorithmUse(name, _role(name)) for name in names]
    return uses


def _transport(oid: str, parameters: bytes | None) -> str:
    name = identifiers.from_oid(oid)
    return "rsa-pkcs1" if name == "rsa" else name


def _role(name: str) -> Role:
    return Role.INTEGRITY if name.startswith(("sha", "md")) else Role.ENCRYPTION


def _content_cipher(encoded: bytes, fields: list[der.Element]) -> list[AlgorithmUse]:
    """The cipher of EncryptedContentInfo: type, algorithm, content."""
    for field in fields:
        if field.tag != der.SEQUENCE:
            continue
        parts = der.shape(encoded, field, 3)
        found = _identifier(encoded, parts[1]) if len(parts) > 1 else None
        if found and parts[0].tag == der.OID:
            return [AlgorithmUse(identifiers.from_oid(found[0]), Role.ENCRYPTION)]
    return []


def content_of(encoded: bytes) -> bytes | None:
    """Return the octets that a signed message carries; None where it carries none."""
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 2) if outer else []
    if len(parts) < 2 or der.dotted(encoded, parts[0]) != _SIGNED:
        return None
    signed = next(der.children(encoded, parts[1]), None)
    for field in der.shape(encoded, signed) if signed else []:
        if field.tag != der.SEQUENCE:
            continue
        inner = der.shape(encoded, field, 2)
        explicit = inner[1] if len(inner) > 1 else None
        content = next(der.children(encoded, explicit), None) if explicit else None
        if content and content.tag in der.OCTET_STRINGS:
            return der.octets(encoded, content)
    return None
