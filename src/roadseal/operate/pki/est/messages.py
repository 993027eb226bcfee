"""The bodies of EST: certificates only (PKCS #7), requests, and what a CSR should hold.

Source: RFC 7030 §4, RFC 5652 §5 (certs-only), RFC 8951 §3 (base64 whatever the headers say).
"""

from __future__ import annotations

import binascii
from base64 import b64decode, encodebytes
from collections.abc import Iterable, Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from roadseal.errors import RoadsealError
from roadseal.net import Response
from roadseal.operate.pki.der import (
    SET,
    contents,
    elements,
    integer,
    object_identifier,
    sequence,
    tlv,
)
from roadseal.operate.pki.public_key import KEY_IDENTIFIERS

WELL_KNOWN: Final = (".well-known", "est")
REQUEST: Final = "application/pkcs10"
CERTIFICATES: Final = "application/pkcs7-mime"
CSR_ATTRIBUTES: Final = "application/csrattrs"
_TEMPLATE: Final = object_identifier("1.2.840.113549.1.9.16.2.61")
"""id-aa-certificationRequestInfoTemplate."""
_SUBJECT_KEY, _ATTRIBUTES, _SEQUENCE = 0xA0, 0xA1, b"\x30"
ENCODING: Final = {"content-transfer-encoding": "base64"}
"""Clients by RFC 7030 insist on this header; those by RFC 8951 §3 do not look at it."""
_HEADERS: Final = {"content-type": f"{CERTIFICATES}; smime-type=certs-only", **ENCODING}


def encode_body(octets: bytes) -> bytes:
    """Base64 in lines, as every body of EST is."""
    return encodebytes(octets)


def decode_body(body: bytes) -> bytes:
    """Decode a body.

    Raises:
        RoadsealError: ``est-body``.
    """
    try:
        return b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise RoadsealError(
            "est-body", "The body is not base64.", advice="Encode it as RFC 7030 §4 says."
        ) from None


def certificates_response(certificates: Sequence[x509.Certificate]) -> Response:
    """A response with certificates."""
    encoded = pkcs7.serialize_certificates(list(certificates), Encoding.DER)
    return Response(200, _HEADERS, encode_body(encoded))


def read_certificates_body(body: bytes) -> list[x509.Certificate]:
    """Read certificates out of a response's body.

    Raises:
        RoadsealError: ``est-body``.
    """
    octets = decode_body(body)
    try:
        return pkcs7.load_der_pkcs7_certificates(octets)
    except Exception:  # whatever the library stumbles on, the server is at fault
        raise RoadsealError(
            "est-body",
            "The server's answer holds no certificates.",
            advice="Check that the address is that of an EST server.",
        ) from None


def encode_csr_attributes(algorithms: Iterable[str]) -> bytes:
    """CsrAttrs: the keys that are accepted, the preferred first, and a template with that one.

    Older clients read the list (RFC 7030 §4.5.2), newer ones the template (RFC 9908), which leaves
    the subject and every extension to us.
    """
    identifiers = [KEY_IDENTIFIERS[name] for name in algorithms]
    listed = [_attribute(elements(contents(one))) for one in identifiers]
    info = tlv(_SUBJECT_KEY, identifiers[0])
    template = sequence(integer(0), info, tlv(_ATTRIBUTES))
    return sequence(*listed, sequence(_TEMPLATE, tlv(SET, template)))


def read_csr_attributes(body: bytes) -> list[str]:
    """Registry ids of the keys that a server accepts; what is not ours is left out.

    Raises:
        RoadsealError: ``est-body``.
    """
    known = {_attribute(elements(contents(one))): name for name, one in KEY_IDENTIFIERS.items()}
    try:
        found = elements(contents(decode_body(body)))
        templated = [name for one in found for name in _templated(one)]
    except (ValueError, IndexError):
        raise RoadsealError(
            "est-body",
            "The server's CSR attributes cannot be read.",
            advice="Check that the address is that of an EST server.",
        ) from None
    return list(dict.fromkeys(templated + [known[one] for one in found if one in known]))


def _templated(attribute: bytes) -> list[str]:
    """The key that a template asks for: it counts before the list (RFC 9908)."""
    parts = elements(contents(attribute)) if attribute[:1] == _SEQUENCE else []
    if not parts or parts[0] != _TEMPLATE:
        return []
    (template,) = elements(contents(parts[1]))
    infos = [one for one in elements(contents(template)) if one[0] == _SUBJECT_KEY]
    asked = [elements(contents(one))[0] for one in infos]
    return [name for name, one in KEY_IDENTIFIERS.items() if one in asked]


def _attribute(identifier: list[bytes]) -> bytes:
    """An AttrOrOID: an OID alone, or with its curve as an attribute."""
    if len(identifier) == 1:
        return identifier[0]
    return sequence(identifier[0], tlv(SET, identifier[1]))
