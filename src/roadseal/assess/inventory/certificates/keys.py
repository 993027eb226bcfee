"""Public and private keys in DER: what they are, never what they say.

Source: RFC 5280 (SubjectPublicKeyInfo), RFC 5958 and 5208 (PKCS #8), RFC 8017 (PKCS #1), RFC 5915
(SEC 1).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from roadseal import _core
from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.certificates import der
from roadseal.assess.inventory.certificates.lattice_keys import Form, form_of
from roadseal.assess.inventory.certificates.names import (
    curve_name,
    key_name,
    key_name_from,
    oids_in,
)
from roadseal.assess.inventory.certificates.protection import protections
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Finding,
    Location,
    Role,
)
from roadseal.events import Fact

_LARGEST_GENERATOR = 16  # of Diffie-Hellman by PKCS #3
_MAX_RSA_EXPONENT_BITS = 64  # of one that is public; the two numbers of a signature are longer


def material(
    location: Location,
    rule: str,
    title: str,
    uses: list[AlgorithmUse],
    facts: dict[str, Fact] | None = None,
    *,
    confidence: float = 1.0,
) -> Finding:
    """A finding about a key; the excerpt is its title."""
    return Finding(
        f"certificate/{rule}",
        location,
        AssetType.MATERIAL,
        title,
        tuple(uses),
        Basis.OBSERVED,
        confidence,
        title,
        facts or {},
    )


def public_key(location: Location, encoded: bytes, rule: str = "public-key") -> Finding | None:
    """Describe a SubjectPublicKeyInfo."""
    outline = _core.public_key_outline(encoded)
    if outline is None or outline.spki is None:
        return None
    name = _of_unknown_use(key_name(outline))
    return material(
        location,
        rule,
        f"public key {name}",
        [AlgorithmUse(name, Role.UNKNOWN)],
        {"spki_sha256": hashlib.sha256(outline.spki).hexdigest()},
    )


def der_key(location: Location, encoded: bytes, context: Context) -> Finding | None:
    """Describe a key in any of the unlabelled structures; None if it is none of them."""
    outer = der.element(encoded, 0, len(encoded))
    if outer is None or outer.tag != der.SEQUENCE:
        return None
    parts = der.shape(encoded, outer)
    match [one.tag for one in parts[:3]]:
        case [der.SEQUENCE, der.BIT_STRING, *_]:
            return public_key(location, encoded)
        case [der.SEQUENCE, der.OCTET_STRING, *_]:
            return _encrypted(location, encoded, parts)
        case [der.INTEGER, der.INTEGER, der.INTEGER] if len(parts) == 3:
            return _domain(location, encoded, parts)
        case [der.INTEGER, der.INTEGER] if len(parts) == 2:
            return _two_numbers(location, encoded, parts)
    name, form = _private_name(encoded, parts)
    if name is None:
        return None
    secret = encoded[outer.start : outer.end]
    found = private_key(location, _of_unknown_use(name), secret, context)
    if form is None:
        return found
    stated = {**found.facts, "form": form.name}
    if form.defect:
        stated["defects"] = form.defect
    return replace(found, confidence=0.8 if form.defect else 1.0, facts=stated)


def _private_name(encoded: bytes, parts: list[der.Element]) -> tuple[str | None, Form | None]:
    """The algorithm of PKCS #8, SEC 1, or the bare numbers of RSA or DSA; a lattice key's form."""
    match [one.tag for one in parts[:3]]:
        case [der.INTEGER, der.SEQUENCE, der.OCTET_STRING]:
            name = _algorithm_name(encoded, parts[1], parts[2])
            return name, form_of(name or "", encoded, parts[2])
        case [der.INTEGER, der.OCTET_STRING, *_]:
            return _sec1_name(encoded, parts), None
        case [der.INTEGER, der.INTEGER, der.INTEGER] if len(parts) >= 9:
            return f"rsa-{der.integer_bits(encoded, parts[1])}", None
        case [der.INTEGER, der.INTEGER, der.INTEGER] if len(parts) == 6:
            return f"dsa-{der.integer_bits(encoded, parts[1])}", None
    return None, None


def _two_numbers(location: Location, encoded: bytes, parts: list[der.Element]) -> Finding | None:
    """Modulus and exponent of RSA, or p and g of Diffie-Hellman."""
    exponent = int.from_bytes(encoded[parts[1].content : parts[1].end])
    bits = der.integer_bits(encoded, parts[0])
    if exponent <= _LARGEST_GENERATOR and _is_prime(encoded, parts[0]):
        return dh_parameters(location, encoded)
    if not exponent & 1 or exponent.bit_length() > _MAX_RSA_EXPONENT_BITS or bits < 384:
        return None
    use = AlgorithmUse(f"rsa-{bits}", Role.UNKNOWN)
    facts: dict[str, Fact] = {"sha256": hashlib.sha256(encoded).hexdigest()}
    return material(location, "public-key", f"public key rsa-{bits}", [use], facts)


