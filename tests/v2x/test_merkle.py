from __future__ import annotations

import base64
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from v2x_material import material

from roadseal.v2x import merkle


def recursive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 clause 2.1.1, as it is written there."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = recursive_root(leaves[:split]), recursive_root(leaves[split:])
    return sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_roots_and_proofs_are_those_of_the_definition(entries: list[bytes]) -> None:
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    root = merkle.root(leaves)
    assert root == recursive_root(leaves)
    for index, proof in enumerate(merkle.inclusion_proofs(leaves)):
        assert len(proof) <= max(len(leaves) - 1, 0).bit_length()
        assert merkle.root_of_inclusion(leaves[index], index, len(leaves), proof) == root
        wrong = merkle.root_of_inclusion(leaves[index], index, len(leaves), (*proof, root))
        assert wrong != root
        for other in {index - 1, index + 1, len(leaves)} - {index}:
            moved = merkle.root_of_inclusion(leaves[index], other, len(leaves), proof)
            same = 0 <= other < len(leaves) and leaves[other] == leaves[index]
            assert moved != root or same


def test_the_published_cases() -> None:
    """The inclusion-proof cases of transparency-dev/merkle, each with its expected answer."""
    checked = 0
    for path in sorted(material("evidence", "merkle-inclusion").rglob("*.json")):
        case = json.loads(path.read_bytes())
        leaf, root = (base64.b64decode(case[key] or "") for key in ("leafHash", "root"))
        proof = [base64.b64decode(node) for node in case["proof"] or ()]
        size = case["treeSize"]
        found = merkle.root_of_inclusion(leaf, case["leafIdx"], size, proof)
        assert (found != root) is case["wantErr"], path
        checked += 1
    assert checked > 50


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (1, 1)])
def test_impossible_places_have_no_root(index: int, size: int) -> None:
    assert merkle.root_of_inclusion(bytes(32), index, size, []) is None
