"""What a backhaul session may be made of: groups, signature schemes, cipher suites.

A `TlsProfile` is both what an endpoint offers and what it accepts. It is configured into TLS before
the handshake and checked again against what was negotiated after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from roadseal.crypto.profile import Profile
from roadseal.crypto.purpose import Purpose
from roadseal.errors import RoadsealError


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """A TLS 1.3 key exchange group (RFC 8446 4.2.7, IANA "TLS Supported Groups").

    Args:
        codepoint: the number on the wire.
        name: the registry's name, which is also OpenSSL's.
        quantum_safe: whether any part of it withstands a quantum computer.
    """

    codepoint: int
    name: str
    quantum_safe: bool


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """A TLS 1.3 signature scheme (RFC 8446 4.2.3, IANA "TLS SignatureScheme").

    Args:
        codepoint: the number on the wire, in a CertificateVerify.
        name: the registry's name, which is also OpenSSL's.
        oid: the same signature's OID in a certificate; for RSA that of PKCS #1 v1.5, with which
            certificates are signed even where the handshake signs with PSS (RFC 8446 4.2.3).
        quantum_safe: whether it withstands a quantum computer.
    """

    codepoint: int
    name: str
    oid: str
    quantum_safe: bool


_GROUPS = (
    NamedGroup(0x0017, "secp256r1", quantum_safe=False),
    NamedGroup(0x0018, "secp384r1", quantum_safe=False),
    NamedGroup(0x0019, "secp521r1", quantum_safe=False),
    NamedGroup(0x001D, "X25519", quantum_safe=False),
    NamedGroup(0x001E, "X448", quantum_safe=False),
    NamedGroup(0x001F, "brainpoolP256r1tls13", quantum_safe=False),
    NamedGroup(0x0020, "brainpoolP384r1tls13", quantum_safe=False),
    NamedGroup(0x0021, "brainpoolP512r1tls13", quantum_safe=False),
    NamedGroup(0x0100, "ffdhe2048", quantum_safe=False),
    NamedGroup(0x0101, "ffdhe3072", quantum_safe=False),
    NamedGroup(0x0102, "ffdhe4096", quantum_safe=False),
    NamedGroup(0x0103, "ffdhe6144", quantum_safe=False),
    NamedGroup(0x0104, "ffdhe8192", quantum_safe=False),
    NamedGroup(0x0200, "MLKEM512", quantum_safe=True),
    NamedGroup(0x0201, "MLKEM768", quantum_safe=True),
    NamedGroup(0x0202, "MLKEM1024", quantum_safe=True),
    NamedGroup(0x11EB, "SecP256r1MLKEM768", quantum_safe=True),
    NamedGroup(0x11EC, "X25519MLKEM768", quantum_safe=True),
    NamedGroup(0x11ED, "SecP384r1MLKEM1024", quantum_safe=True),
)
GROUPS = MappingProxyType({group.codepoint: group for group in _GROUPS})
"""Every group that Roadseal can name, by code point; an unknown one is never called classical."""

_SCHEMES = (
    SignatureScheme(0x0403, "ecdsa_secp256r1_sha256", "1.2.840.10045.4.3.2", quantum_safe=False),
    SignatureScheme(0x0503, "ecdsa_secp384r1_sha384", "1.2.840.10045.4.3.3", quantum_safe=False),
    SignatureScheme(0x0804, "rsa_pss_rsae_sha256", "1.2.840.113549.1.1.11", quantum_safe=False),
    SignatureScheme(0x0805, "rsa_pss_rsae_sha384", "1.2.840.113549.1.1.12", quantum_safe=False),
    SignatureScheme(0x0806, "rsa_pss_rsae_sha512", "1.2.840.113549.1.1.13", quantum_safe=False),
    SignatureScheme(0x0904, "mldsa44", "2.16.840.1.101.3.4.3.17", quantum_safe=True),
    SignatureScheme(0x0905, "mldsa65", "2.16.840.1.101.3.4.3.18", quantum_safe=True),
    SignatureScheme(0x0906, "mldsa87", "2.16.840.1.101.3.4.3.19", quantum_safe=True),
)
SCHEMES = MappingProxyType({scheme.codepoint: scheme for scheme in _SCHEMES})
"""Every signature scheme that a profile may use, by code point."""

_GROUP_NAMES = frozenset(group.name for group in _GROUPS)
_SCHEMES_BY_NAME = {scheme.name: scheme for scheme in _SCHEMES}
_AES_256 = ("TLS_AES_256_GCM_SHA384",)
_RSA = ("rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512")

_TLS_NAMES = {  # algorithms.toml to TLS
    "x25519": "X25519",
    "p256": "secp256r1",
    "ml-kem-768": "MLKEM768",
    "ml-kem-1024": "MLKEM1024",
    "x25519mlkem768": "X25519MLKEM768",
    "secp256r1mlkem768": "SecP256r1MLKEM768",
    "ecdsa-p256": "ecdsa_secp256r1_sha256",
    "ecdsa-p384": "ecdsa_secp384r1_sha384",
    "ml-dsa-44": "mldsa44",
    "ml-dsa-65": "mldsa65",
    "ml-dsa-87": "mldsa87",
}


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """The parameters that one side of a session offers and accepts; nothing else is used.

    Args:
        name: what records and events call it.
        groups: key exchange groups, the preferred one first.
        signature_schemes: for CertificateVerify and for every certificate below the root,
            the preferred one first.
        certificate_algorithms: the schemes of which this side has a certificate of its own,
            the preferred one first; a second one is the twin for peers that lack the first.
        cipher_suites: TLS 1.3 suites, the preferred one first.
        strict: whether certificates must have every extension that RFC 5280 asks for.

    Raises:
        RoadsealError: ``unknown-tls-parameter``.
    """

    name: str
    groups: tuple[str, ...]
    signature_schemes: tuple[str, ...]
    certificate_algorithms: tuple[str, ...]
    cipher_suites: tuple[str, ...] = _AES_256
    strict: bool = True

    def __post_init__(self) -> None:
        unknown = [name for name in self.groups if name not in _GROUP_NAMES]
        schemes = (*self.signature_schemes, *self.certificate_algorithms)
        unknown += [name for name in schemes if name not in _SCHEMES_BY_NAME]
        if unknown or not (self.groups and self.signature_schemes and self.certificate_algorithms):
            raise RoadsealError(
                "unknown-tls-parameter",
                f"TLS profile {self.name} names {', '.join(unknown) or 'no parameter'}.",
                advice="Use the IANA names in roadseal.net.profile.GROUPS and SCHEMES.",
            )

    @property
    def signature_oids(self) -> frozenset[str]:
        """The certificate signatures it accepts, as OIDs."""
        return frozenset(_SCHEMES_BY_NAME[name].oid for name in self.signature_schemes)


CLASSICAL = TlsProfile(
    "classical", ("X25519",), ("ecdsa_secp256r1_sha256",), ("ecdsa_secp256r1_sha256",)
)
"""X25519 and ECDSA P-256: what a quantum computer opens."""

PQC = TlsProfile("pqc", ("MLKEM768", "X25519MLKEM768"), ("mldsa65",), ("mldsa65",))
"""ML-KEM-768 alone where both can, ML-DSA-65 alone (draft-ietf-tls-mlkem, draft-ietf-tls-mldsa)."""

HYBRID = TlsProfile(
    "hybrid",
    ("X25519MLKEM768",),
    ("mldsa65", "ecdsa_secp256r1_sha256"),
    ("mldsa65", "ecdsa_secp256r1_sha256"),
)
"""X25519MLKEM768 always; ML-DSA-65 with an ECDSA twin for peers that cannot.

