"""Canonical names for what standards, protocols and tools call an algorithm.

Each function returns the canonical name of `roadseal.assess.inventory.classifier`, or the spelling
that it was given where nobody registered it: what is unknown stays visible and unknown.

Sources: the IANA registries of TLS, SSH and IKEv2 parameters; NIST CSOR and the RFCs named in
``identifiers.toml``; IEEE 1609.2-2022; draft-ietf-lamps-pq-composite-sigs-19.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from roadseal.crypto.toml_source import TomlSource


def from_oid(oid: str) -> str:
    """Name the algorithm of a dotted object identifier.

    >>> from_oid("2.16.840.1.101.3.4.3.18"), from_oid("1.2.3.4")
    ('ml-dsa-65', 'oid:1.2.3.4')
    """
    return _table("oids").get(oid, f"oid:{oid}")


def curve_from_oid(oid: str) -> str:
    """Name the elliptic curve of a dotted object identifier."""
    return _table("curve_oids").get(oid, f"oid:{oid}")


def curve_from_parameters(fingerprint: str) -> str | None:
    """Name the curve whose parameters, written out in full, have this fingerprint."""
    return _table("explicit_curves").get(fingerprint)


def tls_group(code: int) -> str:
    """Name the key exchange of a code point of TLS Supported Groups.

    >>> tls_group(0x11EC), tls_group(0x4242)
    ('x25519mlkem768', 'tls-group:0x4242')
    """
    row = _coded("tls_groups").get(code)
    return row[1] if row else f"tls-group:0x{code:04x}"


def tls_group_from_name(name: str) -> str:
    """Name the key exchange that a configuration calls `name`: IANA's and OpenSSL's spellings."""
    return _by_registered_name("tls_groups").get(name.lower(), name)


def tls_group_spelling(code: int) -> str:
    """Return the registered name of a group, for people."""
    row = _coded("tls_groups").get(code)
    return row[0] if row else f"0x{code:04x}"


def tls_scheme(code: int) -> str:
    """Name the signature of a code point of TLS SignatureScheme."""
    row = _coded("tls_schemes").get(code)
    return row[1] if row else f"tls-scheme:0x{code:04x}"


def tls_scheme_from_name(name: str) -> str:
    """Name the signature that a configuration calls `name`, such as ``ECDSA+SHA256``."""
    return _by_registered_name("tls_schemes").get(name.lower(), name)


def ssh_kex(name: str) -> str:
    """Name the key exchange of an SSH method name."""
    return _table("ssh_kex").get(name, name)


def ssh_key(name: str) -> str:
    """Name the signature of an SSH host-key, user-key or certificate algorithm."""
    return _table("ssh_keys").get(name, name)


def ssh_cipher(name: str) -> str:
    """Name the cipher of an SSH encryption algorithm."""
    return _table("ssh_ciphers").get(name, name)


def ssh_mac(name: str) -> str:
    """Name the MAC of an SSH integrity algorithm."""
    return _table("ssh_macs").get(name, name)


def ike_encryption(id: int, key_bits: int | None = None) -> str:  # noqa: A002 - the registry's word
    """Name an encryption transform of IKEv2 (type 1); `key_bits` from its Key Length attribute."""
    template = _coded("ike_encryption").get(id)
    if template is None:
        return f"ike-encr:{id}"
    if key_bits is None:
        return str(template).replace("-{bits}", "")
    return str(template).format(bits=key_bits)


def ike_prf(id: int) -> str:  # noqa: A002
    """Name a pseudorandom function of IKEv2 (type 2)."""
    return str(_coded("ike_prf").get(id, f"ike-prf:{id}"))


def ike_integrity(id: int) -> str:  # noqa: A002
    """Name an integrity transform of IKEv2 (type 3); 0 is none, as beside an AEAD."""
    return str(_coded("ike_integrity").get(id, f"ike-integ:{id}"))


def ike_key_exchange(id: int) -> str:  # noqa: A002
    """Name a key exchange method of IKEv2 (types 4 and 6 to 12, RFC 9370).

    >>> ike_key_exchange(36), ike_key_exchange(31)
    ('ml-kem-768', 'x25519')
    """
    return str(_coded("ike_key_exchange").get(id, f"ike-ke:{id}"))


def ike_hybrid(names: tuple[str, ...]) -> str:
    """Name several key exchanges of IKEv2 that run one after the other; one stays itself.

    >>> ike_hybrid(("x25519", "ml-kem-768"))
    'hybrid(x25519+ml-kem-768)'
    """
    return names[0] if len(names) == 1 else f"hybrid({'+'.join(names)})"


def ieee1609dot2(choice: str) -> str:
    """Name the alternative of a CHOICE of IEEE 1609.2, such as ``ecdsaNistP256Signature``."""
    return _table("ieee1609dot2").get(choice, choice)


@cache
def _tables() -> dict[str, Any]:
    file = resources.files(__package__).joinpath("identifiers.toml")
    return TomlSource(file.name, file.read_text("utf-8")).parse()


@cache
def _table(name: str) -> dict[str, str]:
    table: dict[str, str] = _tables()[name]
    return table


@cache
def _coded(name: str) -> dict[int, Any]:
    """A table by number: TOML keys are text."""
    return {int(code, 0): row for code, row in _tables()[name].items()}


@cache
def _by_registered_name(name: str) -> dict[str, str]:
    """Registered names in lower case, the spellings of OpenSSL beside them."""
    table = {spelling.lower(): canonical for spelling, canonical in _coded(name).values()}
    return {**table, **_tables().get(f"{name}_spellings", {})}
