"""Keys that a TPM 2.0 has wrapped, as OpenSSL's engines and providers keep them in files.

Source: draft-bottomley-tpm2-keys (TPMKey); TPM 2.0 Library part 2, §12.2.4 (TPMT_PUBLIC) and §6.3.
"""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory.certificates import der
from roadseal.assess.inventory.certificates.keys import material
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Location, Role

_KINDS: Final = {f"2.23.133.10.1.{number}" for number in (3, 4, 5)}  # loadable, importable, sealed
_RSA, _KEYED_HASH, _ECC = 0x0001, 0x0008, 0x0023
_NULL: Final = 0x0010
_CURVES: Final = {
    1: "p192", 2: "p224", 3: "p256", 4: "p384", 5: "p521", 0x10: "bn-p256", 0x20: "sm2",
    0x30: "brainpoolp256r1", 0x31: "brainpoolp384r1", 0x32: "brainpoolp512r1",
}  # fmt: skip
_WITHOUT_COUNT: Final = 0x0015  # RSAES: a scheme without a hash


def tpm_key(location: Location, encoded: bytes) -> Finding | None:
    """Describe a wrapped key; only its TPM can use it, and the file gives away nothing."""
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer) if outer else []
    if len(parts) < 4 or der.dotted(encoded, parts[0]) not in _KINDS:
        return None
    octets = [one for one in parts if one.tag == der.OCTET_STRING]
    area = der.octets(encoded, octets[0]) if octets else b""
    name = _name(area[2:])  # after its length
    use = AlgorithmUse(name, Role.UNKNOWN)
    return material(location, "tpm-key", f"private key {name} of a TPM", [use], {"encrypted": True})


def _name(area: bytes) -> str:
    """TPMT_PUBLIC: type, hash, attributes, policy, symmetric, scheme; then the size or curve."""
    kind = int.from_bytes(area[:2])
    at = 10 + int.from_bytes(area[8:10])
    if kind == _KEYED_HASH:
        return "sealed-data"
    at += 2 if int.from_bytes(area[at : at + 2]) == _NULL else 6  # with key bits and mode
    scheme = int.from_bytes(area[at : at + 2])
    at += 2 if scheme in {_NULL, _WITHOUT_COUNT} else 4
    number = int.from_bytes(area[at : at + 2])
    if kind == _RSA and number:
        return f"rsa-{number}"
    if kind == _ECC and number in _CURVES:
        return f"ec-{_CURVES[number]}" if number != 0x20 else "sm2"
    return f"tpm:0x{kind:04x}"
