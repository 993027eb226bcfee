"""OPC UA: the security policies that a configuration names, by their URI or by their name.

Sources: OPC UA part 7 (security policies), part 4 §7.20 (MessageSecurityMode).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.collector import Source
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Finding,
    Location,
    Role,
)

_URI: Final = b"http://opcfoundation.org/UA/SecurityPolicy#"
_POLICIES: Final = {  # OPC UA part 7, security policies
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
_POLICY: Final = re.compile(re.escape(_URI) + rb"([A-Za-z0-9_]{1,40})")
_ENDPOINT: Final = b"opc.tcp://"
WORDS: Final = (_URI, _ENDPOINT)
"""What tells that a text may configure OPC UA."""

_MAX_BYTES: Final = 4 << 20
_SETTING: Final = re.compile(
    rb"(?i)\b(?:message[_-]?)?security[_-]?(mode|polic(?:y|ies)|modes)[\"']?\s*[:=]\s*"
    rb"[\"'\[\s]*(?:[A-Za-z]*Security(?:Mode|Policy)[.:]+)?([A-Za-z0-9_]{3,40})"
)


def policies(source: Source) -> Iterator[Finding]:
    """Describe every policy that `source` names, once."""
    seen: set[str] = set()
    yield from _by_uri(source, seen)
    if _ENDPOINT in source.hits and b"\0" not in source.data[:4096]:
        yield from _by_name(source, seen)


def _by_name(source: Source, seen: set[str]) -> Iterator[Finding]:
    """``security_policy = "Basic256Sha256"`` beside an endpoint; a mode counts where it is None."""
    for match in _SETTING.finditer(source.data[:_MAX_BYTES]):
        name = match[2].decode("ascii")
        policy = _BY_NAME.get(name.casefold())
        if policy is None or policy in seen:
            continue
        if match[1].lower().startswith(b"mode") and policy != "None":
            continue
        seen.add(policy)
        yield _finding(source, match.start(), policy)


def _by_uri(source: Source, seen: set[str]) -> Iterator[Finding]:
    for offset in source.every(_URI):
        match = _POLICY.match(source.data, offset)
        policy = match[1].decode("ascii") if match else ""
        if not policy or policy in seen:
            continue
        seen.add(policy)
        yield _finding(source, offset, policy)


def _finding(source: Source, offset: int, policy: str) -> Finding:
    known = _POLICIES.get(policy, [(f"opc-ua:{policy}", Role.UNKNOWN)])
    return Finding(
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


_BY_NAME: Final = {name.casefold(): name for name in _POLICIES}
