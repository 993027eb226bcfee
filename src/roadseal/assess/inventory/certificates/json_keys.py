"""JSON Web Keys, alone, in a set, or in any other text.

Sources: RFC 7517; RFC 7518 §6 (EC, RSA, oct) and §3.1, §4.1, §5.1 (``alg``); RFC 8037 (OKP);
draft-ietf-cose-dilithium (AKP); RFC 7638 (thumbprint).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from roadseal.assess.inventory.certificates.keys import material, private_key
from roadseal.assess.inventory.collector import Context, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role
from roadseal.events import Fact

KEY_TYPE: Final = b'"kty"'

_MAX_CHARS: Final = 1 << 18
_BACKWARDS: Final = 1 << 16
_MAX_FAILURES: Final = 100  # each may cost the reading of as much as a key may have
_NAMES: Final = ("json", "jwk", "jwks")
_CURVES: Final = {
    "P-256": "p256", "P-384": "p384", "P-521": "p521", "secp256k1": "secp256k1",
    "BP-256": "brainpoolp256r1", "BP-384": "brainpoolp384r1", "BP-512": "brainpoolp512r1",
}  # fmt: skip
_PAIRS: Final = {"Ed25519": "ed25519", "Ed448": "ed448", "X25519": "x25519", "X448": "x448"}
_SECRETS: Final = {
    "HS256": "hmac-sha-256", "HS384": "hmac-sha-384", "HS512": "hmac-sha-512",
    "A128GCM": "aes-128-gcm", "A192GCM": "aes-192-gcm", "A256GCM": "aes-256-gcm",
    "A128KW": "aes-128-wrap", "A192KW": "aes-192-wrap", "A256KW": "aes-256-wrap",
}  # fmt: skip
_THUMBPRINT: Final = {
    "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x"),
    "AKP": ("alg", "kty", "pub"),
}  # fmt: skip


def web_keys(source: Source, context: Context) -> Iterator[Finding | Gap]:
    """Describe every object of `source` that has a key type."""
    decoder = json.JSONDecoder()
    end = failures = 0
    for offset in source.every(KEY_TYPE):
        if offset < end:
            continue  # of the same object
        first = max(end, offset - _BACKWARDS)
        start = source.data[first:offset].rfind(b"{")
        at = first + start
        text = source.data[at : at + _MAX_CHARS].decode("utf-8", "replace")
        try:
            key, used = decoder.raw_decode(text) if start >= 0 else (None, 0)
        except (ValueError, RecursionError):
            key, used = None, 0
        if isinstance(key, dict) and isinstance(key.get("kty"), str):
            end = at + len(text[:used].encode())
            if _secret(key) or not key.get("x5c"):  # else its certificate says it
                yield _described(Location(source.uri, offset=at), key, context)
            continue
        failures += 1
        if failures > _MAX_FAILURES:
            detail = "Many words that may begin a JSON web key; what follows is not looked at."
            yield Gap(Location(source.uri, offset=offset), Cause.TRUNCATED, detail)
            return
        if source.name.rsplit(".", 1)[-1].lower() in _NAMES:
            detail = "A JSON web key that cannot be read."
            yield Gap(Location(source.uri, offset=offset), Cause.UNREADABLE, detail)


def _described(location: Location, key: Mapping[str, Any], context: Context) -> Finding:
    name, role = _name(key)
    if secret := _secret(key):
        found = private_key(location, name, _octets(secret), context, "jwk")
        symmetric = key["kty"] == "oct"
        title = "secret key, not encrypted" if symmetric else found.title
        facts = dict(found.facts)
    else:
        title, facts = f"public key {name}", {"thumbprint": _thumbprint(key)}
    said: dict[str, Fact] = {
        each: key[each][:100] for each in ("kid", "use", "alg") if isinstance(key.get(each), str)
    }
    return material(location, "jwk", title, [AlgorithmUse(name, role)], {**facts, **said})


def _secret(key: Mapping[str, Any]) -> str:
    return next((key[each] for each in ("d", "priv", "k") if isinstance(key.get(each), str)), "")


def _name(key: Mapping[str, Any]) -> tuple[str, Role]:
    """The algorithm, and what the key is for if it says so."""
    kind, algorithm = key["kty"], str(key.get("alg", ""))
    curve = str(key.get("crv", ""))
    agrees = key.get("use") == "enc" or algorithm.startswith(("ECDH", "RSA-OAEP", "RSA1_5"))
    signs = key.get("use") == "sig" or algorithm.startswith(("ES", "RS", "PS", "Ed"))
    role = Role.ENCRYPTION if agrees else Role.MESSAGE_SIGNATURE if signs else Role.UNKNOWN
    match kind:
        case "EC":
            name = _CURVES.get(curve, f"jwk:{curve[:40]}")
            if curve in _CURVES and not agrees:
                name = f"{'ecdsa' if signs else 'ec'}-{name}"
        case "OKP":
            name = _PAIRS.get(curve, f"jwk:{curve[:40]}")
        case "RSA":
            bits = int.from_bytes(_octets(str(key.get("n", "")))).bit_length()
            name = f"rsa-{bits}" if bits else "rsa"
        case "oct":
            name = _SECRETS.get(algorithm, "psk")
        case "AKP":
            name = algorithm.lower()[:60] or "jwk:AKP"
        case _:
            name = f"jwk:{kind[:40]}"
    return name, role


def _octets(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _thumbprint(key: Mapping[str, Any]) -> str:
    members = {each: key.get(each) for each in _THUMBPRINT.get(key["kty"], sorted(key))}
    stated = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(stated.encode()).hexdigest()
