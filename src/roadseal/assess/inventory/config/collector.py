"""The collector of configurations: which format a text is, and what its directives ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.config.directive import MAX_CHARS, Directive, directives
from roadseal.assess.inventory.config.format import Format, Said
from roadseal.assess.inventory.config.formats import FORMATS
from roadseal.assess.inventory.config.include import expanded, has_includes
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Finding,
    Gap,
    Location,
    Role,
)

_OPC_UA: Final = b"http://opcfoundation.org/UA/SecurityPolicy#"
_OPC_UA_POLICIES: Final = {  # OPC UA part 7, security policies
    "None": [("plaintext", Role.PLAINTEXT)],
    "Basic128Rsa15": [
        ("rsa-pkcs1", Role.KEY_EXCHANGE),
        ("rsa-pkcs1-sha-1", Role.LIVE_AUTHENTICATION),
        ("aes-128-cbc", Role.ENCRYPTION),
    ],
    "Basic256": [
        ("rsa-oaep", Role.KEY_EXCHANGE),
        ("rsa-pkcs1-sha-1", Role.LIVE_AUTHENTICATION),
        ("aes-256-cbc", Role.ENCRYPTION),
    ],
    "Basic256Sha256": [
        ("rsa-oaep", Role.KEY_EXCHANGE),
        ("rsa-pkcs1-sha-256", Role.LIVE_AUTHENTICATION),
        ("aes-256-cbc", Role.ENCRYPTION),
    ],
    "Aes128_Sha256_RsaOaep": [
        ("rsa-oaep", Role.KEY_EXCHANGE),
        ("rsa-pkcs1-sha-256", Role.LIVE_AUTHENTICATION),
        ("aes-128-cbc", Role.ENCRYPTION),
    ],
    "Aes256_Sha256_RsaPss": [
        ("rsa-oaep-sha-256", Role.KEY_EXCHANGE),
        ("rsa-pss-sha-256", Role.LIVE_AUTHENTICATION),
        ("aes-256-cbc", Role.ENCRYPTION),
    ],
    "ECC_nistP256": [
        ("p256", Role.KEY_EXCHANGE),
        ("ecdsa-p256", Role.LIVE_AUTHENTICATION),
        ("aes-128-cbc", Role.ENCRYPTION),
    ],
    "ECC_nistP384": [
        ("p384", Role.KEY_EXCHANGE),
        ("ecdsa-p384", Role.LIVE_AUTHENTICATION),
        ("aes-256-cbc", Role.ENCRYPTION),
    ],
    "ECC_brainpoolP256r1": [
        ("brainpoolp256r1", Role.KEY_EXCHANGE),
        ("ecdsa-brainpoolp256r1", Role.LIVE_AUTHENTICATION),
    ],
    "ECC_brainpoolP384r1": [
        ("brainpoolp384r1", Role.KEY_EXCHANGE),
        ("ecdsa-brainpoolp384r1", Role.LIVE_AUTHENTICATION),
    ],
    "ECC_curve25519": [
        ("x25519", Role.KEY_EXCHANGE),
        ("ed25519", Role.LIVE_AUTHENTICATION),
        ("chacha20-poly1305", Role.ENCRYPTION),
    ],
    "ECC_curve448": [
        ("x448", Role.KEY_EXCHANGE),
        ("ed448", Role.LIVE_AUTHENTICATION),
        ("chacha20-poly1305", Role.ENCRYPTION),
    ],
}
_POLICY: Final = re.compile(re.escape(_OPC_UA) + rb"([A-Za-z0-9_]{1,40})")
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
    b"ah_proposals", b"ah=",
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
    signatures: Sequence[Signature] = (*map(Signature, _WORDS), Signature(_OPC_UA))
    names: Sequence[str] = tuple(dict.fromkeys(name for each in FORMATS for name in each.files))

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is configured in `source`."""
        if _OPC_UA in source.hits:
            yield from _opc_ua(source)
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


def _opc_ua(source: Source) -> Iterator[Finding | Gap]:
    seen: set[str] = set()
    for offset in source.hits[_OPC_UA]:
        match = _POLICY.match(source.data, offset)
        policy = match[1].decode("ascii") if match else ""
        if not policy or policy in seen:
            continue
        seen.add(policy)
        known = _OPC_UA_POLICIES.get(policy, [(f"opc-ua:{policy}", Role.UNKNOWN)])
        yield Finding(
            "config/opc-ua",
            Location(source.uri, offset=offset),
            AssetType.PROTOCOL,
            f"OPC UA security policy {policy}",
            tuple(AlgorithmUse(algorithm, role) for algorithm, role in known),
            Basis.CONFIGURED,
            confidence=0.9,
            excerpt=f"SecurityPolicy#{policy}",
            facts={"protocol": "OPC UA", "policy": policy},
        )


COLLECTOR: Final = ConfigurationCollector()
"""Reads configurations."""
