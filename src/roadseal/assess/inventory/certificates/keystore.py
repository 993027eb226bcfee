"""Java keystores: aliases and certificates in clear, keys under a password.

Source: sun.security.provider.JavaKeyStore and com.sun.crypto.provider.JceKeyStore of OpenJDK;
org.bouncycastle.jcajce.provider.keystore.bc.BcKeyStoreSpi of Bouncy Castle (BKS).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import encrypted_key, material, protection_of
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

JKS_MAGIC: Final = bytes.fromhex("feedfeed")
JCEKS_MAGIC: Final = bytes.fromhex("cececece")
BKS_STARTS: Final = tuple(bytes((0, 0, 0, version, 0, 0, 0, 20)) for version in (0, 1, 2))
"""Version and length of the salt; Bouncy Castle has always written one of twenty octets."""
_KEY, _CERTIFICATE, _SECRET = 1, 2, 3
_BKS_TAGS: Final = range(5)
_BKS_CERTIFICATE, _BKS_SECRETS = 1, (3, 4)  # a secret under the key, and a sealed one
_BKS_PROTECTION: Final = ["3des-cbc", "pkcs12-kdf-sha-1"]  # PBEWithSHAAnd3-KeyTripleDES-CBC
_MAX_CHAIN: Final = 1000


class _TruncatedError(Exception):
    """The file ends in the middle of an entry."""


class _Stream:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 4  # after the magic number or the version

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._data):
            raise _TruncatedError
        start, self.at = self.at, end
        return self._data[start:end]

    def number(self, octets: int = 4) -> int:
        return int.from_bytes(self.take(octets))


def keystore(uri: str, data: bytes) -> Iterator[Finding | Gap]:
    """Describe every entry of a JKS or JCEKS file."""
    stream = _Stream(data)
    integrity = AlgorithmUse("jks-digest", Role.INTEGRITY)
    yield material(Location(uri, offset=0), "jks", "Java keystore", [integrity])
    try:
        version, count = stream.number(), stream.number()
        for _ in range(count):
            yield from _entry(uri, stream, version)
            if stream.at < 0:
                return
    except _TruncatedError:
        at = Location(uri, offset=stream.at)
        yield Gap(at, Cause.UNREADABLE, "The keystore ends in the middle of an entry.")


def bouncy_castle(uri: str, data: bytes) -> Iterator[Finding | Gap]:
    """Describe every entry of a BKS file; its MAC is by SHA-1 over the whole."""
    stream = _Stream(data)
    try:
        stream.take(stream.number())  # salt
        stream.number()  # rounds
        tag = stream.number(1)
        if tag > max(_BKS_TAGS):
            detail = "A keystore of Bouncy Castle under a password: keytool exports its contents."
            yield Gap(Location(uri, offset=0), Cause.NOT_SUPPORTED, detail)
            return
        integrity = AlgorithmUse("hmac-sha-1", Role.INTEGRITY)
        yield material(Location(uri, offset=0), "bks", "keystore of Bouncy Castle", [integrity])
        while tag and stream.at >= 0:
            yield from _bks_entry(uri, stream, tag)
            tag = stream.number(1) if stream.at >= 0 else 0
    except _TruncatedError:
        at = Location(uri, offset=stream.at)
        yield Gap(at, Cause.UNREADABLE, "The keystore ends in the middle of an entry.")


def _bks_entry(uri: str, stream: _Stream, tag: int) -> Iterator[Finding | Gap]:
    start = Location(uri, offset=stream.at - 1)
    stream.take(stream.number(2))  # alias
    stream.take(8)  # when it was made
    for _ in range(min(stream.number(), _MAX_CHAIN)):
        yield from _certificate(uri, stream, 2)
    if tag == _BKS_CERTIFICATE:
        yield from _certificate(uri, stream, 2)
    elif tag in _BKS_SECRETS:
        stream.take(stream.number())
        yield encrypted_key(start, "bks", _BKS_PROTECTION)
    else:
        detail = "An entry of Bouncy Castle that is no certificate; what follows it is not read."
        yield Gap(start, Cause.NOT_SUPPORTED, detail)
        stream.at = -1


def _entry(uri: str, stream: _Stream, version: int) -> Iterator[Finding | Gap]:
    start = Location(uri, offset=stream.at)
    tag = stream.number()
    stream.take(stream.number(2))  # alias
    stream.take(8)  # when it was made
    if tag == _KEY:
        yield encrypted_key(start, "jks", protection_of(stream.take(stream.number())))
        for _ in range(min(stream.number(), _MAX_CHAIN)):
            yield from _certificate(uri, stream, version)
    elif tag == _CERTIFICATE:
        yield from _certificate(uri, stream, version)
    else:  # a sealed object of Java's serialisation, whose length is not told
        what = "A secret key" if tag == _SECRET else "An entry of unknown kind"
        yield Gap(start, Cause.NOT_SUPPORTED, f"{what}; what follows it is not read.")
        stream.at = -1


def _certificate(uri: str, stream: _Stream, version: int) -> Iterator[Finding | Gap]:
    if version == 2:
        stream.take(stream.number(2))  # "X.509"
    length = stream.number()
    at = Location(uri, offset=stream.at)
    if found := certificate(at, stream.take(length), "jks"):
        yield found
    else:
        yield Gap(at, Cause.UNREADABLE, "A certificate in the keystore cannot be read.")
