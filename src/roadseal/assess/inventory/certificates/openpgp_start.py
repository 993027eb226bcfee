"""Whether a file without armour and without a telling name begins as OpenPGP does.

Source: RFC 9580 §4.2 (packet headers), §5.1, §5.2.1 (types of signatures), §9.1, §9.5.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from roadseal.assess.inventory.certificates.openpgp import packets

STARTS: Final = tuple(
    bytes((octet,))
    for tag in (1, 2, 3, 5, 6)  # a session key, a signature, one by a password, keys
    for octet in (*range(0x80 | tag << 2, (0x80 | tag << 2) + 3), 0xC0 | tag)
)
"""First octets, of the old form of a header and of the new."""

_SESSION, _SIGNATURE, _PASSWORD = 1, 2, 3
_AFTER_A_KEY: Final = frozenset({2, 5, 6, 7, 12, 13, 14, 17})
_ALGORITHMS: Final = frozenset({1, 2, 3, 16, 17, 18, 19, 22, 25, 26, 27, 28})
_RECIPIENTS: Final = frozenset({1, 2, 16, 18, 25, 26})
_HASHES: Final = frozenset({1, 2, 3, 8, 9, 10, 11, 12, 14})
_SIGNATURE_TYPES: Final = frozenset(
    {0x00, 0x01, 0x02, *range(0x10, 0x14), 0x18, 0x19, 0x1F, 0x20, 0x28, 0x30, 0x40, 0x50}
)


def is_openpgp(data: bytes) -> bool:
    """Whether the first packets of `data` are a key, a signature or a message that make sense."""
    first = list(islice(packets(data), 2))
    if not first:
        return False
    tag, _, body = first[0]
    if len(body) < 12:
        return False
    if tag == _SIGNATURE:
        if body[0] == 3:  # the length of what is hashed, type, time, key, algorithms
            return body[1] == 5 and body[2] in _SIGNATURE_TYPES and len(body) > 19
        known = body[2] in _ALGORITHMS and body[3] in _HASHES
        return body[0] in {4, 6} and body[1] in _SIGNATURE_TYPES and known
    if tag == _SESSION:
        return body[0] == 3 and body[9] in _RECIPIENTS and _fits(body)
    if tag == _PASSWORD:  # version, cipher, how the key is derived
        return body[0] in {4, 5, 6} and body[1] in range(1, 14) and body[2] in {0, 1, 3, 4}
    known = body[0] in {4, 6} and body[5] in _ALGORITHMS
    return known and len(first) > 1 and first[1][0] in _AFTER_A_KEY


def _fits(session: bytes) -> bool:
    """Whether what RSA encrypted fills the packet."""
    bits = int.from_bytes(session[10:12])
    return session[9] not in {1, 2} or 12 + (bits + 7) // 8 == len(session)
