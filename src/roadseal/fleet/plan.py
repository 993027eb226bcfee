"""What a campaign is to do: strata, waves, gates, pace. A plan is data and does not change."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from roadseal.errors import RoadsealError

FIRST_WAVE: Final = 59
"""1 − 0.95⁵⁹ ≥ 95 %: so many devices show a defect of one in twenty, with 95 % confidence."""


MAX_NAME: Final = 64
"""RFC 5280, ub-common-name: the id of a device becomes one."""

NAME_RULE: Final = f"of 1 to {MAX_NAME} printable characters without a slash"


@dataclass(frozen=True, slots=True)
class Device:
    """One device as the inventory knows it.

    Args:
        id: its identity, as in its certificates.
        vendor: who made it.
        firmware: what it runs; with `vendor` it names the stratum.
        module: the key module (HSM) inside, for incidents.

    Raises:
        RoadsealError: ``fleet-device``.
    """

    id: str
    vendor: str
    firmware: str
    module: str = ""

    def __post_init__(self) -> None:
        values = (self.id, self.vendor, self.firmware, self.module)
        if not all(values[:3]) or not all(map(is_name, filter(None, values))):
            raise RoadsealError(
                "fleet-device",
                f"{self.id[:MAX_NAME]!r} needs an id, a vendor and a firmware {NAME_RULE}.",
                advice="Correct the inventory.",
            )

    @property
    def stratum(self) -> str:
        """Devices of one stratum share their defects."""
        return f"{self.vendor}/{self.firmware}"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a wave must show before the next one opens.

    Args:
        max_failure_share: failed / reported; more halts the stratum.
        min_report_share: reported / size; offline devices are not reported, and do not fail it.
        soak_s: how long a wave is watched after it has passed.
        patience_s: a wave that has too few reports after this halts.
    """

    max_failure_share: float = 0.005
    min_report_share: float = 0.9
    soak_s: float = 3600.0
    patience_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a change goes through the fleet.

    Args:
        waves: cumulative size within each stratum: an integer counts devices, a float is a share.
        gate: between the waves.
        automatic_rollback: whether a halt by failures undoes what the stratum has begun.
        spread_s: a wave's devices start spread over this time.
        max_attempts: failures of one step before the device counts as failed.
        retry_s: wait before the second attempt; doubled for each further one.
        offline_retry_s: how often an offline device is tried; doubled up to a day.
        lease_s: how long a worker may hold a task.
        seed: of the order within a stratum.
    """

    waves: tuple[int | float, ...] = (FIRST_WAVE, 0.05, 0.25, 1.0)
    gate: Gate = field(default_factory=Gate)
    automatic_rollback: bool = True
    spread_s: float = 600.0
    max_attempts: int = 3
    retry_s: float = 60.0
    offline_retry_s: float = 900.0
    lease_s: float = 300.0
    seed: int = 1

    def __post_init__(self) -> None:
        shares = [self.gate.max_failure_share, self.gate.min_report_share]
        times = [
            self.gate.soak_s,
            self.gate.patience_s,
            self.spread_s,
            self.retry_s,
            self.offline_retry_s,
            self.lease_s,
        ]
        last = self.waves[-1] if self.waves else 0
        if last != 1.0 or isinstance(last, int) or any(_wave_is_wrong(one) for one in self.waves):
            raise _wrong("Waves are counts from 1 or shares up to 1.0, and the last one is 1.0")
        if not all(0 <= share <= 1 for share in shares):
            raise _wrong("A share lies between 0 and 1")
        if not all(0 <= one < math.inf for one in times) or self.lease_s == 0:
            raise _wrong("A time is a number of seconds from 0, and a lease is longer than 0")
        if self.max_attempts < 1:
            raise _wrong("A step has at least one attempt")

    def wave_ends(self, size: int) -> tuple[int, ...]:
        """Where each wave ends in a stratum of `size` devices; waves without devices are left out.

        >>> Plan().wave_ends(2000)
        (59, 100, 500, 2000)
        >>> Plan().wave_ends(40)
        (40,)
        """
        ends: list[int] = []
        for wave in self.waves:
            end = min(size, wave if isinstance(wave, int) else math.ceil(wave * size))
            if end > (ends[-1] if ends else 0):
                ends.append(end)
        return tuple(ends)

    def order(self, devices: Sequence[Device]) -> list[Device]:
        """Shuffle devices by hash, so that a wave is no street and no delivery."""
        return sorted(devices, key=lambda device: draw(device.id, f"order/{self.seed}"))

    def to_json(self) -> dict[str, Any]:
        """Values for the database and for people."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """Read what `to_json` made."""
        rest = {**values, "gate": Gate(**values["gate"]), "waves": tuple(values["waves"])}
        return cls(**rest)


def is_name(text: str) -> bool:
    """Whether `text` can stand in an idempotency key, between slashes."""
    return 0 < len(text) <= MAX_NAME and text.isprintable() and "/" not in text


def draw(device: str, purpose: str) -> float:
    """A number in [0, 1) that is always the same for a device and a purpose."""
    digest = hashlib.sha256(f"{purpose}\0{device}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


def _wave_is_wrong(wave: int | float) -> bool:
    return wave < 1 if isinstance(wave, int) else not 0 < wave <= 1


def _wrong(what: str) -> RoadsealError:
    return RoadsealError("campaign-plan", f"{what}.", advice="Correct the plan.")
