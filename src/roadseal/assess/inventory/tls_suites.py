"""TLS cipher suites: from a code point to its registered name, from the name to its algorithms.

Source: the IANA registry "TLS Cipher Suites"; what products use outside it is marked in
``tls_suites.toml``. A suite's name is a grammar: ``TLS_`` key exchange ``_WITH_`` cipher ``_`` MAC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from roadseal.crypto.toml_source import TomlSource


@dataclass(frozen=True, slots=True)
class Suite:
    """What a cipher suite fixes, by canonical names; None where it leaves it open.

    Args:
        name: the registered name, or ``tls-suite:0x….`` where nobody registered one.
        key_exchange: ``rsa`` (key transport), ``dh``, ``ecdh``, ``psk``, …; None in TLS 1.3, where
            the group says it.
        authentication: ``rsa``, ``ecdsa``, ``dsa``, ``psk``, ``anonymous``, …; None in TLS 1.3.
        cipher: such as ``aes-128-gcm``.
        mac: such as ``hmac-sha-1``; None beside authenticated encryption.
    """

    name: str
    key_exchange: str | None = None
    authentication: str | None = None
    cipher: str | None = None
    mac: str | None = None


@lru_cache(maxsize=4096)
def suite(code: int) -> Suite:
    """Describe the suite of a code point.

    >>> suite(0xC02F).key_exchange, suite(0xC02F).authentication, suite(0xC02F).cipher
    ('ecdh', 'rsa', 'aes-128-gcm')
    >>> suite(0x4242)
    Suite(name='tls-suite:0x4242', key_exchange=None, authentication=None, cipher=None, mac=None)
    """
    name = _names().get(code)
    return suite_from_name(name) if name else Suite(f"tls-suite:0x{code:04x}")


@lru_cache(maxsize=4096)
def suite_from_name(name: str) -> Suite:
    """Describe the suite of a registered name; of an unknown one, only its name.

    >>> suite_from_name("TLS_AES_256_GCM_SHA384").cipher
    'aes-256-gcm'
    """
    bare = re.sub(r"^(TLS|SSL)_", "", name)
    exchange, split, protection = bare.partition("_WITH_")
    if not split:  # TLS 1.3 and GM/T 0024 have no WITH
        exchange, protection = "", bare
        for prefix, names in _WITHOUT_WITH.items():
            if bare.startswith(prefix):
                exchange, protection = names, bare.removeprefix(prefix)
    key_exchange, authentication = _EXCHANGES.get(exchange, (None, None))
    cipher, mac = _protection(protection)
    return Suite(name, key_exchange, authentication, cipher, mac)


_EXCHANGES: dict[str, tuple[str | None, str | None]] = {
    "NULL": ("null", "null"),
    "RSA": ("rsa-pkcs1", "rsa"),
    "RSA_FIPS": ("rsa-pkcs1", "rsa"),
    "RSA_EXPORT": ("rsa-512", "rsa"),
    "RSA_EXPORT1024": ("rsa-1024", "rsa"),
    "DH_RSA": ("dh", "rsa"),
    "DH_DSS": ("dh", "dsa"),
    "DHE_RSA": ("dh", "rsa"),
    "DHE_DSS": ("dh", "dsa"),
    "DH_RSA_EXPORT": ("dh-512", "rsa"),
    "DH_DSS_EXPORT": ("dh-512", "dsa"),
    "DHE_RSA_EXPORT": ("dh-512", "rsa"),
    "DHE_DSS_EXPORT": ("dh-512", "dsa"),
    "DHE_DSS_EXPORT1024": ("dh-1024", "dsa"),
    "DH_anon": ("dh", "anonymous"),
    "DH_anon_EXPORT": ("dh-512", "anonymous"),
    "ECDH_RSA": ("ecdh", "rsa"),
    "ECDH_ECDSA": ("ecdh", "ecdsa"),
    "ECDHE_RSA": ("ecdh", "rsa"),
    "ECDHE_ECDSA": ("ecdh", "ecdsa"),
    "ECDH_anon": ("ecdh", "anonymous"),
    "PSK": ("psk", "psk"),
    "DHE_PSK": ("dh", "psk"),
    "PSK_DHE": ("dh", "psk"),
    "ECDHE_PSK": ("ecdh", "psk"),
    "RSA_PSK": ("rsa-pkcs1", "psk"),
    "KRB5": ("krb5", "krb5"),
    "KRB5_EXPORT": ("krb5", "krb5"),
    "SRP_SHA": ("srp", "srp"),
    "SRP_SHA_RSA": ("srp", "rsa"),
    "SRP_SHA_DSS": ("srp", "dsa"),
    "ECCPWD": ("eccpwd", "eccpwd"),
    "GOSTR341094": ("gost-r3410", "gost-r3410"),
    "GOSTR341001": ("gost-r3410-2001", "gost-r3410-2001"),
    "GOSTR341112_256": ("gost-r3410-2012-256", "gost-r3410-2012-256"),
    "SM2_EPHEMERAL": ("curvesm2", "sm2"),
    "SM2_STATIC": ("sm2", "sm2"),
}
_WITHOUT_WITH = {  # GM/T 0024-2014 clause 6.4.5.2.1
    "ECDHE_SM": "SM2_EPHEMERAL",
    "ECC_SM": "SM2_STATIC",
    "RSA_SM": "RSA",
}
_CIPHERS = [  # the longest spelling first
    (r"(AES|CAMELLIA|ARIA)_(128|192|256)_(CBC|GCM|CCM_8|CCM)", r"\1-\2-\3"),
    (r"SM4_(GCM|CCM|CBC)", r"sm4-\1"),
    (r"4_(GCM|CCM|CBC)", r"sm4-\1"),  # behind the SM of GM/T 0024
    (r"CHACHA20_POLY1305", "chacha20-poly1305"),
    (r"3DES_EDE_CBC", "3des-cbc"),
    (r"(?:DES40_CBC|DES_CBC_40)", "des-40-cbc"),
    (r"DES_CBC", "des-cbc"),
    (r"RC4_(40|56|128)", r"rc4-\1"),
    (r"RC2_CBC_(40|56)", r"rc2-\1-cbc"),
    (r"IDEA_CBC", "idea-cbc"),
    (r"SEED_CBC", "seed-cbc"),
    (r"NULL", "null"),
    (r"28147_CNT", "gost89"),
]
_MACS = {
    "MD5": "hmac-md5",
    "SHA": "hmac-sha-1",
    "SHA1": "hmac-sha-1",
    "SHA256": "hmac-sha-256",
    "SHA384": "hmac-sha-384",
    "SM3": "hmac-sm3",
    "NULL": "null",
}


def _protection(text: str) -> tuple[str | None, str | None]:
    for pattern, template in _CIPHERS:
        if match := re.match(pattern, text):
            cipher = match.expand(template).lower().replace("_", "-")
            authenticated = cipher.endswith(("-gcm", "-ccm", "-ccm-8", "poly1305"))
            mac = None if authenticated else _MACS.get(text[match.end() :].lstrip("_"))
            return cipher, mac
    if text in {"SHA256_SHA256", "SHA384_SHA384"}:  # RFC 9150: integrity only
        return "null", _MACS[text.partition("_")[0]]
    return None, None


@cache
def _names() -> dict[int, str]:
    file = resources.files(__package__).joinpath("tls_suites.toml")
    table = TomlSource(file.name, file.read_text("utf-8")).parse()["tls_suites"]
    return {int(code, 0): name for code, name in table.items()}
