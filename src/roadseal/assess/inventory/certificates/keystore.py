"""Java keystores: aliases and certificates in clear, keys under a password.

Source: sun.security.provider.JavaKeyStore and com.sun.crypto.provider.JceKeyStore of OpenJDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import encrypted_key, material, protection_of
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

JKS_MAGIC: Final = bytes.fromhex("feedfeed")
JCEKS_MAGIC: Final = bytes.fromhex("cececece")
_KEY, _CERTIFICATE, _SECRET = 1, 2, 3
_MAX_CHAIN: Final = 1000


class _TruncatedError(Exception):
    """The file ends in the middle of an entry."""


class _Stream:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 4

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
