"""The crypto profile that each certificate was issued under, out of the audits."""

from __future__ import annotations

import json
from collections.abc import Iterable

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from roadseal.operate.pki.tables import AUDIT
from roadseal.store import Store


def issued_under(store: Store) -> dict[tuple[str, int], str]:
    """Authority and serial number → label of the profile, as the audit had it at the issue.

    An authority's own certificate is issued under none.
    """
    found: dict[tuple[str, int], str] = {}
    wanted = sa.select(AUDIT.c.authority, AUDIT.c.entry)
    with store.reading() as connection:
        for row in connection.execute(wanted):
            entry = json.loads(row.entry)
            if entry["kind"] == "certificate.issued":
                found[row.authority, int(entry["serial"], 16)] = entry["profile"]
    return found


def profiles_json(store: Store, listed: Iterable[tuple[str, str, x509.Certificate]]) -> bytes:
    """The statement that the scan reads: the profiles of those of `listed` that were issued here.

    Args:
        store: of the authorities.
        listed: authority, identity and certificate, as `certificates_in_use` gives them.
    """
    profiles = issued_under(store)
    said = [
        {
            "sha256": certificate.fingerprint(SHA256()).hex(),
            "issued_under": profile,
            "authority": authority,
            "identity": identity,
            "serial": f"{certificate.serial_number:x}",
            "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        }
        for authority, identity, certificate in listed
        if (profile := profiles.get((authority, certificate.serial_number)))
    ]
    statement = {"format": "roadseal-certificate-profiles/1", "certificates": said}
    return (json.dumps(statement, indent=1) + "\n").encode()
