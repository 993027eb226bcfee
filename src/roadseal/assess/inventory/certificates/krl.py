"""Revocation lists of OpenSSH: whose certificates they revoke, and by what keys are told apart.

Source: OpenSSH PROTOCOL.krl.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import material
from roadseal.assess.inventory.certificates.ssh_wire import Fields, kind_of, name_of
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role
from roadseal.assess.inventory.identifiers import ssh_key

MAGIC: Final = b"SSHKRL\n\0"
_CERTIFICATES, _KEYS, _SHA_1, _SIGNATURE, _SHA_256 = 1, 2, 3, 4, 5
_MAX_SECTIONS: Final = 100_000


def revocation_list(uri: str, data: bytes) -> Iterator[Finding | Gap]:
    """Describe a KRL: its authorities, revoked keys, fingerprints and signatures."""
    here = Location(uri, offset=0)
    fields = Fields(data, len(MAGIC))
    fields.number()  # format
    version, made = fields.number(8), fields.number(8)
    fields.number(8)  # flags
    fields.string()  # reserved
    if made is None or fields.string() is None:  # comment
        yield Gap(here, Cause.UNREADABLE, "An OpenSSH revocation list ends in its header.")
        return
    uses: list[AlgorithmUse] = []
    counts = dict.fromkeys((_CERTIFICATES, _KEYS, _SHA_1, _SHA_256), 0)
    for _ in range(_MAX_SECTIONS):
        if not fields.more:
            break
        kind, body = fields.number(1), fields.string()
        if kind is None or body is None:
            at = Location(uri, offset=min(fields.at, len(data)))
            yield Gap(at, Cause.UNREADABLE, "An OpenSSH revocation list is cut off.")
            break
        section = Fields(body)
        if kind == _CERTIFICATES:
            counts[kind] += 1
            if authority := section.string():  # empty: of any authority
                uses.append(_use(authority, Role.TRUST_ANCHOR))
        elif kind == _KEYS:
            while (key := section.string()) is not None:
                counts[kind] += 1
                uses.append(_use(key, Role.LIVE_AUTHENTICATION, preferred=False))
        elif kind in {_SHA_1, _SHA_256}:
            while section.string() is not None:
                counts[kind] += 1
            name = "sha-1" if kind == _SHA_1 else "sha-256"
            # what matters against collisions: which of its keys is meant is for its owner to choose
            uses.append(AlgorithmUse(name, Role.INTEGRITY, preferred=False))
        elif kind == _SIGNATURE:  # the section holds the key, and the signature follows
            uses.append(_use(body, Role.TRUST_ANCHOR))
            if (signature := fields.string()) is not None:
                uses.append(AlgorithmUse(ssh_key(kind_of(signature)), Role.TRUST_ANCHOR))
    yield material(
        here,
        "ssh-krl",
        "OpenSSH revocation list",
        list(dict.fromkeys(uses)),
        {
            "version": version,
            "sections_of_certificates": counts[_CERTIFICATES],
            "revoked_keys": counts[_KEYS],
            "revoked_fingerprints": counts[_SHA_1] + counts[_SHA_256],
            "sha256": hashlib.sha256(data).hexdigest(),
        },
    )


def _use(blob: bytes, role: Role, *, preferred: bool = True) -> AlgorithmUse:
    name = name_of(blob) or f"ssh:{kind_of(blob) or 'unreadable'}"
    return AlgorithmUse(name, role, preferred)
