"""What a password protects with: the algorithms of PBES1, PBES2 and PBMAC1.

Source: RFC 8018 (PKCS #5), RFC 9579 (PBMAC1 in PKCS #12), RFC 7914 §7 (scrypt).
"""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.certificates import der
from roadseal.assess.inventory.certificates.names import oids_in

PBMAC1: Final = "1.2.840.113549.1.5.14"
_PBES2: Final = "1.2.840.113549.1.5.13"
_PBKDF2: Final = "1.2.840.113549.1.5.12"
_SCRYPT: Final = "1.3.6.1.4.1.11591.4.11"


def protection_of(encoded: bytes) -> list[str]:
    """Name what an EncryptedPrivateKeyInfo is encrypted with."""
    outer = der.element(encoded, 0, len(encoded))
    first = next(der.children(encoded, outer), None) if outer else None
    return protections(oids_in(encoded, first)) if first else []


def protections(oids: list[str]) -> list[str]:
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
        elif oid not in {_PBES2, PBMAC1} and not (name := identifiers.from_oid(oid)).startswith(
            ("oid:", "hmac-")
        ):
            names.append(name)
    return list(dict.fromkeys(names))


def authentication(oids: list[str]) -> list[str]:
    """Name the derivation and the MAC of PBMAC1 or the like; the MAC stands last."""
    mac = identifiers.from_oid(oids[-1]) if oids else ""
    return list(dict.fromkeys([*protections(oids), *([mac] if mac.startswith("hmac-") else [])]))
