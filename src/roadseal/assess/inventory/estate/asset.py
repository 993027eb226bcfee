"""An asset: one thing at the roadside or in the centre that may hold cryptography.

What an estate's file does not say is ``None``. It is a gap, counted and shown; it is never taken
for safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What the thing is, in the words of the field."""

    SIGNAL = "signal"  # a signal controller and its cabinet
    PEDESTRIAN_SIGNAL = "pedestrian-signal"
    BEACON = "beacon"  # flashers, rapid flashing beacons
    SIGN = "sign"  # message signs, speed signs, lane control
    CAMERA = "camera"
    DETECTOR = "detector"
    RAMP_METER = "ramp-meter"
    RSU = "rsu"
    GATEWAY = "gateway"  # field switches, modems, routers
    SERVER = "server"
    LINK = "link"
    VEHICLE = "vehicle"
    UNKNOWN = "unknown"


class UpdatePath(StrEnum):
    """How new cryptography reaches the thing."""

    NONE = "none"  # it cannot be changed: read-only memory, a fused key, no maker any more
    TRUCK = "truck"
    REMOTE = "remote"
    OTA = "ota"


class Exposure(StrEnum):
    """Who can reach what it sends and receives."""

    RF_PUBLIC = "rf-public"
    IP_PUBLIC = "ip-public"
    CARRIER = "carrier"  # a mobile or leased network of somebody else
    SHARED_FIBRE = "shared-fibre"
    PRIVATE = "private"
    SERIAL = "serial"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Asset:
    """One row of an estate after cleaning.

    Args:
        id: ``estate/reference``, stable as long as the file's own reference is.
        kind: what it is.
        name: one line for people, such as the crossing streets.
        row: row of the source it came from, from 1.
        latitude: degrees north, WGS 84.
        longitude: degrees east, WGS 84.
        corridor: the road or system it belongs to.
        owner: who answers for it.
        vendor: its maker.
        model: its model, as the file says it.
        firmware: version of its software.
        installed: ISO 8601 date, cut to what is known: ``1969-04-01``, ``1969-04``, ``1969``.
        end_of_life: the same.
        update_path: how it is changed.
        exposure: every medium it is reached over; empty is unknown.
        services: what it does that matters to safety, ``preemption`` and ``priority``, and what it
            is managed by where templates tell it apart: ``rsu-mib-4.1``, ``ntcip-1218``.
        address: host or IP address, by which captures and probes are joined to it.
    """

    id: str
    kind: Kind
    name: str
    row: int
    latitude: float | None = None
    longitude: float | None = None
    corridor: str | None = None
    owner: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    installed: str | None = None
    end_of_life: str | None = None
    update_path: UpdatePath | None = None
    exposure: tuple[Exposure, ...] = ()
    services: tuple[str, ...] = ()
    address: str | None = None

    @property
    def gaps(self) -> tuple[str, ...]:
        """The facts that a judgement needs and the file does not give, in the order of `FACTS`."""
        return tuple(fact for fact in FACTS if not self._knows(fact))

    def _knows(self, fact: str) -> bool:
        if fact == "kind":
            return self.kind is not Kind.UNKNOWN
        if fact == "place":
            return self.latitude is not None
        return getattr(self, fact) not in (None, ())


FACTS: Final = (
    "kind",
    "place",
    "owner",
    "vendor",
    "model",
    "firmware",
    "installed",
    "end_of_life",
    "update_path",
    "exposure",
)
"""What has to be known of an asset before a judgement of it is complete."""
