"""Certificates and CRLs as files have them: DER, PEM, PKCS #7, base64 without armour.

PEM may have text around it, a byte order mark, UTF-16, and the label of OpenSSL's trusted
certificates, which carry more behind the certificate.

Source: RFC 7468 (PEM), RFC 2315 §9 (certs-only SignedData).
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from roadseal.operate.pki.der import elements

_BLOCK: Final = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE|PKCS7|CMS)-----\s*(.*?)-----END \1-----",
    re.DOTALL,
)
_LIST: Final = re.compile(rb"-----BEGIN X509 CRL-----\s*(.*?)-----END X509 CRL-----", re.DOTALL)
TRUSTED: Final = b"TRUSTED CERTIFICATE"
"""Label of OpenSSL's trusted certificates, which carry trust settings behind the certificate."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


def read_certificates(encoded: bytes) -> list[x509.Certificate]:
    """Read every certificate, in order.

    Raises:
        ValueError: there is none, or one is malformed; the text says which.
    """
    try:
        plain = _plain(encoded)
        if b"-----BEGIN" in plain:
            found = [one for kind, octets in pem_blocks(plain) for one in _block(kind, octets)]
        elif _BASE64.fullmatch(plain):
            found = _binary(b64decode(b"".join(plain.split()), validate=True))
        else:
            found = _binary(plain)
    except Exception as error:  # whatever the library stumbles on, it is no certificate
        raise ValueError(f"the file holds no certificate that can be read: {error}") from error
    if not found:
        raise ValueError("the file holds no certificate")
    return found


def read_lists(encoded: bytes) -> list[x509.CertificateRevocationList]:
    """Read every certificate revocation list of a file, DER or PEM, in order.

    Raises:
        ValueError: there is none, or one is malformed.
    """
    try:
        plain = _plain(encoded)
        blocks = _LIST.findall(plain) if b"-----BEGIN" in plain else None
        wrapped = (b64decode(b"".join(text.split()), validate=True) for text in blocks or ())
        found = [x509.load_der_x509_crl(one) for one in (wrapped if blocks else [plain])]
    except Exception as error:  # as above
        raise ValueError from error
    return found


def pem_blocks(encoded: bytes) -> list[tuple[bytes, bytes]]:
    """Label and octets of every PEM block that holds certificates.

    Raises:
        ValueError: one is not base64.
    """
    return [
        (kind, b64decode(b"".join(text.split()), validate=True))
        for kind, text in _BLOCK.findall(_plain(encoded))
    ]


def _plain(encoded: bytes) -> bytes:
    for mark, name in _MARKS.items():
        if encoded.startswith(mark):
            return encoded.decode(name).encode()
    return encoded


def _block(kind: bytes, octets: bytes) -> list[x509.Certificate]:
    if kind == TRUSTED:
        octets = elements(octets)[0]
    if kind in (b"PKCS7", b"CMS"):
        return pkcs7.load_der_pkcs7_certificates(octets)
    return [x509.load_der_x509_certificate(octets)]


def _binary(octets: bytes) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(octets)]
    except ValueError as error:
        try:
            return pkcs7.load_der_pkcs7_certificates(octets)
        except Exception:
            raise error from None
