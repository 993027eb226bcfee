"""Throw-away X.509 identities for pilots and tests; the real PKI replaces them.

Keys are handles: they sign, they load into TLS, and they show in no repr and no exception text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roadseal.clock import Time64, to_datetime
from roadseal.errors import RoadsealError

PrivateKey = EllipticCurvePrivateKey | MLDSA65PrivateKey | RSAPrivateKey

DEFAULT_VALIDITY_S: Final = 7 * 86_400.0
"""Throw-away identities live a week."""

_NO_USAGE: Final = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A leaf certificate with its key and the intermediates up to, not including, the root.

    Args:
        algorithm: its TLS signature scheme, as ``ecdsa_secp256r1_sha256`` or ``mldsa65``.
        certificate: the leaf.
        key: the private key of the leaf.
        chain: intermediates, the leaf's issuer first.
    """

    algorithm: str
    certificate: x509.Certificate = field(repr=False)
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    @property
    def names(self) -> frozenset[str]:
        """The DNS names, URIs and addresses of its subject alternative name."""
        return subject_names(self.certificate)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority that lives in memory."""

    algorithm: str
    certificate: x509.Certificate = field(repr=False)
    _key: PrivateKey = field(repr=False)
    _chain: tuple[x509.Certificate, ...] = field(default=(), repr=False)

    @classmethod
    def root(cls, algorithm: str, name: str, *, now: Time64) -> Authority:
        """Make a self-signed root, valid from an hour before `now`.

        Raises:
            RoadsealError: ``unknown-tls-parameter``: no such certificate algorithm.
        """
        key = _generate(algorithm)
        subject = _subject(name)
        builder = _builder(subject, subject, key, now, DEFAULT_VALIDITY_S)
        certificate = _sign(_as_authority(builder, path_length=1), key, key)
        return cls(algorithm, certificate, key)

    def intermediate(self, name: str, *, now: Time64) -> Authority:
        """Make a subordinate authority of the same algorithm."""
        key = _generate(self.algorithm)
        builder = _builder(_subject(name), self.certificate.subject, key, now, DEFAULT_VALIDITY_S)
        certificate = _sign(_as_authority(builder, path_length=0), self._key, key, self.certificate)
        return Authority(self.algorithm, certificate, key, (certificate, *self._chain))

    def issue(
        self,
        name: str,
        *,
        now: Time64,
        validity_s: float = DEFAULT_VALIDITY_S,
        algorithm: str | None = None,
    ) -> Identity:
        """Issue a leaf for TLS client and server use.

        Args:
            name: a DNS name, or a URI when it holds a colon; becomes the subject alternative name.
            now: it is valid from an hour before.
            validity_s: until this long after `now`.
            algorithm: the leaf's own, by default the authority's.
        """
        algorithm = algorithm or self.algorithm
        key = _generate(algorithm)
        alternative = x509.UniformResourceIdentifier(name) if ":" in name else x509.DNSName(name)
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            _builder(_subject(name), self.certificate.subject, key, now, validity_s)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(True, key_cert_sign=False, crl_sign=False, **_NO_USAGE), critical=True
            )
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        )
        certificate = _sign(builder, self._key, key, self.certificate)
        return Identity(algorithm, certificate, key, self._chain)


def subject_names(certificate: x509.Certificate) -> frozenset[str]:
    """Return the DNS names, URIs and IP addresses a certificate speaks for (RFC 5280 4.2.1.6).

    The common name is not looked at (RFC 9525 2). A name that cannot be read counts as no name.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        dns = extension.value.get_values_for_type(x509.DNSName)
        uris = extension.value.get_values_for_type(x509.UniformResourceIdentifier)
        addresses = extension.value.get_values_for_type(x509.IPAddress)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return frozenset()
    return frozenset([*dns, *uris, *map(str, addresses)])


def _generate(algorithm: str) -> PrivateKey:
    if algorithm == "ecdsa_secp256r1_sha256":
        return generate_private_key(SECP256R1())
    if algorithm == "mldsa65":
        return MLDSA65PrivateKey.generate()
    raise RoadsealError(
        "unknown-tls-parameter",
        f"There is no throw-away identity with {algorithm}.",
        advice="Use ecdsa_secp256r1_sha256 or mldsa65.",
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: Time64, validity_s: float
) -> x509.CertificateBuilder:
    moment = to_datetime(now).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(hours=1))
        .not_valid_after(moment + timedelta(seconds=validity_s))
    )


def _as_authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    usage = x509.KeyUsage(False, key_cert_sign=True, crl_sign=True, **_NO_USAGE)
    return builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)


def _sign(
    builder: x509.CertificateBuilder,
    issuer_key: PrivateKey,
    key: PrivateKey,
    issuer: x509.Certificate | None = None,
) -> x509.Certificate:
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(own, critical=False).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    algorithm = None if isinstance(issuer_key, MLDSA65PrivateKey) else hashes.SHA256()
    return builder.sign(issuer_key, algorithm)
