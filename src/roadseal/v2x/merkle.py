"""Merkle trees as RFC 9162 (Certificate Transparency 2.0) clause 2.1 has them, over SHA-256.

A leaf and a node are hashed with different first bytes, so neither can pass for the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 ‖ entry)."""
    return sha256(b"\x00" + entry).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over hashed leaves; of none, it is SHA-256 of nothing."""
    if not leaves:
        return sha256().digest()
    return _levels(leaves)[-1][0]


def inclusion_proofs(leaves: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """For each hashed leaf the siblings from the bottom to the top: at most ⌈log₂ n⌉ of them."""
    levels = _levels(leaves) if leaves else []
    proofs = []
    for leaf in range(len(leaves)):
        index, path = leaf, []
        for level in levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index //= 2
        proofs.append(tuple(path))
    return proofs


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to (clause 2.1.3.2).

    Args:
        leaf: the hashed leaf.
        index: its place, from zero.
        size: the number of leaves.
        path: the siblings from the bottom to the top.

    Returns:
        The root, or `None` if no tree of this size has such a proof.
    """
    if not 0 <= index < size or len(leaf) != HASH_BYTES:
        return None
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            node = _node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = _node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return node if last == 0 else None


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    # A node without a sibling rises unchanged, which gives RFC 9162's splits at powers of two.
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [_node_hash(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(above) * 2 :])
    return levels


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
