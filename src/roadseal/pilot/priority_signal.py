"""Priority at one signal: from grants to what the signal displays.

The signal's program runs on underneath, in SUMO as in the field: a grant only covers it. So its
coordination with the neighbours is never lost: when the last grant ends, the display follows the
program again (safely, see `signal_plan`) and, once both agree, the program is uncovered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roadseal.pilot.signal_plan import SignalHeads, SignalPlan

CHANGE_KINDS = ("granted", "queued", "refused", "green", "ended", "recovered")
"""What `SignalChange.kind` may say."""

_GREEN = frozenset("Gg")


@dataclass(frozen=True, slots=True)
class Grant:
    """A priority request that somebody granted; who is asked nothing further here.

    Args:
        signal: id of the signal.
        link: index of the link to serve.
        vehicle: for whom; any name, and it need not exist (a forged request).
        expires_s: simulated time; granting again with a later time prolongs it.
    """

    signal: str
    link: int
    vehicle: str
    expires_s: float


@dataclass(frozen=True, slots=True)
class SignalChange:
    """Something that happened to a grant at a signal.

    Args:
        time_s: simulated time.
        signal: id.
        vehicle: of the grant.
        link: of the grant.
        kind: one of `CHANGE_KINDS`: granted (served from now on), queued (another is served),
            refused (no phase serves the link, or the limit is used up), green (the link first shows
            green), ended (passed, expired or limit), recovered (the program is uncovered).
    """

    time_s: float
    signal: str
    vehicle: str
    link: int
    kind: str


class PrioritySignal:
    """Serves grants at one signal, one at a time, first come first served.

    Args:
        plan: of the program that runs.
        max_hold_s: how long one vehicle is served at most; then it waits until the program has
            recovered.
    """

    def __init__(self, plan: SignalPlan, *, max_hold_s: float) -> None:
        self.plan = plan
        self.heads = SignalHeads(plan)
        self.covers = False
        self._max_hold_s = max_hold_s
        self._waiting: dict[str, Grant] = {}
        self._served: Grant | None = None
        self._served_since_s = 0.0
        self._wished = ""
        self._was_green = False
        self._used_up: set[str] = set()
        self._refused: set[tuple[str, int]] = set()

    def use(self, plan: SignalPlan) -> None:
        """Change to another program of the signal; only while idle."""
        self.plan = plan
        displayed = self.heads.displayed
        self.heads = SignalHeads(plan)
        if displayed:
            self.heads.observe(0.0, displayed)

    @property
    def idle(self) -> bool:
        """Nothing is granted and the program is uncovered."""
        return not (self.covers or self._served or self._waiting)

    def grant(self, grant: Grant, time_s: float) -> list[SignalChange]:
        """Take a grant, new or prolonged."""
        if grant.vehicle in self._used_up or (grant.vehicle, grant.link) in self._refused:
            return []
        if self._served is not None and self._served.vehicle == grant.vehicle:
            self._served = grant
            valid = 0 <= grant.link < len(self._wished)
            if valid and self._wished[grant.link] not in _GREEN:  # now on a lane of another phase
                self._wished = self._target(grant) or self._wished
            return []
        if self._target(grant) is None:
            self._refused.add((grant.vehicle, grant.link))
            return [self._change(grant, time_s, "refused")]
        known = grant.vehicle in self._waiting
        self._waiting[grant.vehicle] = grant
        return [self._change(grant, time_s, "queued")] if self._served and not known else []

    def passed(self, vehicle: str, time_s: float) -> list[SignalChange]:
        """Note that a vehicle is over the stop line (or gone): its grant ends."""
        self._waiting.pop(vehicle, None)
        if self._served is None or self._served.vehicle != vehicle:
            return []
        return [self._end(time_s)]

    def granted_to(self) -> tuple[str, ...]:
        """Vehicles with a grant here, served first."""
        served = (self._served.vehicle,) if self._served else ()
        return (*served, *self._waiting)

    def step(
        self, time_s: float, next_s: float, program: Callable[[], str]
    ) -> tuple[str | None, list[SignalChange]]:
        """Decide the display of the next step.

        Args:
            time_s: of the step just computed; its display was given to `heads.observe`.
            next_s: of the next step.
            program: tells what the program underneath shows; asked only when it matters.

        Returns:
            What to display from `next_s` on, None for the program itself; and what happened.
        """
        changes = self._expire(time_s)
        if self._served is None and self._waiting:
            changes.append(self._serve(time_s))
        if self._served is None:
            return self._recover(next_s, program, time_s, changes)
        self.covers = True
        display = self.heads.advance(next_s, self._wished)
        if not self._was_green and display[self._served.link] in _GREEN:
            self._was_green = True
            changes.append(self._change(self._served, next_s, "green"))
        return display, changes

    def _serve(self, time_s: float) -> SignalChange:
        grant = self._waiting.pop(next(iter(self._waiting)))
        self._served, self._served_since_s, self._was_green = grant, time_s, False
        self._wished = self._target(grant) or self.heads.displayed
        return self._change(grant, time_s, "granted")

    def _recover(
        self,
        next_s: float,
        program: Callable[[], str],
        time_s: float,
        changes: list[SignalChange],
    ) -> tuple[str | None, list[SignalChange]]:
        if not self.covers:
            return None, changes
        wished = program()
        display = self.heads.advance(next_s, wished)
        if display != wished or not self.heads.settled(next_s):
            return display, changes
        self.covers = False
        self._used_up.clear()
        changes.append(SignalChange(time_s, self.plan.signal, "", -1, "recovered"))
        return None, changes

    def _expire(self, time_s: float) -> list[SignalChange]:
        for vehicle in [v for v, grant in self._waiting.items() if grant.expires_s <= time_s]:
            del self._waiting[vehicle]
        if self._served is None:
            return []
        used_up = time_s - self._served_since_s >= self._max_hold_s
        if used_up:
            self._used_up.add(self._served.vehicle)
        return [self._end(time_s)] if used_up or self._served.expires_s <= time_s else []

    def _end(self, time_s: float) -> SignalChange:
        assert self._served is not None  # noqa: S101  callers checked
        change = self._change(self._served, time_s, "ended")
        self._served = None
        return change

    def _target(self, grant: Grant) -> str | None:
        if not self.plan.controllable or not 0 <= grant.link < len(self.plan.foes):
            return None
        return self.plan.target(grant.link, self.heads.displayed)

    def _change(self, grant: Grant, time_s: float, kind: str) -> SignalChange:
        return SignalChange(time_s, self.plan.signal, grant.vehicle, grant.link, kind)