def _domain(location: Location, encoded: bytes, parts: list[der.Element]) -> Finding | None:
    """Three numbers alone: p, q, g of DSA, or p, g, q of X9.42; q is the short one."""
    first, second, third = (der.integer_bits(encoded, one) for one in parts)
    if first < 512 or min(second, third) < 160:
        return None
    return (dsa_parameters if second < third else dh_parameters)(location, encoded)


def _is_prime(encoded: bytes, one: der.Element) -> bool:
    """Whether a number is prime in all likelihood: a modulus of RSA is not (Fermat's test)."""
    number = int.from_bytes(encoded[one.content : one.end])
    return 512 <= number.bit_length() <= 8192 and pow(3, number - 1, number) == 1


def private_key(
    location: Location, name: str, secret: bytes, context: Context, rule: str = "private-key"
) -> Finding:
    """Describe a private key that anyone who reads the file has."""
    return material(
        location,
        rule,
        f"private key {name}, not encrypted",
        [AlgorithmUse(name, Role.UNKNOWN)],
        {"key_id": context.identify(secret), "encrypted": False},
    )


def encrypted_key(location: Location, rule: str, ciphers: list[str]) -> Finding:
    """Describe a private key under a password."""
    return material(
        location,
        rule,
        "private key under a password",
        [AlgorithmUse(name, Role.STORAGE) for name in ciphers or ["unreadable-encryption"]],
        {"encrypted": True},
    )


def dh_parameters(location: Location, encoded: bytes) -> Finding | None:
    """Describe Diffie-Hellman parameters, PKCS #3 or X9.42."""
    outer = der.element(encoded, 0, len(encoded))
    first = next(der.children(encoded, outer), None) if outer else None
    if first is None or first.tag != der.INTEGER:
        return None
    name = f"dh-{der.integer_bits(encoded, first)}"
    use = AlgorithmUse(name, Role.KEY_EXCHANGE)
    return material(location, "dh-parameters", f"Diffie-Hellman parameters {name}", [use])


def ec_parameters(location: Location, encoded: bytes) -> Finding | None:
    """Describe elliptic-curve domain parameters."""
    one = der.element(encoded, 0, len(encoded))
    if one is None or one.tag not in {der.OID, der.SEQUENCE}:
        return None
    curve = curve_name(encoded)
    use = AlgorithmUse(f"ec-{curve}" if curve else "ec", Role.UNKNOWN, preferred=False)
    title = f"elliptic-curve parameters {curve or 'of a curve that is not known'}"
    return material(location, "ec-parameters", title, [use])


def dsa_parameters(location: Location, encoded: bytes) -> Finding | None:
    """Describe the domain parameters of DSA: p, q, g (RFC 3279 §2.3.2)."""
    outer = der.element(encoded, 0, len(encoded))
    numbers = der.shape(encoded, outer, 4) if outer else []
    if [one.tag for one in numbers] != [der.INTEGER] * 3:
        return None
    name = f"dsa-{der.integer_bits(encoded, numbers[0])}"
    use = AlgorithmUse(name, Role.UNKNOWN, preferred=False)
    return material(location, "dsa-parameters", f"parameters {name}", [use])


def _encrypted(location: Location, encoded: bytes, parts: list[der.Element]) -> Finding | None:
    oids = oids_in(encoded, parts[0])
    ciphers = protections(oids)
    if not any(identifiers.from_oid(oid) == name for oid in oids for name in ciphers):
        return None  # a DigestInfo or the like
    return encrypted_key(location, "private-key", ciphers)


def _algorithm_name(encoded: bytes, algorithm: der.Element, key: der.Element) -> str | None:
    """Name the algorithm of a PKCS #8 key."""
    parts = der.shape(encoded, algorithm, 2)
    if not parts or parts[0].tag != der.OID:
        return None
    oid = der.dotted(encoded, parts[0])
    parameters = encoded[parts[1].start : parts[1].end] if len(parts) > 1 else None
    bits = None
    name = identifiers.from_oid(oid)
    if name.startswith("rsa"):
        inner = der.element(encoded, key.content, key.end)
        numbers = der.shape(encoded, inner, 2) if inner else []
        bits = der.integer_bits(encoded, numbers[1]) if len(numbers) == 2 else None
    elif name in {"dsa", "dh"} and parameters:
        domain = der.element(parameters, 0, len(parameters))
        first = next(der.children(parameters, domain), None) if domain else None
        bits = der.integer_bits(parameters, first) if first else None
    return key_name_from(oid, parameters, bits)


def _sec1_name(encoded: bytes, parts: list[der.Element]) -> str | None:
    version = encoded[parts[0].content : parts[0].end]
    if version != b"\x01":
        return None
    for part in parts[2:]:
        if part.tag == 0xA0:
            curve = curve_name(encoded[part.content : part.end])
            return f"ecdsa-{curve}" if curve else "ec"  # on a curve that is not known
    return "ec" if len(parts) == 2 or parts[2].tag == 0xA1 else None


def _of_unknown_use(name: str) -> str:
    """A bare elliptic-curve key may sign or agree: its name says neither."""
    return f"ec-{name.removeprefix('ecdsa-')}" if name.startswith("ecdsa-") else name
