"""A change as a campaign sees it: stages of steps, orders to perform, reports of what came of them.

The engine knows nothing of certificates or firmware. A change says which steps there are; an
executor performs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from roadseal.clock import Time64
from roadseal.errors import RoadsealError


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done to one device.

    Args:
        name: stable, in kebab-case.
        bytes_sent: expected on the device's link, both directions.
        cpu_s: expected in the centre.
        duration_s: expected from order to report.
    """

    name: str
    bytes_sent: int = 0
    cpu_s: float = 0.0
    duration_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that a device takes one after the other; waves go through one stage at a time.

    Args:
        name: stable, in kebab-case.
        steps: in order.
        undo: steps that take it back, in order; empty if nothing needs to be.
        after_all: begins when *every* stratum has done the stage before, not only its own.
        final: cannot be taken back; a stratum that has begun it is not rolled back.
    """

    name: str
    steps: tuple[Step, ...]
    undo: tuple[Step, ...] = ()
    after_all: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A named state machine for devices.

    Args:
        name: names it in the database; whoever works on a campaign needs its executor.
        stages: in order.
    """

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages or any(not stage.steps for stage in self.stages):
            raise RoadsealError(
                "campaign-change",
                f"The change {self.name} has a stage without steps.",
                advice="Give each stage at least one step.",
            )


@dataclass(frozen=True, slots=True)
class Order:
    """What an executor is to do: names, and never a key.

    Args:
        device: whose turn it is.
        step: which step, or undo step.
        idempotency_key: the same for each repetition of this order, another after an incident.
        fence: rises with each claim of a device; whoever has seen a higher one refuses a lower.
        deadline: end of the worker's lease; nothing is begun after it.
    """

    device: str
    step: str
    idempotency_key: str
    fence: int
    deadline: Time64


class Outcome(StrEnum):
    """What came of an order."""

    DONE = "done"
    RETRY = "retry"  # the device failed, and may do better
    FAILED = "failed"  # the device failed for good
    OFFLINE = "offline"  # the device was not reached
    UNAVAILABLE = "unavailable"  # the centre failed: no fault of the device


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to an order.

    Args:
        outcome: what came of it.
        detail: for people; no secrets.
        bytes_sent: measured on the device's link, both directions.
        cpu_s: measured in the centre.
    """

    outcome: Outcome
    detail: str = ""
    bytes_sent: int = field(default=0, kw_only=True)
    cpu_s: float = field(default=0.0, kw_only=True)


class Executor(Protocol):
    """Performs orders; given to a worker. It may be called twice with the same order."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Report]:
        """Carry out `orders`, all of the same step, and report on each, in order."""
        ...
