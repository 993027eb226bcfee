"""Migration: from one profile to another in steps that never break a conversation.

First every station learns to accept the new, then they begin to produce it, and only then do they
stop accepting the old. A fleet is never all on one step; stations one step apart still talk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from roadseal.crypto.algorithms import Status
from roadseal.crypto.profile import Choice, Profile
from roadseal.crypto.purpose import Purpose
from roadseal.crypto.strength import stronger_than


class Action(StrEnum):
    """What a step does, in the order in which steps are taken."""

    WIDEN_ACCEPT = "widen-accept"
    MOVE_PRODUCE = "move-produce"
    NARROW_ACCEPT = "narrow-accept"


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one purpose, to be rolled out to every station before the next.

    Args:
        action: what is done.
        purpose: to which purpose.
        algorithms: the ids that are newly accepted, newly produced, or no longer accepted.
        before: the profile that stations leave.
        after: the profile that stations take on.
    """

    action: Action
    purpose: Purpose
    algorithms: tuple[str, ...]
    before: Profile
    after: Profile

    @property
    def needs_waiver(self) -> bool:
        """Whether peers that take this step will look weaker than they were seen before.

        Leaving a dual algorithm for one of its halves does: a `DowngradeGuard` refuses it, unless a
        waiver covers the campaign, until `narrow-accept` has dropped the dual.
        """
        old, new = self.before[self.purpose], self.after[self.purpose]
        return stronger_than(old.preferred, new.preferred)


def migration_steps(current: Profile, target: Profile) -> tuple[Step, ...]:
    """Return the steps that lead from `current` to `target`; none, if their choices are the same.

    All purposes are widened before any moves, and all have moved before any is narrowed: only
    narrowing shuts a door, so everything before it can be undone. Each `after` is the next
    `before`, and the last `after` is `target`.
    """
    choices = dict(current.choices)
    changes = list(_changes(current, target))
    steps: list[Step] = []
    before = current
    for number, (action, purpose, ids, choice) in enumerate(changes, 1):
        choices[purpose] = choice
        after = target
        if number < len(changes):
            after = Profile(
                name=f"{current.name}-to-{target.name}",
                version=f"{current.version}-{target.version}-step-{number}",
                status=Status.least_firm([current.status, target.status]),
                summary=f"Step {number} of {len(changes)} from {current.label} to {target.label}.",
                choices=choices,
            )
        steps.append(Step(action, purpose, ids, before, after))
        before = after
    return tuple(steps)


def _changes(
    current: Profile, target: Profile
) -> Iterator[tuple[Action, Purpose, tuple[str, ...], Choice]]:
    """Yield what changes, and the purpose's choice after the change, in the order of the steps."""
    widened: dict[Purpose, Choice] = {}
    for purpose in Purpose:
        old, new = current[purpose], target[purpose]
        added = _missing(new.accept, old.accept)
        widened[purpose] = replace(old, accept=old.accept + added)
        if added:
            yield Action.WIDEN_ACCEPT, purpose, added, widened[purpose]
    for purpose in Purpose:
        old, new = current[purpose], target[purpose]
        if new.produce != old.produce:
            moved = replace(widened[purpose], produce=new.produce)
            yield Action.MOVE_PRODUCE, purpose, new.produce, moved
    for purpose in Purpose:
        old, new = current[purpose], target[purpose]
        dropped = _missing(old.accept, new.accept)
        if dropped:
            yield Action.NARROW_ACCEPT, purpose, dropped, new


def _missing(wanted: tuple[str, ...], there: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(id_ for id_ in wanted if id_ not in there)
