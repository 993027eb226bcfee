"""Java keystores: aliases and certificates in clear, keys under a password.

Source: sun.security.provider.JavaKeyStore and com.sun.crypto.provider.JceKeyStore of OpenJDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.java_stream import (
    Stream,
    TruncatedError,
    UnknownObjectError,
    certificate_entry,
    serialised_texts,
)
from roadseal.assess.inventory.certificates.keys import encrypted_key, material
from roadseal.assess.inventory.certificates.protection import protection_of
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

JKS_MAGIC: Final = bytes.fromhex("feedfeed")
JCEKS_MAGIC: Final = bytes.fromhex("cececece")
_KEY, _CERTIFICATE, _SECRET = 1, 2, 3
_TYPED: Final = 2  # the version whose certificates say of which kind they are
_MAX_CHAIN: Final = 1000
_SEALS: Final = {"PBEWithMD5AndTripleDES": "3des-cbc", "PBEWithMD5AndDES": "des-cbc"}


def keystore(uri: str, data: bytes) -> Iterator[Finding | Gap]:
    """Describe every entry of a JKS or JCEKS file."""
    stream = Stream(data, 4)
    integrity = AlgorithmUse("jks-digest", Role.INTEGRITY)
    yield material(Location(uri, offset=0), "jks", "Java keystore", [integrity])
    try:
        version, count = stream.number(), stream.number()
        for _ in range(count):
            yield from _entry(uri, stream, version)
    except TruncatedError:
        at = Location(uri, offset=stream.at)
        yield Gap(at, Cause.UNREADABLE, "The keystore ends in the middle of an entry.")
    except UnknownObjectError:
        detail = "An entry of unknown kind; what follows it is not read."
        yield Gap(Location(uri, offset=stream.at), Cause.NOT_SUPPORTED, detail)


def _entry(uri: str, stream: Stream, version: int) -> Iterator[Finding | Gap]:
    start = Location(uri, offset=stream.at)
    tag = stream.number()
    stream.text()  # alias
    stream.take(8)  # when it was made
    if tag == _KEY:
        yield encrypted_key(start, "jks", protection_of(stream.take(stream.number())))
        for _ in range(min(stream.number(), _MAX_CHAIN)):
            yield from certificate_entry(uri, stream, typed=version == _TYPED)
    elif tag == _CERTIFICATE:
        yield from certificate_entry(uri, stream, typed=version == _TYPED)
    elif tag == _SECRET:
        seal = [_SEALS.get(each, each) for each in serialised_texts(stream)[-1:]]
        yield encrypted_key(start, "jks", seal)
    else:
        raise UnknownObjectError
