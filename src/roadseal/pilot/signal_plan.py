"""What a signal's own program says is safe, and a display that never does anything else.

A program is an engineer's decision: which movements may be green together, how long yellow lasts,
how long the junction must clear before a conflicting movement starts. `SignalPlan` reads these
facts from the program's phases and the junction's foes; `SignalHeads` shows what is wished as far
as they allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roadseal.pilot.corridor import Signal, SignalPhase

MIN_GREEN_S = 5.0
"""No green is cut shorter than this, unless the program itself has a shorter one."""

DEFAULT_YELLOW_S = 3.0
"""Yellow of a vehicle movement that the program never ends."""

DEFAULT_ALL_RED_S = 2.0
"""Between yellow and a conflicting green, at most: the program's own figure if it is shorter."""

CROSSING_CLEARANCE_S = 10.0
"""After a pedestrian green, at most: the program's own figure if it is shorter."""

_GREEN = frozenset("Gg")
_YELLOW = frozenset("yY")


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """The safety facts of one program of one signal.

    Args:
        signal: id.
        program_id: of the program.
        states: of the phases that are no transition: some green, no yellow.
        foes: for each link, the links whose paths cross its own.
        together: pairs of foes and the strongest greens the program shows them at once.
        min_green_s: for each link.
        yellow_s: for each link; 0 where the program drops green to red (pedestrians).
        intergreen_s: `intergreen_s[i][j]`, from the end of green i to the begin of green j.
        controllable: False if the program switches lamps off: then it is left alone.
    """

    signal: str
    program_id: str
    states: tuple[tuple[str, float], ...]
    foes: tuple[tuple[int, ...], ...]
    together: frozenset[tuple[int, str, int, str]]
    min_green_s: tuple[float, ...]
    yellow_s: tuple[float, ...]
    intergreen_s: tuple[tuple[float, ...], ...]
    controllable: bool

    def compatible(self, i: int, light_i: str, j: int, light_j: str) -> bool:
        """Whether links `i` and `j` may show these greens (`G` has right of way, `g` yields)."""
        return j not in self.foes[i] or (i, light_i, j, light_j) in self.together

    def conflicts(self, state: str) -> list[tuple[int, int]]:
        """Pairs of links (i < j) that must not be green at once, but are."""
        return [
            (i, j)
            for i, light in enumerate(state)
            if light in _GREEN
            for j in self.foes[i]
            if i < j and state[j] in _GREEN and not self.compatible(i, light, j, state[j])
        ]

    def target(self, link: int, displayed: str) -> str | None:
        """The program's state that serves a link; None if no phase of it shows the link green.

        The state now displayed wins if it serves the link already; then right of way over
        yielding, then few changes, then the longer phase.
        """
        serving = [
            (state[link] == "G", state == displayed, _kept(state, displayed), duration_s, state)
            for state, duration_s in self.states
            if state[link] in _GREEN
        ]
        return max(serving)[-1] if serving else None


def read_plan(
    signal: Signal, phases: Sequence[SignalPhase] = (), program_id: str | None = None
) -> SignalPlan:
    """Derive the safety facts of a program.

    Args:
        signal: of the corridor; gives the foes and which links are crossings.
        phases: of the program that runs; the signal's own by default.
        program_id: of these phases.
    """
    phases = tuple(phases) or signal.phases
    links = range(len(phases[0].state))
    crossings = {link.index for link in signal.links if link.crossing}
    foes = tuple(
        tuple(sorted({j for pair in signal.foes for j in pair if i in pair and j != i}))
        for i in links
    )
    yellow_s = tuple(_yellow(phases, i, crossing=i in crossings) for i in links)
    return SignalPlan(
        signal=signal.id,
        program_id=program_id if program_id is not None else signal.program_id,
        states=tuple(
            (phase.state, phase.duration_s)
            for phase in phases
            if _GREEN & set(phase.state) and not _YELLOW & set(phase.state)
        ),
        foes=foes,
        together=frozenset(_together(phases, foes)),
        min_green_s=tuple(_min_green(phases, i) for i in links),
        yellow_s=yellow_s,
        intergreen_s=tuple(
            tuple(_intergreen(phases, i, j, yellow_s[i], crossing=i in crossings) for j in links)
            for i in links
        ),
        controllable=not any(light in "oO" for phase in phases for light in phase.state),
    )


