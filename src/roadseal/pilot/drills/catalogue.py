"""Which drills there are, and running them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.pilot.approach import Approach
from roadseal.pilot.drills import (
    backhaul_cut,
    ca_offline,
    certificate_expired,
    clock_jump,
    hybrid_stripped,
    identities,
    key_rollover,
    legacy_unit,
    qday,
    qkd,
    rsu_offline,
    rsu_revoked,
)
from roadseal.pilot.drills.drill import Drill
from roadseal.pilot.drills.scene import Scene
from roadseal.pilot.measures import DrillResult

_ALL = (
    ca_offline.DRILL,
    certificate_expired.DRILL,
    rsu_offline.DRILL,
    rsu_revoked.DRILL,
    key_rollover.DRILL,
    clock_jump.DRILL,
    backhaul_cut.DRILL,
    identities.AUTHORITY_OFFLINE,
    identities.EXPIRED,
    identities.REVOKED,
    identities.ROOT_ROLLOVER,
    identities.WRONG_CLOCK,
    identities.COMPONENT_BROKEN,
    identities.MODULE_COMPROMISED,
    qkd.EAVESDROPPER,
    qkd.FIBRE_CUT,
    qkd.POOL_EXHAUSTED,
    qkd.KME_KILLED,
    qkd.DOWNGRADE,
    legacy_unit.DRILL,
    hybrid_stripped.DRILL,
    qday.DRILL,
)

DRILLS: Mapping[str, Drill] = MappingProxyType({drill.id: drill for drill in _ALL})
"""Every drill by its id, in the order of the report."""

ALL = "all"
"""Stands for every drill where ids are asked for."""


def run_drills(
    approach: Approach, ids: Sequence[str], *, seed: int, start: Time64
) -> tuple[DrillResult, ...]:
    """Run drills under an approach, on stations of the same authorities where they are not changed.

    Args:
        approach: how the corridor is protected.
        ids: which drills; `all` for every one.
        seed: of what is drawn; the same seed gives the same results.
        start: the instant at which the scenes begin.

    Raises:
        RoadsealError: ``unknown-drill``.
    """
    chosen = chosen_drills(ids)
    scene = Scene.set_up(approach, seed=seed, start=start)
    return tuple(_play(drill, scene) for drill in chosen)


def _play(drill: Drill, scene: Scene) -> DrillResult:
    found = drill.runner(scene)
    return DrillResult(
        drill=drill.id,
        title=drill.title,
        approach=scene.approach.name,
        fault=drill.fault,
        expectation=drill.expectation,
        held=found.held,
        observed=found.observed,
        n=found.n,
        figures=dict(found.figures),
        timeline=found.timeline,
        provenance=found.provenance,
    )


def chosen_drills(ids: Sequence[str]) -> list[Drill]:
    """The drills of these ids, in the order of the report; `all` for every one.

    Raises:
        RoadsealError: ``unknown-drill``.
    """
    unknown = [name for name in ids if name != ALL and name not in DRILLS]
    if unknown:
        raise RoadsealError(
            "unknown-drill",
            f"There is no drill {unknown[0]!r}.",
            advice=f"Choose {ALL}, or some of: {', '.join(DRILLS)}.",
        )
    return [drill for name, drill in DRILLS.items() if ALL in ids or name in ids]