What is recorded today stays closed. A peer that signs with the twin is authenticated classically.
"""

HYBRID_TRANSITION = TlsProfile(
    "hybrid-transition",
    ("X25519MLKEM768", "X25519"),
    ("mldsa65", "ecdsa_secp256r1_sha256"),
    ("mldsa65", "ecdsa_secp256r1_sha256"),
)
"""As `HYBRID`, but a peer that knows only X25519 is still let in: for the widen-accept step."""

INTEROP = TlsProfile(
    "interop",
    ("X25519MLKEM768", "SecP256r1MLKEM768", "X25519", "secp256r1", "secp384r1"),
    ("mldsa65", "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", *_RSA),
    ("mldsa65", "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", *_RSA),
    (*_AES_256, "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"),
    strict=False,
)
"""TLS 1.3 as other makers' equipment has it: RSA and ECDSA certificates, the usual curves.

ML-KEM where the peer can, otherwise what a quantum computer opens: for meeting equipment, not for
keys that must last.
"""

PROFILES = MappingProxyType(
    {profile.name: profile for profile in (CLASSICAL, PQC, HYBRID, HYBRID_TRANSITION, INTEROP)}
)
"""The shipped profiles by name."""


def widened(*profiles: TlsProfile) -> TlsProfile:
    """What accepts everything that any of `profiles` does: for the time of a migration.

    Quantum-safe groups and schemes come first, otherwise the order is that of the profiles.
    """
    if len(profiles) == 1:
        return profiles[0]
    by_name = {group.name: group for group in _GROUPS}

    def joined(values: Iterable[tuple[str, ...]], known: Mapping[str, Any]) -> tuple[str, ...]:
        names = dict.fromkeys(name for some in values for name in some)
        return tuple(sorted(names, key=lambda name: not known[name].quantum_safe))

    return TlsProfile(
        "+".join(one.name for one in profiles),
        joined((one.groups for one in profiles), by_name),
        joined((one.signature_schemes for one in profiles), _SCHEMES_BY_NAME),
        joined((one.certificate_algorithms for one in profiles), _SCHEMES_BY_NAME),
        tuple(dict.fromkeys(suite for one in profiles for suite in one.cipher_suites)),
        all(one.strict for one in profiles),
    )


def tls_profile(profile: Profile) -> TlsProfile:
    """Return what a crypto profile means for TLS: what it produces first, then what it accepts.

    Raises:
        RoadsealError: ``unknown-tls-parameter``: an algorithm has no TLS code point.
    """
    exchange, authentication = (
        profile[Purpose.TLS_KEY_EXCHANGE],
        profile[Purpose.TLS_AUTHENTICATION],
    )

    def named(*ids: str) -> tuple[str, ...]:
        return tuple(_TLS_NAMES.get(id_, id_) for id_ in dict.fromkeys(ids))

    return TlsProfile(
        profile.name,
        groups=named(*exchange.produce, *exchange.accept),
        signature_schemes=named(*authentication.produce, *authentication.accept),
        certificate_algorithms=named(*authentication.produce),
    )
