"""Everything known of one approach after a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from roadseal.operate.qkd import OperatingPoint
from roadseal.pilot.approach import Approach
from roadseal.pilot.calibration import Handshakes, MessageCosts
from roadseal.pilot.corridor_run import OnAir
from roadseal.pilot.device import Device
from roadseal.pilot.measures import DrillResult
from roadseal.pilot.radio import RadioConfig
from roadseal.pilot.secured_traffic import SecuredTraffic


@dataclass(frozen=True, slots=True)
class QkdEvidence:
    """What the marked links give.

    Args:
        point: of the modelled optics.
        agreement_ms: times to take, fetch and confirm a key on this machine.
    """

    point: OperatingPoint
    agreement_ms: tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """Everything known of one approach after the run.

    Args:
        approach: which.
        on_air: what its messages led to.
        secured: what was signed and verified.
        commands: cost of its command messages on this machine.
        awareness: cost of its CAMs on this machine.
        handshakes: of its backhaul, by medium.
        qkd: of its key source; `None` where it has none, or no link is marked.
        drills: what its drills showed.
        baseline: trips without any priority.
        radio: access, power and bitrate.
        vehicle: device class of vehicles and its scale.
        roadside: device class of roadside units and its scale.
        seed: of the queue.
    """

    approach: Approach
    on_air: OnAir
    secured: SecuredTraffic
    commands: MessageCosts
    awareness: MessageCosts
    handshakes: Mapping[str, Handshakes]
    qkd: QkdEvidence | None
    drills: tuple[DrillResult, ...]
    baseline: pl.DataFrame
    radio: RadioConfig
    vehicle: tuple[Device, float]
    roadside: tuple[Device, float]
    seed: int
