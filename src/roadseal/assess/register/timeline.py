"""The retirement timeline: what each use owes to which policy by when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from roadseal.assess.policy import Pack, Scope, Standing, judge
from roadseal.assess.register.use import Use, policy_role


@dataclass(frozen=True, slots=True)
class Obligation:
    """A use falls in a policy's standing on a day.

    Args:
        policy: id of the pack.
        on: the first day; the register's own if it has passed.
        standing: ``deprecated`` or ``disallowed``.
        scope: of the rule: ``all``, or ``high-priority``, which whoever runs the asset decides.
        role: the use, in the words of policies.
        algorithm: what falls.
        rule: id of the rule.
        binding: how firmly the pack speaks, to those it applies to.
    """

    policy: str
    on: date
    standing: str
    scope: str
    role: str
    algorithm: str
    rule: str
    binding: str


def obligations_of(use: Use, packs: Sequence[Pack], as_of: date) -> tuple[Obligation, ...]:
    """Every day on which `use` falls, by policy and scope."""
    role = policy_role(use.role, use.algorithm)
    if role is None:
        return ()
    found = []
    for pack in packs:
        for scope in (Scope.ALL, Scope.HIGH_PRIORITY):
            day = as_of
            while True:
                verdict = judge(pack, use.algorithm, role, day, (scope,))
                rule = verdict.rule
                if rule and rule.scope is scope and verdict.standing in _FALLS:
                    found.append(
                        Obligation(
                            pack.id,
                            max(day, as_of),
                            verdict.standing.value,
                            scope.value,
                            role.value,
                            use.algorithm,
                            rule.id,
                            pack.binding.value,
                        )
                    )
                if verdict.next_on is None:
                    break
                day = verdict.next_on
    return tuple(dict.fromkeys(found))


def timeline(uses: Iterable[Use], packs: Sequence[Pack], as_of: date) -> tuple[Obligation, ...]:
    """The obligations of all `uses`, by day."""
    found = {each for use in uses for each in obligations_of(use, packs, as_of)}
    return tuple(
        sorted(found, key=lambda each: (each.on, each.policy, each.algorithm, each.role, each.rule))
    )


_FALLS = (Standing.DEPRECATED, Standing.DISALLOWED)
