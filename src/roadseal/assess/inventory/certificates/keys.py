"""Public and private keys in DER: what they are, never what they say.

Source: RFC 5280 (SubjectPublicKeyInfo), RFC 5958 and 5208 (PKCS #8), RFC 8017 (PKCS #1), RFC 5915
(SEC 1), RFC 8018 (PKCS #5), RFC 7292 (PKCS #12).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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

_PBES2, _PBMAC1, _PBKDF2, _SCRYPT = (
    "1.2.840.113549.1.5.13",
    "1.2.840.113549.1.5.14",
    "1.2.840.113549.1.5.12",
    "1.3.6.1.4.1.11591.4.11",
)
_KEY_BAG = "1.2.840.113549.1.12.10.1.1"  # a key that is not encrypted, RFC 7292 §4.2.1
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
    form: Form | None = None
    match [one.tag for one in parts[:3]]:
        case [der.SEQUENCE, der.BIT_STRING, *_]:
            return public_key(location, encoded)
        case [der.SEQUENCE, der.OCTET_STRING, *_]:
            return _encrypted(location, encoded, parts, context)
        case [der.INTEGER, der.SEQUENCE, der.OCTET_STRING]:
            name = _algorithm_name(encoded, parts[1], parts[2])
            form = form_of(name or "", encoded, parts[2])
        case [der.INTEGER, der.OCTET_STRING, *_]:
            name = _sec1_name(encoded, parts)
        case [der.INTEGER, der.INTEGER, der.INTEGER] if len(parts) >= 9:
            name = f"rsa-{der.integer_bits(encoded, parts[1])}"
        case [der.INTEGER, der.INTEGER, der.INTEGER] if len(parts) == 6:
            name = f"dsa-{der.integer_bits(encoded, parts[1])}"
        case [der.INTEGER, der.INTEGER, der.INTEGER] if len(parts) == 3:
            return _domain(location, encoded, parts)
        case [der.INTEGER, der.INTEGER] if len(parts) == 2:
            exponent = int.from_bytes(encoded[parts[1].content : parts[1].end])
            bits = der.integer_bits(encoded, parts[0])
            if exponent <= _LARGEST_GENERATOR and _is_prime(encoded, parts[0]):
                return dh_parameters(location, encoded)
            if not exponent & 1 or exponent.bit_length() > _MAX_RSA_EXPONENT_BITS or bits < 384:
                return None
            use = AlgorithmUse(f"rsa-{bits}", Role.UNKNOWN)
            facts: dict[str, Fact] = {"sha256": hashlib.sha256(encoded).hexdigest()}
            return material(location, "public-key", f"public key rsa-{bits}", [use], facts)
        case _:
            return None
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


def pkcs12(location: Location, encoded: bytes, context: Context) -> Iterator[Finding]:
    """Describe a PKCS #12 file: how it is protected, and certificates and keys that are not."""
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 3) if outer else []
    if len(parts) < 2 or [parts[0].tag, parts[1].tag] != [der.INTEGER, der.SEQUENCE]:
        return
    uses: list[AlgorithmUse] = []
    plain: list[bytes] = []
    keys: list[bytes] = []
    for name in _protection(_pkcs12_oids(encoded, parts[1], plain, keys)):
        uses.append(AlgorithmUse(name, Role.STORAGE))
    if len(parts) > 2:
        digests = oids_in(encoded, parts[2])
        if _PBMAC1 in digests:
            uses += [AlgorithmUse(name, Role.INTEGRITY) for name in _protection(digests)]
        elif digests:
            digest = identifiers.from_oid(digests[0])
            uses.append(AlgorithmUse(f"pkcs12-kdf-{digest}", Role.INTEGRITY))
    else:
        uses.append(AlgorithmUse("null", Role.INTEGRITY))
    if not any(use.role is Role.STORAGE for use in uses):
        uses.append(AlgorithmUse("null", Role.STORAGE))
    yield material(location, "pkcs12", "PKCS #12 keystore", list(dict.fromkeys(uses)))
    for each in keys:
        if found := der_key(location, each, context):
            yield found
    from roadseal.assess.inventory.certificates.x509 import certificate

    for each in plain:
        if found := certificate(location, each, "pkcs12"):
            yield found


def protection_of(encoded: bytes) -> list[str]:
    """Name what an EncryptedPrivateKeyInfo is encrypted with."""
    outer = der.element(encoded, 0, len(encoded))
    first = next(der.children(encoded, outer), None) if outer else None
    return _protection(oids_in(encoded, first)) if first else []


def _encrypted(
    location: Location, encoded: bytes, parts: list[der.Element], context: Context
) -> Finding | None:
    oids = oids_in(encoded, parts[0])
    ciphers = _protection(oids)
    if not any(identifiers.from_oid(oid) == name for oid in oids for name in ciphers):
        return None  # a DigestInfo or the like
    return encrypted_key(location, "private-key", ciphers)


def _protection(oids: list[str]) -> list[str]:
    """Canonical names of the algorithms of PBES1, PBES2 and PBMAC1 identifiers, in their order."""
    names: list[str] = []
    for index, oid in enumerate(oids):
        if oid == _PBKDF2:  # the function stands after it, or is HMAC with SHA-1
            following = oids[index + 1] if index + 1 < len(oids) else ""
            function = identifiers.from_oid(following)
            hash_ = function.removeprefix("hmac-") if function.startswith("hmac-") else "sha-1"
            names.append(f"pbkdf2-{hash_}")
        elif oid == _SCRYPT:
            names.append("scrypt")
        elif oid not in {_PBES2, _PBMAC1} and not (name := identifiers.from_oid(oid)).startswith(
            ("oid:", "hmac-")
        ):
            names.append(name)
    return list(dict.fromkeys(names))


def _pkcs12_oids(
    encoded: bytes, content: der.Element, plain: list[bytes], keys: list[bytes]
) -> list[str]:
    """Encryption identifiers in the authenticated safes; what is in clear goes to the lists."""
    found: list[str] = []
    pending: list[tuple[bytes, der.Element, int]] = [(encoded, content, 0)]
    while pending and len(found) < 256:
        data, one, depth = pending.pop()
        if one.tag == der.OID:
            found.append(der.dotted(data, one))
        elif one.tag == der.OCTET_STRING and one.end - one.content > 32:
            inner = data[one.content : one.end]
            if _core.certificate_outline(inner):
                plain.append(inner)
            elif (nested := der.element(inner, 0, len(inner))) and nested.tag == der.SEQUENCE:
                pending.append((inner, nested, depth + 1))
        elif one.tag & 0x20 and depth < 24:
            inside = der.shape(data, one, 512)
            if len(inside) > 1 and der.dotted(data, inside[0]) == _KEY_BAG:
                keys.append(data[inside[1].content : inside[1].end])
                continue
            pending.extend((data, each, depth + 1) for each in reversed(inside))
    return [
        oid for oid in found if not oid.startswith(("1.2.840.113549.1.7", "1.2.840.113549.1.9"))
    ]


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
