"""TLS cipher suites taken apart: key exchange, authentication, encryption, integrity.

The registered names have a grammar, ``TLS_<exchange>_WITH_<cipher>_<hash>``; a name outside it is
unknown. OpenSSL's own names are a table, because they have none.

>>> suite = from_name("ECDHE-RSA-AES128-GCM-SHA256")
>>> suite.key_exchange, suite.authentication, suite.encryption
('ecdh', 'rsa', 'aes-128-gcm')

Sources: the IANA registry "TLS Cipher Suites"; RFC 5246 appendix C; RFC 8446 appendix B.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from roadseal.crypto.toml_source import TomlSource


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One suite by its registered name, with canonical names; None where it does not say.

    Args:
        name: the registered name, or the spelling that nobody registered.
        key_exchange: ``ecdh``, ``dh``, ``rsa``, ``psk``; None in TLS 1.3, where the group says it.
        authentication: ``rsa``, ``ecdsa``, ``dsa``, ``psk``, ``anonymous``; None in TLS 1.3.
        encryption: such as ``aes-128-gcm``.
        integrity: the MAC, or None beside an AEAD.
        forward_secret: whether the key exchange is ephemeral; None where the suite leaves it open.
    """

    name: str
    key_exchange: str | None = None
    authentication: str | None = None
    encryption: str | None = None
    integrity: str | None = None
    forward_secret: bool | None = None

    @property
    def known(self) -> bool:
        """Whether the suite could be taken apart."""
        return self.encryption is not None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Every canonical name in it, in the order above."""
        parts = (self.key_exchange, self.authentication, self.encryption, self.integrity)
        return tuple(part for part in parts if part)


@lru_cache(maxsize=1024)
def from_code(code: int) -> CipherSuite:
    """Take apart the suite of a code point."""
    row = _rows().get(code)
    return _parse(row[0]) if row else CipherSuite(f"0x{code:04x}")


@lru_cache(maxsize=1024)
def from_name(name: str) -> CipherSuite:
    """Take apart the suite of a registered name or of OpenSSL's name for it."""
    return _parse(_registered_names().get(name, name))


_EXCHANGES: Final[Mapping[str, tuple[str, str, bool]]] = {
    # exchange = key exchange, authentication, forward secret
    "RSA": ("rsa", "rsa", False),
    "RSA_FIPS": ("rsa", "rsa", False),
    "RSA_EXPORT": ("rsa-512", "rsa", False),
    "RSA_EXPORT1024": ("rsa-1024", "rsa", False),
    "DHE_RSA": ("dh", "rsa", True),
    "DHE_RSA_EXPORT": ("dh-512", "rsa", True),
    "DHE_DSS": ("dh", "dsa", True),
    "DHE_DSS_EXPORT": ("dh-512", "dsa", True),
    "DHE_DSS_EXPORT1024": ("dh-1024", "dsa", True),
    "DH_RSA": ("dh", "rsa", False),
    "DH_RSA_EXPORT": ("dh-512", "rsa", False),
    "DH_DSS": ("dh", "dsa", False),
    "DH_DSS_EXPORT": ("dh-512", "dsa", False),
    "DH_anon": ("dh", "anonymous", True),
    "DH_anon_EXPORT": ("dh-512", "anonymous", True),
    "ECDHE_ECDSA": ("ecdh", "ecdsa", True),
    "ECDHE_RSA": ("ecdh", "rsa", True),
    "ECDHE_PSK": ("ecdh", "psk", True),
    "ECDH_ECDSA": ("ecdh", "ecdsa", False),
    "ECDH_RSA": ("ecdh", "rsa", False),
    "ECDH_anon": ("ecdh", "anonymous", True),
    "PSK": ("psk", "psk", False),
    "PSK_DHE": ("dh", "psk", True),
    "DHE_PSK": ("dh", "psk", True),
    "RSA_PSK": ("rsa", "psk", False),
    "SRP_SHA": ("srp", "srp", True),
    "SRP_SHA_RSA": ("srp", "rsa", True),
    "SRP_SHA_DSS": ("srp", "dsa", True),
    "KRB5": ("krb5", "krb5", False),
    "KRB5_EXPORT": ("krb5", "krb5", False),
    "ECCPWD": ("eccpwd", "eccpwd", True),
    "GOSTR341001": ("gost-r3410-2001", "gost-r3410-2001", False),
    "GOSTR341112_256": ("gost-r3410-2012-256", "gost-r3410-2012-256", False),
    "NULL": ("null", "null", False),
}
_CIPHERS: Final[Mapping[str, str]] = {
    "NULL": "null",
    "RC4_40": "rc4-40",
    "RC4_56": "rc4-56",
    "RC4_128": "rc4-128",
    "RC2_CBC_40": "rc2-40-cbc",
    "RC2_CBC_56": "rc2-56-cbc",
    "DES40_CBC": "des-40-cbc",
    "DES_CBC_40": "des-40-cbc",
    "DES_CBC": "des-cbc",
    "3DES_EDE_CBC": "3des-cbc",
    "IDEA_CBC": "idea-cbc",
    "SEED_CBC": "seed-cbc",
    "CHACHA20_POLY1305": "chacha20-poly1305",
    "SM4_GCM": "sm4-gcm",
    "SM4_CCM": "sm4-ccm",
    "28147_CNT": "gost89",
    "KUZNYECHIK_CTR": "kuznyechik-ctr",
}
_BLOCK_CIPHER = re.compile(r"(AES|CAMELLIA|ARIA)_(128|256)_(CBC|GCM|CCM|CCM_8)")
_HASHES: Final[Mapping[str, str]] = {
    "MD5": "md5",
    "SHA": "sha-1",
    "SHA256": "sha-256",
    "SHA384": "sha-384",
    "SM3": "sm3",
}
_TLCP: Final = re.compile(r"(ECC|ECDHE|IBC|IBSDH|RSA)_SM4_(CBC|GCM)_(SM3|SHA256)")
"""TLCP (GB/T 38636-2020): ``ECC`` carries the key under SM2, ``ECDHE`` agrees on it; ``IBC`` and
``IBSDH`` do the same with SM9."""
_INTEGRITY_ONLY: Final = {"SHA256_SHA256": "sha-256", "SHA384_SHA384": "sha-384"}  # RFC 9150
_AEAD_ENDS: Final = ("_GCM", "_CCM", "_CCM_8", "_POLY1305")


