"""Strength: when one algorithm is at least as strong as another.

A partial order, on purpose: ML-DSA-44 and FN-DSA-512 rest on different assumptions, and neither is
a downgrade of the other. *a* is at least as strong as *b* when

- *a* is made of everything that *b* is made of (a dual signature contains its classical half), or
- *a* withstands a quantum computer and *b* does not.

Parameter sizes are no part of it: P-384 is not above P-256, nor ML-DSA-87 above ML-DSA-65. The
level that a purpose needs is said by the profile, not by the order.

The relation is transitive, because a combination is quantum-safe exactly when one of its components
is (checked when the rows are read). Two rows made of the same components are equally strong.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from roadseal.crypto.algorithms import algorithm


@cache
def at_least(stronger: str, weaker: str) -> bool:
    """Whether the algorithm called `stronger` is at least as strong as the one called `weaker`.

    >>> at_least("ecdsa-p256+fn-dsa-512/pre1", "ecdsa-p256")
    True
    >>> at_least("ml-dsa-44", "fn-dsa-512/pre1")
    False

    Raises:
        RoadsealError: ``unknown-algorithm``.
    """
    a, b = algorithm(stronger), algorithm(weaker)
    return made_of(a.id) >= made_of(b.id) or (a.quantum_safe and not b.quantum_safe)


def stronger_than(stronger: str, weaker: str) -> bool:
    """Whether `stronger` is at least as strong as `weaker` and not the other way round."""
    return at_least(stronger, weaker) and not at_least(weaker, stronger)


@cache
def made_of(id: str) -> frozenset[str]:  # noqa: A002 - the row's own name for it
    """Return the single algorithms that the one called `id` is made of; itself, if it is single."""
    components = algorithm(id).components
    if not components:
        return frozenset({id})
    return frozenset[str]().union(*map(made_of, components))


def strongest(ids: Iterable[str]) -> frozenset[str]:
    """Return those of `ids` that no other of them is stronger than."""
    pool = frozenset(ids)
    return frozenset(id_ for id_ in pool if not any(stronger_than(other, id_) for other in pool))
