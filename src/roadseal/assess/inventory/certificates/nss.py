"""Databases of NSS, which Firefox and many servers keep: certificates, keys under a password.

Source: NSS, lib/softoken/sdb.c (columns are attributes of PKCS #11 in hexadecimal digits, as in
"a11") and sftkpwd.c (how keys are encrypted); PKCS #11 3.0 §4 for the attributes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import encrypted_key, material
from roadseal.assess.inventory.certificates.names import curve_name
from roadseal.assess.inventory.certificates.protection import protection_of
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import Context, Data
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

SQLITE: Final = b"SQLite format 3\0"
BERKELEY: Final = b"\x00\x06\x15\x61"  # a hash of Berkeley DB 1.85, which cert8.db and key3.db are

_TABLES: Final = (b"nssPublic", b"nssPrivate")
_FIRST_PAGE_BYTES: Final = 65_536
_CERTIFICATE, _PUBLIC, _PRIVATE, _SECRET = 1, 2, 3, 4
_MAX_ROWS: Final = 100_000
_MAX_STEPS: Final = 50_000_000  # of SQLite's machine: a file may hold a view that never ends
_ASK: Final = "SELECT a0, a11, a100, a120, a130, a180 FROM {} ORDER BY id LIMIT ?"


def is_database(data: Data) -> bool:
    """Whether a file is a database of NSS."""
    head = data[:_FIRST_PAGE_BYTES]
    return head.startswith(SQLITE) and any(table in head for table in _TABLES)


def database(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe the certificates and keys of a database; nothing of one that is not of NSS."""
    if not is_database(data):
        return
    here = Location(uri, offset=0)
    try:
        with sqlite3.connect(":memory:") as connection:
            connection.deserialize(data)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.set_progress_handler(lambda: 1, _MAX_STEPS)
            protection = _protection(connection)
            for table in (name.decode() for name in _TABLES if name in data[:_FIRST_PAGE_BYTES]):
                for row in connection.execute(_ASK.format(table), (_MAX_ROWS,)):
                    yield from _object(here, row, protection)
    except (sqlite3.Error, ValueError, MemoryError, OverflowError) as error:
        detail = f"A database of NSS cannot be read to its end: {type(error).__name__}."
        yield Gap(here, Cause.UNREADABLE, detail)


def old_database(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Say that a database of Berkeley DB 1.85 is not read: of NSS up to 2018, or of others."""
    detail = "A hash of Berkeley DB 1.85, as NSS's cert8.db and key3.db: certutil converts them."
    yield Gap(Location(uri, offset=0), Cause.NOT_SUPPORTED, detail)


def _protection(connection: sqlite3.Connection) -> list[str]:
    try:
        row = connection.execute("SELECT item2 FROM metaData WHERE id = 'password'").fetchone()
    except sqlite3.OperationalError:
        return []  # the certificates lie in a file of their own
    return protection_of(row[0]) if row and isinstance(row[0], bytes) else []


def _object(
    here: Location, row: tuple[object, ...], protection: list[str]
) -> Iterator[Finding | Gap]:
    kind, value, key_type, modulus, prime, parameters = (
        one if isinstance(one, bytes) else b"" for one in row
    )
    match int.from_bytes(kind):
        case number if number == _CERTIFICATE:
            if found := certificate(here, value, "nss"):
                yield found
            else:
                yield Gap(here, Cause.UNREADABLE, "A certificate in a database of NSS.")
        case number if number == _PUBLIC:
            name = _key_name(key_type, modulus, prime, parameters)
            yield material(here, "nss", f"public key {name}", [AlgorithmUse(name, Role.UNKNOWN)])
        case number if number in {_PRIVATE, _SECRET}:
            private = number == _PRIVATE
            name = _key_name(key_type, modulus, prime, parameters) if private else "secret-key"
            closed = encrypted_key(here, "nss", protection)
            uses = [AlgorithmUse(name, Role.UNKNOWN)] if private else []
            title = f"{'private key ' + name if private else 'secret key'}, encrypted"
            yield material(here, "nss", title, [*uses, *closed.algorithms], {"encrypted": True})


def _key_name(key_type: bytes, modulus: bytes, prime: bytes, parameters: bytes) -> str:
    """By CKA_KEY_TYPE; private keys have their public numbers beside them in clear."""
    match int.from_bytes(key_type):
        case 0:
            return f"rsa-{int.from_bytes(modulus).bit_length()}"
        case 1 | 2 as kind:
            return f"{'dsa' if kind == 1 else 'dh'}-{int.from_bytes(prime).bit_length()}"
        case 3:
            curve = curve_name(parameters)
            return f"ec-{curve}" if curve else "ec"
        case other:
            return f"pkcs11:0x{other:x}"