@cache
def _rows() -> Mapping[int, list[str]]:
    file = resources.files(__package__).joinpath("cipher_suites.toml")
    rows = TomlSource(file.name, file.read_text("utf-8")).parse()
    return {int(code, 0): row for code, row in rows.items()}


@cache
def _registered_names() -> Mapping[str, str]:
    return {name: row[0] for row in _rows().values() for name in row}


def _parse(name: str) -> CipherSuite:
    unknown = CipherSuite(name)
    if match := _TLCP.fullmatch(name):
        return _tlcp(name, *match.groups())
    if not name.startswith(("TLS_", "SSL_")) or len(name) > 80:
        return unknown
    exchange, with_, rest = name[4:].partition("_WITH_")
    parts: tuple[str | None, str | None, bool | None] = (None, None, None)
    if with_:
        if exchange not in _EXCHANGES:
            return unknown
        parts = _EXCHANGES[exchange]
    else:
        rest = exchange
    if rest in _INTEGRITY_ONLY:
        return CipherSuite(name, None, None, "null", f"hmac-{_INTEGRITY_ONLY[rest]}")
    if rest == "NULL_NULL":
        return CipherSuite(name, *parts[:2], "null", "null", parts[2])
    cipher, mac = _split(rest)
    if cipher is None:
        return unknown
    return CipherSuite(name, *parts[:2], cipher, mac, parts[2])


def _tlcp(name: str, exchange: str, mode: str, hash_: str) -> CipherSuite:
    key = {"RSA": "rsa", "IBC": "sm9", "IBSDH": "sm9"}.get(exchange, "sm2")
    mac = f"hmac-{_HASHES[hash_]}" if mode == "CBC" else None
    return CipherSuite(name, key, key, f"sm4-{mode.lower()}", mac, exchange in {"ECDHE", "IBSDH"})


def _split(text: str) -> tuple[str | None, str | None]:
    """Cipher and MAC of what follows ``_WITH_``."""
    if text.endswith(("_CCM", "_CCM_8")):  # RFC 6655 leaves the hash out
        return _cipher(text), None
    name, _, hash_ = text.rpartition("_")
    cipher = _cipher(name)
    if cipher is None:
        return None, None
    if name.endswith(_AEAD_ENDS):
        return cipher, None
    if hash_ in _HASHES:
        return cipher, f"hmac-{_HASHES[hash_]}"
    return cipher, None if hash_ in {"IMIT", "OMAC"} else f"tls-mac:{hash_}"


def _cipher(text: str) -> str | None:
    if match := _BLOCK_CIPHER.fullmatch(text):
        return "-".join(match.groups()).lower().replace("_", "-")
    return _CIPHERS.get(text)
