"""What the packs say of one algorithm in one use, and where they contradict each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Final

from roadseal.assess.policy.nature import Nature, nature_of
from roadseal.assess.policy.pack import Pack, PolicyRole, Rule, Scope, Select, State


class Standing(StrEnum):
    """How an algorithm stands with a pack, from best to worst."""

    SILENT = "silent"  # the pack does not speak of this use
    ALLOWED = "allowed"
    NOT_RECOMMENDED = "not-recommended"
    DEPRECATED = "deprecated"
    DISALLOWED = "disallowed"
    INDETERMINATE = "indeterminate"  # the algorithm is not known


_ORDER: Final = tuple(Standing)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What one pack says of one use on one day.

    Args:
        pack: who says it.
        standing: what.
        rule: the rule that decides, if one does.
        since: the first day of this standing, if a rule with a date decides.
        next_on: the first later day on which it gets worse.
        next_standing: what it is then.
    """

    pack: Pack
    standing: Standing
    rule: Rule | None = None
    since: date | None = None
    next_on: date | None = None
    next_standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two authorities that each take a choice which the other refuses.

    Args:
        role: for which use.
        one: a pack.
        other: another.
        hard: whether no candidate satisfies both.
        only_one: candidates that only `one` takes.
        only_other: candidates that only `other` takes.
        both: candidates that both take.
    """

    role: PolicyRole
    one: Pack
    other: Pack
    hard: bool
    only_one: tuple[str, ...]
    only_other: tuple[str, ...]
    both: tuple[str, ...]


CANDIDATES: Final = {
    PolicyRole.KEY_ESTABLISHMENT: (
        "x25519",
        "ml-kem-768",
        "ml-kem-1024",
        "x25519mlkem768",
        "secp384r1mlkem1024",
    ),
    PolicyRole.SIGNATURE: (
        "ecdsa-p256",
        "ml-dsa-65",
        "ml-dsa-87",
        "slh-dsa-sha2-128s",
        "composite-mldsa65-ecdsa-p256-sha512/draft-19",
        "composite-mldsa87-ecdsa-p384-sha512/draft-19",
    ),
    PolicyRole.FIRMWARE_SIGNATURE: ("ecdsa-p256", "ml-dsa-65", "ml-dsa-87", "lms", "xmss"),
}
"""What one might choose; conflicts are looked for among these."""


def judge(
    pack: Pack, algorithm: str, role: PolicyRole, on: date, scopes: Iterable[Scope] = ()
) -> PolicyVerdict:
    """What `pack` says of `algorithm` used as `role` on a day.

    Args:
        pack: who is asked.
        algorithm: canonical name.
        role: the use.
        on: the day.
        scopes: what the system is besides `Scope.ALL`.
    """
    nature, held = nature_of(algorithm), {Scope.ALL, *scopes}
    rules = [rule for rule in pack.rules if _speaks(rule, role) and rule.scope in held]
    if not rules:
        return PolicyVerdict(pack, Standing.SILENT)
    if nature.bearing == "unknown":
        return PolicyVerdict(pack, Standing.INDETERMINATE)
    outcomes = [(_standing(rule, nature), rule, _first_day(rule)) for rule in rules]
    now = [each for each in outcomes if each[2] <= on]
    standing, rule, since = max(
        now,
        key=lambda each: (_ORDER.index(each[0]), each[2]),
        default=(Standing.ALLOWED, None, None),
    )
    worse = [
        each for each in outcomes if each[2] > on and _ORDER.index(each[0]) > _ORDER.index(standing)
    ]
    following = min(worse, key=lambda each: (each[2], -_ORDER.index(each[0])), default=None)
    return PolicyVerdict(
        pack,
        standing,
        rule if standing is not Standing.ALLOWED else None,
        since if standing is not Standing.ALLOWED and since != date.min else None,
        following[2] if following else None,
        following[0] if following else None,
    )


def find_conflicts(
    packs: Iterable[Pack], on: date, scopes: Iterable[Scope] = ()
) -> tuple[Conflict, ...]:
    """Where each of two packs takes something that the other refuses; silence refuses nothing."""
    found, held = [], tuple(scopes)
    for role, candidates in CANDIDATES.items():
        taken = {pack.id: _taken(pack, role, candidates, on, held) for pack in packs}
        speaking = [pack for pack in packs if taken[pack.id] is not None]
        for one, other in combinations(speaking, 2):
            first, second = taken[one.id] or frozenset(), taken[other.id] or frozenset()
            if first <= second or second <= first:
                continue  # the same, or the one is only stricter: its choices suit both
            both = tuple(each for each in candidates if each in first & second)
            found.append(
                Conflict(
                    role,
                    one,
                    other,
                    not both,
                    tuple(each for each in candidates if each in first - second),
                    tuple(each for each in candidates if each in second - first),
                    both,
                )
            )
    return tuple(sorted(found, key=lambda each: (not each.hard, each.role, each.one.id)))


def _taken(
    pack: Pack, role: PolicyRole, candidates: tuple[str, ...], on: date, scopes: tuple[Scope, ...]
) -> frozenset[str] | None:
    """The candidates that a pack takes, or ``None`` if it is silent on the use."""
    verdicts = {each: judge(pack, each, role, on, scopes).standing for each in candidates}
    if set(verdicts.values()) == {Standing.SILENT}:
        return None
    refused = (Standing.DISALLOWED, Standing.NOT_RECOMMENDED, Standing.INDETERMINATE)
    return frozenset(each for each, standing in verdicts.items() if standing not in refused)


def _speaks(rule: Rule, role: PolicyRole) -> bool:
    if rule.state is State.ADVICE:
        return False
    # A firmware signature is a signature, unless the pack has a rule of its own for it.
    return role in rule.roles or (
        role is PolicyRole.FIRMWARE_SIGNATURE
        and PolicyRole.SIGNATURE in rule.roles
        and rule.state is not State.REQUIRED
    )


def _standing(rule: Rule, nature: Nature) -> Standing:
    selected = _selects(rule.select, nature)
    if rule.state is State.REQUIRED:
        return Standing.ALLOWED if selected else Standing.DISALLOWED
    return Standing(rule.state.value) if selected else Standing.ALLOWED


def _selects(select: Select, nature: Nature) -> bool:
    if nature.families & set(select.or_families):
        return True
    return (
        # What is broken today is worse than what a quantum computer breaks.
        (select.bearing is None or nature.bearing in (select.bearing, _worse(select.bearing)))
        and (
            select.max_bits is None or (nature.bits is not None and nature.bits <= select.max_bits)
        )
        and (not select.names or bool(nature.names & set(select.names)))
        and (not select.families or bool(nature.families & set(select.families)))
        and (select.hybrid is None or nature.hybrid is select.hybrid)
    )


def _worse(bearing: str) -> str:
    return "broken-today" if bearing == "shor" else bearing


def _first_day(rule: Rule) -> date:
    return rule.after + timedelta(days=1) if rule.after else date.min
