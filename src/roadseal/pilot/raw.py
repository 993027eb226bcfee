"""The raw measurements of a run, as Parquet tables, so that anybody can compute other figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from roadseal.pilot.corridor_run import OnAir


def write_raw(on_air: Mapping[tuple[str, ...], OnAir], directory: Path) -> list[Path]:
    """Write the tables.

    Args:
        on_air: raw results, by the names of the approaches that share them.
        directory: made if absent.

    Returns:
        The files: `channel` (a row a signal and second), `first_verified` (a row an encounter),
        `passages` (a row a passage of a stop line), `trips` (a row a vehicle), `grants` (a row a
        change of a grant), `requests` (a row a granted request), `sizes` (a row a kind of message),
        `information_age` (how often the last verified SPaT had an age, vehicles near and every
        step: one row an age).
    """
    directory.mkdir(parents=True, exist_ok=True)
    tables = {
        "channel": [_channel(names, each) for names, each in on_air.items()],
        "first_verified": [
            _column(names, "first_verified_s", each.air.first_verified_s)
            for names, each in on_air.items()
        ],
        "passages": [_column(names, "spat_age_s", each.passages) for names, each in on_air.items()],
        "trips": [_named(names, each.outcome.trips) for names, each in on_air.items()],
        "grants": [_named(names, each.outcome.changes) for names, each in on_air.items()],
        "requests": [_requests(names, each) for names, each in on_air.items()],
        "sizes": [_sizes(names, each) for names, each in on_air.items()],
        "information_age": [_ages(names, each) for names, each in on_air.items()],
    }
    files = []
    for name, parts in tables.items():
        file = directory / f"{name}.parquet"
        pl.concat(parts).write_parquet(file, compression="zstd")
        files.append(file)
    return files


def _channel(names: tuple[str, ...], each: OnAir) -> pl.DataFrame:
    signals, seconds = each.air.load.shape
    table = pl.DataFrame(
        {
            "signal": np.repeat(np.arange(signals), seconds),
            "second": np.tile(np.arange(seconds), signals),
            "offered_load": each.air.load.ravel(),
            "cbr": each.air.cbr.ravel(),
            "cams_received": each.air.messages_per_s.ravel(),
        }
    )
    return _named(names, table)


def _column(names: tuple[str, ...], column: str, values: np.ndarray) -> pl.DataFrame:
    return _named(names, pl.DataFrame({column: values}))


def _requests(names: tuple[str, ...], each: OnAir) -> pl.DataFrame:
    granted = each.log.granted_after_s
    table = pl.DataFrame(
        {
            "vehicle": [vehicle for vehicle, _ in granted],
            "signal": [signal for _, signal in granted],
            "granted_after_s": list(granted.values()),
        },
        schema={"vehicle": pl.String, "signal": pl.String, "granted_after_s": pl.Float64},
    )
    return _named(names, table)


def _sizes(names: tuple[str, ...], each: OnAir) -> pl.DataFrame:
    counted = {**asdict(each.sizes), "cam_mean": each.air.cam_mean_bytes}
    table = pl.DataFrame(
        {"kind": list(counted), "bytes": [float(size) for size in counted.values()]}
    )
    return _named(names, table)


def _ages(names: tuple[str, ...], each: OnAir) -> pl.DataFrame:
    return _named(names, pl.DataFrame({"age_s": each.air.age_s, "times": each.air.age_times}))


def _named(names: tuple[str, ...], table: pl.DataFrame) -> pl.DataFrame:
    enums = [name for name, kind in table.schema.items() if isinstance(kind, pl.Enum)]
    text = table.with_columns(pl.col(enums).cast(pl.String)) if enums else table
    return text.select(pl.lit(" ".join(names)).alias("approaches"), pl.all())
