"""Symmetric keys of time servers: chrony.keys and ntp.keys.

Sources: chrony.conf(5), keyfile; ntp.keys(5) of ntpd and of ntpsec; RFC 8573 (the MAC of NTP is a
hash over the key and the message; with MD5 it is no longer to be used).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import material
from roadseal.assess.inventory.config.credentials import known_to_all
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Location, Role

_LINE: Final = re.compile(
    r"(?P<id>\d{1,10})[ \t]+(?:(?P<kind>[A-Za-z][A-Za-z0-9-]{0,19})[ \t]+)?"
    r"(?P<form>HEX:|ASCII:)?(?P<secret>[^\s#]+)[ \t]*(?:[\d.,/:a-fA-F]+)?[ \t]*(?:#.*)?"
)
_HASHES: Final = {
    "M": "md5", "MD5": "md5", "SHA": "sha-1", "SHA1": "sha-1", "SHA-1": "sha-1",
    "SHA224": "sha-224", "SHA256": "sha-256", "SHA384": "sha-384", "SHA512": "sha-512",
    "SHA3-224": "sha3-224", "SHA3-256": "sha3-256", "SHA3-384": "sha3-384", "SHA3-512": "sha3-512",
    "RMD160": "ripemd-160", "RIPEMD160": "ripemd-160", "MD4": "md4", "MD2": "md2",
    "SHA512-224": "sha-512-224", "SHA512-256": "sha-512-256",
}  # fmt: skip
_CIPHERS: Final = {
    "AES": "aes-128-cmac", "AES128": "aes-128-cmac", "AES-128": "aes-128-cmac",
    "AES128CMAC": "aes-128-cmac", "AES-128-CMAC": "aes-128-cmac", "AES256": "aes-256-cmac",
    "AES192": "aes-192-cmac", "AES-192": "aes-192-cmac", "AES-256": "aes-256-cmac",
}  # fmt: skip
_MAX_BYTES: Final = 1 << 20


def keys(uri: str, data: bytes, *, by_name: bool) -> Iterator[Finding]:
    """Describe every key of a file that is one: each of its lines is a number and a key.

    By content alone, every line must also say a kind or a form.
    """
    if len(data) > _MAX_BYTES or b"\0" in data[:4096]:
        return
    rows: list[tuple[int, re.Match[str]]] = []
    for number, raw in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#!;%":
            continue
        match = _LINE.fullmatch(line)
        if match is None or not (by_name or _known(match["kind"]) or match["form"]):
            return
        rows.append((number, match))
    for number, match in rows:
        kind = (match["kind"] or "MD5").upper()
        name = _CIPHERS.get(kind) or f"ntp-mac-{_HASHES.get(kind, kind.lower())}"
        uses = [AlgorithmUse(name, Role.INTEGRITY)]
        if match["form"] != "HEX:":
            uses += known_to_all(match["secret"])
        title = f"key of a time server, {kind}"
        facts = {"key_number": int(match["id"]), "encrypted": False}
        yield material(Location(uri, line=number), "time-key", title, uses, {**facts})


def _known(kind: str | None) -> bool:
    return kind is not None and (kind.upper() in _HASHES or kind.upper() in _CIPHERS)
