"""The collector of key files that have a form of their own, each told by its first octets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from roadseal.assess.inventory.certificates import (
    bouncy_castle,
    json_keys,
    krl,
    nss,
    small_keys,
    time_keys,
    tokens,
    vendor_keys,
)
from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

_TIME_KEYS: Final = ("chrony*.keys", "ntp*.keys", "*.ntpkeys", "ntpkeys")
_TIME_WORDS: Final = (b" HEX:", b" ASCII:", b" SHA1 ", b" MD5 ", b" AES128 ", b" AES128CMAC ")
_BOUNCY_CASTLE: Final = ("*.bks", "*.ubr", "*.uber")
_KEYCHAIN: Final = b"kych\0\1\0\0"
_MAX_BYTES: Final = 16 << 20


_Read = Callable[[str, bytes, Context], Iterator[Output]]
"""Shown the uri and the octets of a file that begins as its reader expects."""


def _age_file(uri: str, data: bytes, context: Context) -> Iterator[Output]:
    yield from small_keys.age_file(Location(uri, offset=0), data)


def _revocation_list(uri: str, data: bytes, context: Context) -> Iterator[Output]:
    yield from krl.revocation_list(uri, data)


def _keychain(uri: str, data: bytes, context: Context) -> Iterator[Output]:
    detail = "A keychain of macOS: security export gives its certificates."
    yield Gap(Location(uri, offset=0), Cause.NOT_SUPPORTED, detail)


_BY_START: Final[tuple[tuple[Sequence[bytes], _Read], ...]] = (
    ((vendor_keys.PUTTY,), vendor_keys.putty),
    ((vendor_keys.PVK,), vendor_keys.pvk),
    (vendor_keys.BLOBS, vendor_keys.blob),
    ((vendor_keys.SSH_1,), vendor_keys.ssh_1),
    ((krl.MAGIC,), _revocation_list),
    ((small_keys.AGE_FILE,), _age_file),
    ((small_keys.COMMENT,), small_keys.signed_by_small_tools),
    (bouncy_castle.STARTS, bouncy_castle.bks_or_uber),
    ((nss.SQLITE,), nss.database),
    ((nss.BERKELEY,), nss.old_database),
    ((_KEYCHAIN,), _keychain),
)


@dataclass(frozen=True)
class KeyFileCollector:
    """Reads keys of PuTTY, Microsoft, ssh.com, SSH 1, time servers, Bouncy Castle, JOSE and others.

    OpenSSH's revocation lists and databases of NSS too.
    """

    name: str = "key-file"
    signatures: Sequence[Signature] = (
        *(Signature(start, 0) for starts, _ in _BY_START for start in starts),
        Signature(vendor_keys.SSH_COM),
        *map(Signature, _TIME_WORDS),
        Signature(json_keys.KEY_TYPE),
        Signature(tokens.SCHEME),
        *map(Signature, small_keys.AGE_SECRETS),
    )
    names: Sequence[str] = _TIME_KEYS + _BOUNCY_CASTLE

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is in `source`."""
        data = source.data[:_MAX_BYTES]
        if json_keys.KEY_TYPE in source.hits:
            yield from json_keys.web_keys(source, context)
        if any(mark in source.hits for mark in small_keys.AGE_SECRETS):
            yield from small_keys.age_identities(source.uri, data, context)
        if tokens.SCHEME in source.hits:
            yield from tokens.named_keys(source)
        for starts, read in _BY_START:
            if data.startswith(tuple(starts)):
                yield from read(source.uri, data, context)
                return
        if _is_named(source, _BOUNCY_CASTLE):
            detail = "A keystore of Bouncy Castle: keytool exports its certificates."
            yield Gap(Location(source.uri), Cause.NOT_SUPPORTED, detail)
            return
        for offset in source.hits.get(vendor_keys.SSH_COM, ()):
            following = source.data[offset + len(vendor_keys.SSH_COM) :][:1]
            if following in {b"\r", b"\n"}:  # programs have the bare words
                yield from vendor_keys.ssh_com(source.uri, data, offset, context)
        by_name = _is_named(source, _TIME_KEYS)
        if by_name or any(word in source.hits for word in _TIME_WORDS):
            yield from time_keys.keys(source.uri, data, by_name=by_name)


def _is_named(source: Source, patterns: Sequence[str]) -> bool:
    return any(fnmatch(source.name.lower(), each) for each in patterns)


KEY_FILES: Final = KeyFileCollector()
"""Reads key files of their own form."""
