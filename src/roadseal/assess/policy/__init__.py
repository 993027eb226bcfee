"""Policies: packs as data, what they say of an algorithm, and where they contradict each other."""

from roadseal.assess.policy.nature import Nature, nature_of
from roadseal.assess.policy.pack import (
    Pack,
    PolicyRole,
    Rule,
    Scope,
    State,
    load_pack,
    shipped_packs,
)
from roadseal.assess.policy.verdict import (
    CANDIDATES,
    Conflict,
    PolicyVerdict,
    Standing,
    find_conflicts,
    judge,
)

__all__ = [
    "CANDIDATES",
    "Conflict",
    "Nature",
    "Pack",
    "PolicyRole",
    "PolicyVerdict",
    "Rule",
    "Scope",
    "Standing",
    "State",
    "find_conflicts",
    "judge",
    "load_pack",
    "nature_of",
    "shipped_packs",
]
