"""From what tools write in reports to canonical names: exact rules, never a part of a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.imports.spellings import respelled

_ALIASES = {
    "3des": "3des-cbc",
    "desede": "3des-cbc",
    "tdes": "3des-cbc",
    "tripledes": "3des-cbc",
    "arcfour": "rc4",
    "curve25519": "x25519",
    "curve448": "x448",
    "eddsa": "ed25519",
    "diffie-hellman": "dh",
    "ecdhe": "ecdh",
    "dhe": "dh",
    "sha": "sha-1",
    "none": "null",
}
_CURVES = {
    "secp256r1": "p256",
    "prime256v1": "p256",
    "nistp256": "p256",
    "p-256": "p256",
    "secp384r1": "p384",
    "nistp384": "p384",
    "p-384": "p384",
    "secp521r1": "p521",
    "nistp521": "p521",
    "p-521": "p521",
    "secp224r1": "p224",
    "secp192r1": "p192",
    "prime192v1": "p192",
    "curve25519": "x25519",
    "curve448": "x448",
    "edwards25519": "ed25519",
    "edwards448": "ed448",
}
_SIGNATURE = re.compile(r"(?P<hash>sha-?\d+|md5|sha1)-?with-?(?P<key>rsa|ecdsa|dsa)(?:encryption)?")
_SIGNED_BY = re.compile(
    r"(?P<key>rsa|ecdsa|dsa)-?(?:with-?)?(?P<hash>sha-?(?:1|224|256|384|512)|md5)"
)
_ECDSA_HASHED = re.compile(
    r"ecdsa-(?:p-?\d{3}-)?(?:with-)?sha-?(?:1|224|256|384|512)"
    r"|sha-?(?:1|224|256|384|512)-?with-?ecdsa|ecdsa-p-?\d{3}-sha-?\d{3}"
)
_HASH = re.compile(r"sha-?(1|224|256|384|512)")


def _digest(spelled: str) -> str:
    return _HASH.sub(r"sha-\1", spelled)


def _signed(found: re.Match[str]) -> str:
    key, digest = found["key"], _digest(found["hash"])
    return f"rsa-pkcs1-{digest}" if key == "rsa" else f"{key}-{digest}"


_CIPHER = "(?P<cipher>aes|camellia|aria)"
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_SIGNATURE, _signed),
    (_SIGNED_BY, _signed),
    (
        re.compile(r"(?:hmac-?|hmacwith)(?P<hash>sha-?\d+|md5)"),
        lambda found: f"hmac-{_digest(found['hash'])}",
    ),
    (_HASH, lambda found: _digest(found[0])),
    (
        re.compile(
            rf"{_CIPHER}-(?P<mode>gcm|cbc|ctr|ccm|ecb|cfb|ofb|xts)-(?P<bits>128|192|256)(?:-\d+)*"
        ),
        lambda found: f"{found['cipher']}-{found['bits']}-{found['mode']}",
    ),
    (
        re.compile(rf"{_CIPHER}-(?P<bits>128|192|256)-(?P<mode>gcm|ccm)(?:-\d+)+"),
        lambda found: f"{found['cipher']}-{found['bits']}-{found['mode']}",
    ),
)
"""Of a whole spelling, its canonical name."""
_SPACED = re.compile(r"(aes|camellia|aria|rsa|dsa|dh|rc4|ml-kem|ml-dsa|kyber)-?(\d{2,5})")


@lru_cache(maxsize=16384)
def canonical(name: str, parameter: str = "", curve: str = "", oid: str = "") -> str:
    """Return the canonical name of what a report calls an algorithm, or its own spelling.

    Args:
        name: its name in the report.
        parameter: its parameter set: a key or digest length.
        curve: its curve, bare or as CycloneDX writes it (``nist/P-256``).
        oid: its object identifier.

    >>> canonical("SHA256withRSA"), canonical("AES", "128"), canonical("ECDSA", curve="nist/P-256")
    ('rsa-pkcs1-sha-256', 'aes-128', 'ecdsa-p256')
    >>> canonical("our own cipher")
    'our own cipher'
    """
    for candidate in _candidates(name, parameter, curve):
        if classify(candidate).bearing is not Bearing.UNKNOWN:
            return candidate
    if oid:
        known = identifiers.from_oid(oid.removeprefix("oid:"))
        if not known.startswith("oid:"):
            return known
    return name


def canonical_curve(curve: str) -> str:
    """Return the canonical name of a curve."""
    bare = curve.lower().rpartition("/")[2]
    return _CURVES.get(bare, bare)


def _candidates(name: str, parameter: str, curve: str) -> Iterator[str]:
    """Names that a spelling may stand for, the likeliest first."""
    plain = name.strip().lower().replace("_", "-").replace(" ", "-").replace("/", "-")
    plain = _ALIASES.get(plain, plain)
    on = canonical_curve(curve) if curve else ""
    if on:
        yield from _on_curve(plain, on)
    size = parameter.strip().lower()
    if size and not plain.endswith(f"-{size}"):
        yield f"{plain}-{size}"
        if plain == "hmac":
            yield f"hmac-sha-{size}"
    yield plain
    for pattern, rule in _RULES:
        if match := pattern.fullmatch(plain):
            yield rule(match)
    yield _SPACED.sub(r"\1-\2", plain)
    for spelled in respelled(plain):
        if on and spelled == "ec":
            yield f"ec-{on}"
        yield spelled
    yield from _by_curve(plain)
    for known in (identifiers.tls_group_from_name(name), identifiers.tls_scheme_from_name(name)):
        if known != name:
            yield known


def _on_curve(plain: str, on: str) -> Iterator[str]:
    """A family, and the curve that stands beside it in the report."""
    if plain in {"ecdsa", "ec", "ecies"}:
        yield f"{plain}-{on}"
    if _ECDSA_HASHED.fullmatch(plain):  # what falls is the curve, not the hash
        yield f"ecdsa-{on}"
    if plain in {"ecdh", "ec-dh", "xdh", "eddsa", "ed25519", "ed448"}:
        yield on


def _by_curve(plain: str) -> Iterator[str]:
    """A curve alone, or behind its family."""
    head, _, tail = plain.partition("-")
    if tail and (known := _CURVES.get(tail)):
        yield known if head in {"ecdh", "ecdhe"} else f"{head}-{known}"
    if plain in _CURVES:
        yield _CURVES[plain]
