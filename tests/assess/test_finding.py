"""Findings are values: they cross processes whole, and keep their identifiers."""

from __future__ import annotations

import pickle

from roadseal.assess.inventory import AlgorithmUse, AssetType, Basis, Finding, Location, Role


def test_a_finding_crosses_processes_whole() -> None:
    uses = (AlgorithmUse("rsa-2048", Role.KEY_EXCHANGE),)
    place = Location("a", 1, 2, 3)
    facts = {"not_after": "2030"}
    one = Finding("c", place, AssetType.PROTOCOL, "t", uses, Basis.OBSERVED, 0.5, "x", facts)
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert again.id == one.id
    assert hash(again.location) == hash(one.location)