class SignalHeads:
    """What a signal displays: follows a wish link by link, never unsafely.

    A green lasts its minimum, ends in its yellow, and a link turns green only when every
    conflicting link has been off green for the intergreen time.
    """

    def __init__(self, plan: SignalPlan) -> None:
        self.plan = plan
        self.displayed = ""
        self._green_since_s = [-math.inf] * len(plan.foes)
        self._green_end_s = [-math.inf] * len(plan.foes)
        self._clearance_s = [
            max((times[j] for j in foes), default=0.0)
            for times, foes in zip(plan.intergreen_s, plan.foes, strict=True)
        ]

    def observe(self, time_s: float, displayed: str) -> None:
        """Note what is displayed from `time_s` on, whoever decided it."""
        before = self.displayed or "r" * len(displayed)
        for i, (old, new) in enumerate(zip(before, displayed, strict=True)):
            if new in _GREEN and old not in _GREEN:
                self._green_since_s[i] = time_s if self.displayed else -math.inf
            elif old in _GREEN and new not in _GREEN:
                self._green_end_s[i] = time_s
        self.displayed = displayed

    def advance(self, time_s: float, wished: str) -> str:
        """Return (and note) what to display from `time_s` on, as near to `wished` as is safe."""
        shown = self.displayed
        if shown == wished:
            return shown
        state = list(shown)
        for i, wish in enumerate(wished):
            state[i] = self._without_gaining(i, wish, time_s)
        for i, wish in enumerate(wished):
            gains = wish in _GREEN and shown[i] not in _YELLOW and state[i] != wish
            if gains and self._may_show(i, wish, state, time_s):
                state[i] = wish
        self.observe(time_s, "".join(state))
        return self.displayed

    def settled(self, time_s: float) -> bool:
        """Whether nothing is under way that another hand on the signal could cut short."""
        if not _YELLOW.isdisjoint(self.displayed):
            return False
        for i, light in enumerate(self.displayed):
            if light in _GREEN:
                if time_s - self._green_since_s[i] < self.plan.min_green_s[i] - _TICK_S:
                    return False
            elif time_s - self._green_end_s[i] < self._clearance_s[i] - _TICK_S:
                return False
        return True

    def _without_gaining(self, i: int, wish: str, time_s: float) -> str:
        """The light of link `i` if nothing may turn green."""
        light = self.displayed[i]
        if light in _GREEN:
            if wish in _GREEN:
                return "g" if wish == "g" else light
            if time_s - self._green_since_s[i] < self.plan.min_green_s[i] - _TICK_S:
                return light
            return "y" if self.plan.yellow_s[i] else "r"
        if light in _YELLOW and time_s - self._green_end_s[i] < self.plan.yellow_s[i] - _TICK_S:
            return light
        return "r" if wish in _GREEN or wish in _YELLOW else wish

    def _may_show(self, i: int, light: str, state: Sequence[str], time_s: float) -> bool:
        for j in self.plan.foes[i]:
            if state[j] in _GREEN:
                if not self.plan.compatible(i, light, j, state[j]):
                    return False
                continue
            ended_s = time_s if self.displayed[j] in _GREEN else self._green_end_s[j]
            clearing = time_s - ended_s < self.plan.intergreen_s[j][i] - _TICK_S
            if clearing and not self.plan.compatible(i, light, j, "g"):
                return False
        return True


_TICK_S = 1e-6  # sums of 0.1 s steps are not exact


def _kept(state: str, displayed: str) -> int:
    return sum(a in _GREEN and b in _GREEN for a, b in zip(state, displayed, strict=True))


def _together(
    phases: Sequence[SignalPhase], foes: tuple[tuple[int, ...], ...]
) -> Iterator[tuple[int, str, int, str]]:
    """Pairs of greens the program shows, and weaker ones: yielding is safer than right of way."""
    for phase in phases:
        for i, light_i in enumerate(phase.state):
            for j in foes[i]:
                light_j = phase.state[j]
                if light_i in _GREEN and light_j in _GREEN:
                    for weaker_i in {light_i, "g"}:
                        for weaker_j in {light_j, "g"}:
                            yield i, weaker_i, j, weaker_j


def _runs(phases: Sequence[SignalPhase], i: int, lights: frozenset[str]) -> Iterator[float]:
    """Lengths of the unbroken times in which link `i` shows one of `lights`, round the cycle."""
    shows = [phase.state[i] in lights for phase in phases]
    if all(shows):
        yield math.inf
        return
    start = shows.index(False)
    length_s = 0.0
    for offset in range(1, len(phases) + 1):
        k = (start + offset) % len(phases)
        if shows[k]:
            length_s += _shortest(phases[k])
        elif length_s:
            yield length_s
            length_s = 0.0


def _min_green(phases: Sequence[SignalPhase], i: int) -> float:
    return min(MIN_GREEN_S, *_runs(phases, i, _GREEN), math.inf)


def _yellow(phases: Sequence[SignalPhase], i: int, *, crossing: bool) -> float:
    return max(_runs(phases, i, _YELLOW), default=0.0 if crossing else DEFAULT_YELLOW_S)


def _intergreen(
    phases: Sequence[SignalPhase], i: int, j: int, yellow_s: float, *, crossing: bool
) -> float:
    """Shortest time the program itself leaves between the end of green i and the next green j."""
    limit_s = CROSSING_CLEARANCE_S if crossing else yellow_s + DEFAULT_ALL_RED_S
    count = len(phases)
    shortest_s = limit_s
    for k in range(count):
        after = (k + 1) % count
        if phases[k].state[i] not in _GREEN or phases[after].state[i] in _GREEN:
            continue
        if phases[k].state[j] in _GREEN:
            continue  # green together: no conflict is cleared here
        waited_s = 0.0
        for offset in range(count):
            phase = phases[(after + offset) % count]
            if phase.state[j] in _GREEN:
                shortest_s = min(shortest_s, waited_s)
            if phase.state[j] in _GREEN or phase.state[i] in _GREEN:
                break
            waited_s += _shortest(phase)
    return shortest_s


def _shortest(phase: SignalPhase) -> float:
    return min(phase.duration_s, phase.min_duration_s)
