"""The collector of configurations: which format a text is, and what its directives ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.config import opc_ua
from roadseal.assess.inventory.config.directive import MAX_CHARS, Directive, directives
from roadseal.assess.inventory.config.format import Format, Said
from roadseal.assess.inventory.config.formats import FORMATS
from roadseal.assess.inventory.config.include import expanded, has_includes
from roadseal.assess.inventory.config.left_open import TEXT
from roadseal.assess.inventory.finding import (
    AssetType,
    Basis,
    Cause,
    Finding,
    Gap,
    Location,
)

_WORDS: Final = (
    b"ssl_", b"SSLProtocol", b"SSLCipherSuite", b"SSLEngine", b"SSLOpenSSLConfCmd", b"ssl-default-",
    b" ssl ", b"Ciphers", b"MACs", b"KexAlgorithms", b"HostKeyAlgorithms", b"PubkeyAccepted",
    b"proposals", b"ike=", b"esp=", b"ike =", b"PrivateKey", b"community", b"com2sec",
    b"createUser", b"usmUser ", b"tls_version", b"psk_file", b"allow_anonymous", b"CipherString",
    b"Ciphersuites", b"MinProtocol", b"default_md", b"default_bits", b"driftfile", b"wpa_",
    b"rsn_pairwise", b"key_mgmt", b"data-ciphers", b"tls-cipher", b"ncp-ciphers", b"persist-key",
    b"wep_key", b"authby", b"rouser", b"rwuser", b"tls-client", b"tls-server", b"remote-cert-tls",
    b"<VirtualHost", b"proxy_pass", b"server_name", b"\nlistener ", b"persistence_location",
    b"default_backend", b"timeout connect", b"hw_mode", b"auth_algs", b"shared_secret",
    b"authCommunity", b"defVersion", b"PermitEmptyPasswords", b"bridge_", b"management ",
    b"ah_proposals", b"ah=", b"dev tun", b"dev tap", b"remote_addrs", b"leftcert", b"rightsubnet",
)  # fmt: skip
_PROSE: Final = (
    "*.py", "*.c", "*.h", "*.cc", "*.cpp", "*.rs", "*.go", "*.js", "*.java", "*.md", "*.rst",
    "*.html", "*.htm", "*.xml", "*.[1-8]", "*.patch", "*.po", "*.tex", "*.pl", "*.pm", "*.sh",
    "changelog*", "news*", "readme*", "faq*", "copyright*",
)  # fmt: skip
_LEAST_SHARE: Final = 0.2
"""Known statements in a text whose name says nothing."""


@dataclass(frozen=True)
class ConfigurationCollector:
    """Reads what services are configured to use."""

    name: str = "config"
    signatures: Sequence[Signature] = (*map(Signature, _WORDS), *map(Signature, opc_ua.WORDS))
    names: Sequence[str] = tuple(dict.fromkeys(name for each in FORMATS for name in each.files))

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is configured in `source`."""
        if any(word in source.hits for word in opc_ua.WORDS):
            yield from opc_ua.policies(source)
        head = source.data[:8192]
        if b"\0" in head:
            return
        name = source.name.lower()
        if len(source.data) > MAX_CHARS:
            if any(fnmatch(name, glob) for each in FORMATS for glob in each.files):
                detail = f"A configuration of more than {MAX_CHARS} octets."
                yield Gap(Location(source.uri), Cause.TRUNCATED, detail)
            return
        if any(fnmatch(name, prose) for prose in _PROSE):
            return
        statements = list(directives(source.data[:].decode("utf-8-sig", "replace")))
        chosen = recognise(name, statements)
        if chosen is None:
            return
        whole: list[Directive] = []
        for one in expanded(chosen, statements, source):
            if isinstance(one, Gap):
                yield one
            else:
                whole.append(one)
        yield from _findings(chosen, whole, source, name)


def recognise(name: str, statements: Sequence[Directive]) -> Format | None:
    """Return the format that a text is written in, by its directives and its name."""
    names = {one.name.lower() for one in statements}
    ended = sum(one.terminated for one in statements) * 2 >= len(statements)
    best: tuple[int, int, Format | None] = (0, 0, None)
    for order, each in enumerate(FORMATS):
        if each.terminated != ended and each.terminated:
            continue
        by_name = any(fnmatch(name, glob) for glob in each.files)
        typical = len(names & each.typical)
        if typical + 2 * by_name < 2 or not _says(each, statements):
            continue
        if not by_name and _share(each, statements) < _LEAST_SHARE:
            continue
        score = typical + len(names & each.readers.keys()) + 10 * by_name
        best = max(best, (score, -order, each), key=lambda row: row[:2])
    return best[2]


def _share(each: Format, statements: Sequence[Directive]) -> float:
    """Which part of the statements are known in this format: little of prose is."""
    known = each.typical | each.readers.keys()
    return sum(one.name.lower() in known for one in statements) / len(statements)


def _says(each: Format, statements: Sequence[Directive]) -> bool:
    """Whether any statement says something in this format."""
    return has_includes(each, statements) or next(said(each, statements), None) is not None


def said(chosen: Format, statements: Sequence[Directive]) -> Iterator[Said]:
    """What the statements say in this format, one by one and together."""
    for one in statements:
        read = chosen.readers.get(one.name.lower())
        if read and (answer := read(one)):
            yield one, *answer
    if chosen.whole:
        yield from chosen.whole(statements)
    if chosen.left_open and (found := chosen.left_open.find(statements)):
        one, uses = found
        yield one, f"{one.value} {TEXT}", uses


def _findings(
    chosen: Format, statements: Sequence[Directive], source: Source, name: str
) -> Iterator[Finding]:
    by_name = any(fnmatch(name, glob) for glob in chosen.files)
    for one, text, uses in said(chosen, statements):
        yield Finding(
            f"config/{chosen.name}",
            Location(one.uri or source.uri, line=one.line),
            AssetType.PROTOCOL,
            f"{chosen.protocol}: {one.name}",
            tuple(uses),
            Basis.CONFIGURED,
            confidence=0.95 if by_name else 0.8,
            excerpt=f"{one.name} {text}"[:400],
            facts={"directive": one.name, "protocol": chosen.protocol, "section": one.section},
        )


COLLECTOR: Final = ConfigurationCollector()
"""Reads configurations."""
