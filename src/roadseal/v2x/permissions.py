"""What the stations of a road may send: the services and SSPs of their certificates.

Source: the SSPs are those of ETSI EN 302 637-2 (CAM), EN 302 637-3 (DENM) and TS 103 301 (SPATEM,
MAPEM, SREM, SSEM).
"""

from __future__ import annotations

from typing import Final

from roadseal.v2x import service
from roadseal.v2x.certificate import Permission

VEHICLE: Final = (
    Permission(service.CAM, bytes.fromhex("01fffc")),
    Permission(service.DENM, bytes.fromhex("01ffffff")),
    Permission(service.GN_MANAGEMENT),
    Permission(service.CPM),
)
"""An ordinary vehicle."""

EMERGENCY_VEHICLE: Final = (*VEHICLE, Permission(service.SREM, bytes.fromhex("02810000")))
"""A vehicle that may ask for priority at signals."""

ROADSIDE_UNIT: Final = (
    Permission(service.SPATEM, bytes.fromhex("01e0")),
    Permission(service.MAPEM, bytes.fromhex("01c0")),
    Permission(service.SSEM, bytes.fromhex("01")),
    Permission(service.DENM, bytes.fromhex("01ffffff")),
    Permission(service.GN_MANAGEMENT),
)
"""A unit at a signal: SPaT, MAP, and answers to requests for priority."""
