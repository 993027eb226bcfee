"""What a trace gives to every approach: computed once a run, and mapped by every worker.

It is columns of millions of rows. They lie in a file that workers map into memory, so that all of
them together need it once, and nothing of it is copied from process to process.
"""

from __future__ import annotations

import mmap
import pickle
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roadseal.pilot.cam_rules import bsm_events, cam_events
from roadseal.pilot.channel import Sent, sent_messages
from roadseal.pilot.corridor import Corridor
from roadseal.pilot.encounters import Encounters, find_encounters
from roadseal.pilot.passages import stop_line_passages
from roadseal.pilot.traffic import Trace
from roadseal.pilot.uplink import Uplink, find_uplink

_ALIGNED = 64  # of each column in the file: a cache line


@dataclass(frozen=True)
class HeardTraffic:
    """Who sends what, and who is in reach of whom.

    Args:
        messages: CAMs or BSMs of the trace.
        sample: those that are really signed, sorted by step: step, vehicle, x, y, speed.
        sent: all of them.
        encounters: of vehicles and roadside units.
        uplink: the messages among them.
        passages: of stop lines (see `stop_line_passages`).
        passage_rows: of the encounters, for each passage; −1 where there is none.
    """

    messages: int
    sample: pl.DataFrame
    sent: Sent
    encounters: Encounters
    uplink: Uplink
    passages: pl.DataFrame
    passage_rows: NDArray[np.int64]


def hear(
    trace: Trace, corridor: Corridor, *, awareness: str, sample: int, seed: int
) -> HeardTraffic:
    """Find all that approaches share.

    Args:
        trace: of the traffic.
        corridor: of the same network.
        awareness: `cam` or `bsm`.
        sample: how many messages are really signed, drawn evenly over the trace.
        seed: of the draw.

    Raises:
        RoadsealError: the trace's step is too long for the rules.
    """
    vehicles, step_s = trace.vehicles, trace.step_s
    rules = cam_events if awareness == "cam" else bsm_events
    events = rules(vehicles, step_s=step_s)
    sent = sent_messages(events, vehicles, step_s=step_s)
    passages = stop_line_passages(vehicles, corridor)
    encounters = find_encounters(vehicles, corridor)
    return HeardTraffic(
        messages=events.height,
        sample=_sample(events, sample, seed),
        sent=sent,
        encounters=encounters,
        uplink=find_uplink(sent, encounters),
        passages=passages,
        passage_rows=_rows(passages, encounters, corridor),
    )


def write(traffic: HeardTraffic, file: Path) -> None:
    """Write for `read`, by this version of the program and on this machine."""
    columns: list[pickle.PickleBuffer] = []
    frame = pickle.dumps(traffic, protocol=5, buffer_callback=columns.append)
    with file.open("wb") as stream:
        bounds = []
        for column in columns:
            stream.write(bytes(-stream.tell() % _ALIGNED))
            first = stream.tell()
            stream.write(column.raw())
            bounds.append((first, stream.tell()))
        stream.write(bytes(-stream.tell() % _ALIGNED))  # an empty file could not be mapped
    file.with_suffix(".frame").write_bytes(pickle.dumps((frame, bounds)))


@lru_cache(maxsize=1)
def read(file: Path) -> HeardTraffic:
    """Map what `write` wrote; once a process."""
    # Written a moment ago by the process that asks, into a directory of its own.
    frame, bounds = pickle.loads(file.with_suffix(".frame").read_bytes())  # noqa: S301
    with file.open("rb") as stream:
        mapped = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    columns = [mapped[first:end] for first, end in bounds]
    traffic: HeardTraffic = pickle.loads(frame, buffers=columns)  # noqa: S301  likewise
    return traffic


def _sample(events: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(events.height, min(count, events.height), replace=False))
    return events[rows].select("step", pl.col("vehicle").to_physical(), "x", "y", "speed")


def _rows(passages: pl.DataFrame, encounters: Encounters, corridor: Corridor) -> NDArray[np.int64]:
    index = {signal.id: number for number, signal in enumerate(corridor.signals)}
    rsu = np.array([index[signal] for signal in passages["signal"]], dtype=np.int64)
    vehicle = passages["vehicle"].to_physical().to_numpy().astype(np.int64)
    return encounters.rows_of(rsu, vehicle, passages["step"].to_numpy().astype(np.int64))
