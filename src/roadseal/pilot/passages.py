"""When a vehicle passes a stop line, and by which link of which signal.

A passage is the first row of a vehicle beyond the end of an approach lane: the row before was on a
lane that ends at a signal, and this one is not. At 0.1 s steps the instant is exact to one step.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from roadseal.pilot.corridor import Corridor


def stop_line_passages(vehicles: pl.DataFrame, corridor: Corridor) -> pl.DataFrame:
    """Find every passage of a stop line in a trace.

    Args:
        vehicles: the vehicles table of a trace (see `traffic`).
        corridor: of the same network.

    Returns:
        A row a passage, sorted by step and vehicle: step u32, time_s f64 (first row beyond the
        line), vehicle enum, x f32, y f32, signal str, lane str (the approach).
    """
    kind = vehicles.schema["lane"]
    lanes = kind.categories.to_list() if isinstance(kind, pl.Enum) else []
    edge_numbers: dict[str, int] = {}
    edge_of = np.array(
        [edge_numbers.setdefault(lane.rpartition("_")[0], len(edge_numbers)) for lane in lanes]
    )
    approaches = {
        link.from_lane: signal.id
        for signal in corridor.signals
        for link in signal.links
        if not link.crossing
    }
    is_approach = np.array([lane in approaches for lane in lanes])
    lane = vehicles["lane"].to_physical().to_numpy()
    vehicle = vehicles["vehicle"].to_physical().to_numpy()
    order = np.argsort(vehicle, kind="stable")  # rows are by step: each vehicle's stay so
    before, after = order[:-1], order[1:]
    # A passage leaves an edge; a change of lane on the approach stays on it.
    passed = (
        (vehicle[before] == vehicle[after])
        & is_approach[lane[before]]
        & (edge_of[lane[before]] != edge_of[lane[after]])
    )
    left = np.array(lanes)[lane[before[passed]]]
    beyond: pl.DataFrame = vehicles.select("step", "time_s", "vehicle", "x", "y")[after[passed]]
    return beyond.with_columns(
        pl.Series("signal", [approaches[name] for name in left], dtype=pl.String),
        pl.Series("lane", left, dtype=pl.String),
    ).sort("step", pl.col("vehicle").to_physical())
