"""Profiles: which algorithms are produced and which are accepted, for each purpose.

A profile is a value passed explicitly; there is no default. It is checked when it is made: whoever
holds a `Profile` holds a sound one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from roadseal.crypto.algorithms import Status, nearest_advice, registry
from roadseal.crypto.purpose import Purpose
from roadseal.errors import RoadsealError


@dataclass(frozen=True, slots=True)
class Choice:
    """The algorithms of one purpose, by id.

    Args:
        produce: what is made, first preferred; one, except where peers negotiate.
        accept: what is taken from others, in the order it was written; contains all of `produce`.
    """

    produce: tuple[str, ...]
    accept: tuple[str, ...]

    @property
    def preferred(self) -> str:
        """What is produced when nothing stands against it."""
        return self.produce[0]

    def accepts(self, id: str) -> bool:  # noqa: A002 - the row's own name for it
        """Whether the algorithm called `id` is taken from others; an unknown name is not."""
        return id in self.accept

    def agreed_with(self, receiver: Choice) -> str | None:
        """Return the first algorithm produced here that `receiver` accepts, if any."""
        return next((id_ for id_ in self.produce if id_ in receiver.accept), None)

    def same_as(self, other: Choice) -> bool:
        """Whether both produce and accept the same; the order of `accept` says nothing."""
        return self.produce == other.produce and set(self.accept) == set(other.accept)


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of choices, one for each purpose.

    Args:
        name: what people call it.
        version: raised whenever a choice changes; recorded with everything produced under it.
        status: never firmer than its least firm algorithm.
        summary: one sentence.
        choices: exactly one choice for each `Purpose`.

    Raises:
        RoadsealError: the choices break a rule; see `docs/crypto-agility.md` for the codes.
    """

    name: str
    version: str
    status: Status
    summary: str
    choices: Mapping[Purpose, Choice]

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", MappingProxyType(dict(self.choices)))
        for broken in broken_rules(self.status, self.choices):
            raise RoadsealError(
                broken.code, f"Profile {self.name}: {broken.message}", advice=broken.advice
            )

    def __getitem__(self, purpose: Purpose) -> Choice:
        return self.choices[purpose]

    @property
    def label(self) -> str:
        """Name with version: the form to record."""
        return f"{self.name}/{self.version}"

    def talks_to(self, other: Profile, purpose: Purpose) -> bool:
        """Whether each hears what the other sends."""
        mine, theirs = self[purpose], other[purpose]
        return mine.agreed_with(theirs) is not None and theirs.agreed_with(mine) is not None


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """What is wrong with a set of choices.

    Args:
        code: stable identifier.
        at: purpose, and ``produce`` or ``accept``.
        id: the algorithm that breaks the rule, if one does.
        message: one sentence.
        advice: what to do.
    """

    code: str
    at: tuple[str, ...]
    id: str | None
    message: str
    advice: str


def broken_rules(status: Status, choices: Mapping[Purpose, Choice]) -> Iterator[BrokenRule]:
    """Yield each rule that `choices` break in a profile of this `status`, purpose by purpose."""
    for purpose in Purpose:
        if purpose not in choices:
            yield BrokenRule(
                "profile-malformed", (), None, f"{purpose} is missing.", f"Choose for {purpose}."
            )
            continue
        choice = choices[purpose]
        for role, ids in (("produce", choice.produce), ("accept", choice.accept)):
            yield from _broken_by_list(purpose, role, ids)
            for id_ in ids:
                yield from _broken_by_algorithm(status, purpose, role, id_)
        for id_ in choice.produce:
            if id_ not in choice.accept:
                yield BrokenRule(
                    "profile-produce-not-accepted",
                    (purpose, "produce"),
                    id_,
                    f"{purpose} produces {id_} and does not accept it.",
                    f"Add {id_} to {purpose}.accept first; migration widens before it moves.",
                )


def _broken_by_list(purpose: Purpose, role: str, ids: tuple[str, ...]) -> Iterator[BrokenRule]:
    if not ids or len(set(ids)) < len(ids):
        yield BrokenRule(
            "profile-malformed",
            (purpose, role),
            None,
            f"{purpose}.{role} is empty or names an algorithm twice.",
            "Name each algorithm once.",
        )
    if role == "produce" and len(ids) > 1 and not purpose.negotiated:
        yield BrokenRule(
            "profile-several-produced",
            (purpose, role),
            None,
            f"{purpose} has several algorithms to produce, and nobody to negotiate with.",
            "Keep one; a dual algorithm signs with two.",
        )


def _broken_by_algorithm(
    status: Status, purpose: Purpose, role: str, id_: str
) -> Iterator[BrokenRule]:
    at = (purpose, role)
    row = registry().get(id_)
    if row is None:
        message = f"no algorithm is called {id_!r}."
        yield BrokenRule("unknown-algorithm", at, id_, message, nearest_advice(id_))
        return
    if row.kind not in purpose.kinds:
        wanted = " or ".join(sorted(purpose.kinds))
        yield BrokenRule(
            "profile-wrong-kind",
            at,
            id_,
            f"{id_} is of kind {row.kind}, {purpose} needs {wanted}.",
            f"Choose an algorithm of kind {wanted}.",
        )
    elif not purpose.admits(row):
        reason = "recognised, never used" if row.recognised_only else "without an IEEE 1609.2 index"
        usable = ", ".join(each.id for each in registry().values() if purpose.admits(each))
        message = f"{id_} is {reason}."
        yield BrokenRule("profile-not-usable", at, id_, message, f"Choose one of {usable}.")
    firm = purpose.status_of(row)
    if Status.least_firm([status, firm]) is not status:
        yield BrokenRule(
            "profile-too-firm",
            at,
            id_,
            f"{id_} is {firm} for {purpose}, in a profile that calls itself {status}.",
            f'Set status = "{firm}", or choose a firmer algorithm.',
        )
