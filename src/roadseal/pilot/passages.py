"""When a vehicle passes a stop line, and by which link of which signal.

A passage is the first row of a vehicle beyond the end of an approach lane: the row before was on a
lane that ends at a signal, and this one is not. At 0.1 s steps the instant is exact to one step.
"""

from __future__ import annotations

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
    approaches = {
        link.from_lane: signal.id
        for signal in corridor.signals
        for link in signal.links
        if not link.crossing
    }
    known = pl.DataFrame(
        {"lane": list(approaches), "signal": list(approaches.values())},
        schema={"lane": pl.String, "signal": pl.String},
    )
    # A passage leaves an edge; a change of lane on the approach stays on it.
    edge = pl.col("lane").cast(pl.String).str.replace(r"_\d+$", "")
    crossed = (
        vehicles.lazy()
        .select("step", "time_s", "vehicle", "x", "y", "lane")
        .sort(pl.col("vehicle").to_physical(), "step")
        .with_columns(pl.col("lane").shift(1).over("vehicle").alias("before"))
        .filter(pl.col("before").is_not_null() & (pl.col("lane") != pl.col("before")))
        .with_columns(edge.alias("edge"), pl.col("before").cast(pl.String))
        .filter(pl.col("edge") != pl.col("before").str.replace(r"_\d+$", ""))
    )
    return (
        crossed.join(known.lazy(), left_on="before", right_on="lane", how="inner")
        .select("step", "time_s", "vehicle", "x", "y", "signal", pl.col("before").alias("lane"))
        .sort("step", pl.col("vehicle").to_physical())
        .collect()
    )
