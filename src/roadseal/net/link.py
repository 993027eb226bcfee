"""Backhaul media as values: delay, jitter, loss and bandwidth, each with its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from roadseal.errors import RoadsealError, why_unreadable


class Status(StrEnum):
    """Where a value comes from."""

    CITED = "cited"
    MODELLED = "modelled"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One property of a link in both directions.

    Args:
        up: from the roadside to the centre.
        down: from the centre to the roadside.
        status: cited or modelled.
        source: document and clause, or the assumption in words.
    """

    up: float
    down: float
    status: Status
    source: str


@dataclass(frozen=True, slots=True)
class Direction:
    """One way of a link.

    Args:
        delay_s: the least one-way delay.
        jitter_s: mean of the delay added to it.
        loss: probability that a TCP segment is lost, 0 to below 1.
        bandwidth_bps: bits per second; infinity is no limit.
    """

    delay_s: float
    jitter_s: float
    loss: float
    bandwidth_bps: float


@dataclass(frozen=True, slots=True)
class Link:
    """A medium between the roadside and the centre.

    Args:
        name: what scenarios call it.
        title: what reports call it.
        delay_ms: least one-way delay.
        jitter_ms: mean of the delay added to it.
        loss: probability that a TCP segment is lost.
        bandwidth_mbps: megabits per second.
    """

    name: str
    title: str
    delay_ms: Quantity
    jitter_ms: Quantity
    loss: Quantity
    bandwidth_mbps: Quantity

    @property
    def up(self) -> Direction:
        """From the roadside to the centre."""
        return Direction(
            self.delay_ms.up / 1e3,
            self.jitter_ms.up / 1e3,
            self.loss.up,
            self.bandwidth_mbps.up * 1e6,
        )

    @property
    def down(self) -> Direction:
        """From the centre to the roadside."""
        return Direction(
            self.delay_ms.down / 1e3,
            self.jitter_ms.down / 1e3,
            self.loss.down,
            self.bandwidth_mbps.down * 1e6,
        )

    @property
    def round_trip_s(self) -> float:
        """The round-trip time to expect: least delay and mean jitter, both ways."""
        up, down = self.up, self.down
        return up.delay_s + up.jitter_s + down.delay_s + down.jitter_s


def _nothing(value: float) -> Quantity:
    return Quantity(value, value, Status.MODELLED, "no impairment: the loopback of this machine")


LOOPBACK = Link(
    "loopback",
    "Loopback",
    delay_ms=_nothing(0.0),
    jitter_ms=_nothing(0.0),
    loss=_nothing(0.0),
    bandwidth_mbps=_nothing(float("inf")),
)
"""No impairment: what the computation alone costs."""


@cache
def shipped_links() -> Mapping[str, Link]:
    """Return the media that come with Roadseal: fibre, 5g, municipal-broadband."""
    return MappingProxyType(parse_links(files(__package__).joinpath("links.toml").read_text()))


def load_links(path: Path) -> dict[str, Link]:
    """Read media from a TOML file of the form of the shipped ``links.toml``.

    Raises:
        RoadsealError: ``link-unreadable``, ``link-malformed``.
    """
    try:
        return parse_links(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "link-unreadable",
            f"{path} cannot be read: {why_unreadable(error)}.",
            advice="Check the path; the file is TOML in UTF-8.",
        ) from None


def parse_links(text: str) -> dict[str, Link]:
    """Read media from TOML text.

    Raises:
        RoadsealError: ``link-malformed``, naming the table and key.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _malformed(str(error)) from None
    return {name: _link(name, table) for name, table in tables.items()}


def _link(name: str, table: Any) -> Link:
    if not isinstance(table, dict) or not isinstance(table.get("title"), str):
        raise _malformed(f"[{name}] needs a title")
    names = [field.name for field in fields(Link) if field.name not in ("name", "title")]
    if unknown := set(table) - {"title", *names}:
        raise _malformed(f"[{name}] has the unknown key {sorted(unknown)[0]}")
    quantities = {key: _quantity(f"{name}.{key}", table.get(key)) for key in names}
    if max(quantities["loss"].up, quantities["loss"].down) >= 1:
        raise _malformed(f"[{name}.loss] must be below 1")
    if min(quantities["bandwidth_mbps"].up, quantities["bandwidth_mbps"].down) <= 0:
        raise _malformed(f"[{name}.bandwidth_mbps] must be above 0")
    return Link(name, table["title"], **quantities)


def _quantity(where: str, table: Any) -> Quantity:
    if not isinstance(table, dict):
        raise _malformed(f"[{where}] is missing")
    for key in ("up", "down"):
        value = table.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise _malformed(f"[{where}] {key} must be a number of at least 0")
    if table.get("status") not in tuple(Status):
        raise _malformed(f"[{where}] status must be cited or modelled")
    if not isinstance(table.get("source"), str) or not table["source"]:
        raise _malformed(f"[{where}] needs a source")
    return Quantity(
        float(table["up"]), float(table["down"]), Status(table["status"]), table["source"]
    )


def _malformed(what: str) -> RoadsealError:
    return RoadsealError(
        "link-malformed",
        f"The link description is wrong: {what}.",
        advice="Compare it with roadseal/net/links.toml.",
    )
