"""The collector of key files that have a form of their own, each told by its first octets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from roadseal.assess.inventory.certificates import (
    json_keys,
    keystore,
    krl,
    small_keys,
    time_keys,
    vendor_keys,
)
from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

_TIME_KEYS: Final = ("chrony*.keys", "ntp*.keys", "*.ntpkeys", "ntpkeys")
_TIME_WORDS: Final = (b" HEX:", b" ASCII:", b" SHA1 ", b" MD5 ", b" AES128 ", b" AES128CMAC ")
_BOUNCY_CASTLE: Final = ("*.bks", "*.bcfks", "*.ubr", "*.uber")  # the first in clear, if whole
_MAX_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class KeyFileCollector:
    """Reads keys of PuTTY, Microsoft, ssh.com, SSH 1, time servers, Bouncy Castle, JOSE and others.

    OpenSSH's revocation lists too.
    """

    name: str = "key-file"
    signatures: Sequence[Signature] = (
        Signature(vendor_keys.PUTTY, 0),
        Signature(vendor_keys.PVK, 0),
        Signature(vendor_keys.SSH_1, 0),
        Signature(vendor_keys.SSH_COM),
        Signature(krl.MAGIC, 0),
        *(Signature(start, 0) for start in vendor_keys.BLOBS),
        *map(Signature, _TIME_WORDS),
        *(Signature(start, 0) for start in keystore.BKS_STARTS),
        Signature(json_keys.KEY_TYPE),
        *map(Signature, small_keys.AGE_SECRETS),
        Signature(small_keys.AGE_FILE, 0),
        Signature(small_keys.COMMENT, 0),
    )
    names: Sequence[str] = _TIME_KEYS + _BOUNCY_CASTLE

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is in `source`."""
        head, data = source.data[:64], source.data[:_MAX_BYTES]
        if json_keys.KEY_TYPE in source.hits:
            yield from json_keys.web_keys(source, context)
        if any(mark in source.hits for mark in small_keys.AGE_SECRETS):
            yield from small_keys.age_identities(source.uri, data, context)
        if head.startswith(vendor_keys.PUTTY):
            yield from vendor_keys.putty(source.uri, data, context)
        elif head.startswith(vendor_keys.PVK):
            yield from vendor_keys.pvk(source.uri, data, context)
        elif head.startswith(vendor_keys.BLOBS):
            yield from vendor_keys.blob(source.uri, data, context)
        elif head.startswith(vendor_keys.SSH_1):
            yield from vendor_keys.ssh_1(source.uri, data, context)
        elif head.startswith(krl.MAGIC):
            yield from krl.revocation_list(source.uri, data)
        elif head.startswith(small_keys.AGE_FILE):
            yield from small_keys.age_file(Location(source.uri, offset=0), data)
        elif head.startswith(small_keys.COMMENT):
            yield from small_keys.signed_by_small_tools(source.uri, data, context)
        elif head.startswith(keystore.BKS_STARTS):
            yield from keystore.bouncy_castle(source.uri, source.data[:])
        elif any(fnmatch(source.name.lower(), each) for each in _BOUNCY_CASTLE):
            detail = "A keystore of Bouncy Castle: keytool exports its certificates."
            yield Gap(Location(source.uri), Cause.NOT_SUPPORTED, detail)
        else:
            for offset in source.hits.get(vendor_keys.SSH_COM, ()):
                following = source.data[offset + len(vendor_keys.SSH_COM) :][:1]
                if following in {b"\r", b"\n"}:  # programs have the bare words
                    yield from vendor_keys.ssh_com(source.uri, data, offset, context)
            by_name = any(fnmatch(source.name.lower(), name) for name in _TIME_KEYS)
            if by_name or any(word in source.hits for word in _TIME_WORDS):
                yield from time_keys.keys(source.uri, data, by_name=by_name)


KEY_FILES: Final = KeyFileCollector()
"""Reads key files of their own form."""
