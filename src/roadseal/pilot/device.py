"""Device classes: this machine's cost, scaled to what runs in vehicles and at the roadside."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from roadseal.errors import RoadsealError


@dataclass(frozen=True, slots=True)
class Device:
    """A class of device.

    Args:
        name: as scenarios name it.
        title: for people.
        source: where the figure was published.
        p256_verify_us: how long one P-256 verification takes on it; `None` is this machine.
    """

    name: str
    title: str
    source: str
    p256_verify_us: float | None = None

    def scale(self, p256_verify_here_us: float) -> float:
        """By what this machine's times are multiplied."""
        return 1.0 if self.p256_verify_us is None else self.p256_verify_us / p256_verify_here_us


@cache
def devices() -> Mapping[str, Device]:
    """The shipped device classes by name."""
    text = resources.files(__package__).joinpath("devices.toml").read_text("utf-8")
    return {row["name"]: Device(**row) for row in tomllib.loads(text)["device"]}


def device(name: str) -> Device:
    """The device class of this name.

    Raises:
        RoadsealError: there is none.
    """
    try:
        return devices()[name]
    except KeyError:
        raise RoadsealError(
            "unknown-device",
            f"There is no device class {name!r}.",
            advice=f"Choose one of: {', '.join(devices())}.",
        ) from None
