"""Every SPaT and MAP of the corridor and a sample of its CAMs, really signed and verified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.pilot import payload
from roadseal.pilot.corridor import Corridor, Signal
from roadseal.pilot.stations import Stations
from roadseal.pilot.traffic import Trace
from roadseal.v2x import Credential, Header, Identification, service, sign

_POOL = 50  # vehicles whose keys sign the sampled CAMs
_LATENCY_US = 20_000  # from signing to verifying; freshness is judged with it


@dataclass(frozen=True)
class SecuredTraffic:
    """What was signed and what the receiver's engine decided.

    Args:
        spat: messages signed and verified.
        map: likewise.
        cam: likewise, the sample.
        refused: verdicts other than ok, by reason; empty unless something is wrong.
        bytes: sum over all of them.
    """

    spat: int
    map: int
    cam: int
    refused: dict[str, int]
    bytes: int


def secure_traffic(
    stations: Stations,
    corridor: Corridor,
    trace: Trace,
    cams: pl.DataFrame,
    *,
    start: Time64,
    progress: Callable[[float], None] | None = None,
) -> SecuredTraffic:
    """Sign and verify the messages of a trace, second by second.

    Args:
        stations: of the approach.
        corridor: whose signals send.
        trace: for the states of the signals.
        cams: those that are signed, sorted by step: step, vehicle, x, y, speed.
        start: the instant of the trace's first step.
        progress: told the share done, once a simulated second.
    """
    receiver = stations.verifier()
    units = [(signal, stations.roadside_unit()) for signal in corridor.signals]
    for _, unit in units:
        receiver.learn(unit.certificate)
    states = _States(trace.signals, corridor)
    bodies = _by_step(cams)
    pool = [stations.vehicle() for _ in range(_POOL)]
    for vehicle in pool:
        receiver.learn(vehicle.certificate)
    per_second = round(1 / trace.step_s)
    seconds = int(trace.duration_s)
    verdicts: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    total = 0
    for second in range(seconds):
        messages: list[bytes] = []
        for step in range(second * per_second, (second + 1) * per_second):
            now = Time64(start + round(step * trace.step_s * MICROSECONDS_PER_SECOND))
            spats = list(_spats(units, states, step, now))
            aware = [
                sign(body, Header(psid=service.CAM, generation_time=now), pool[index % _POOL])
                for index, body in enumerate(bodies.pop(step, ()))
            ]
            counts["spat"] += len(spats)
            counts["cam"] += len(aware)
            messages += spats + aware
        maps = list(_maps(units, now))
        counts["map"] += len(maps)
        messages += maps
        end = start + (second + 1) * MICROSECONDS_PER_SECOND + _LATENCY_US
        verdicts.update(verdict.overall for verdict in receiver.verify_batch(messages, end))
        total += sum(map(len, messages))
        if progress is not None:
            progress((second + 1) / seconds)
    del verdicts["ok"]
    return SecuredTraffic(counts["spat"], counts["map"], counts["cam"], dict(verdicts), total)


class _States:
    """What every signal shows at a step; asked in order."""

    def __init__(self, changes: pl.DataFrame, corridor: Corridor) -> None:
        known = {signal.id for signal in corridor.signals}
        rows = changes.select("step", pl.col("signal").cast(pl.String), "state").iter_rows()
        self._changes = iter([row for row in rows if row[1] in known])
        self._next = next(self._changes, None)
        self._shown: dict[str, str] = {}

    def at(self, step: int) -> dict[str, str]:
        while self._next is not None and self._next[0] <= step:
            self._shown[self._next[1]] = self._next[2]
            self._next = next(self._changes, None)
        return self._shown


def _spats(
    units: list[tuple[Signal, Credential]], states: _States, step: int, now: Time64
) -> Iterator[bytes]:
    shown = states.at(step)
    header = Header(psid=service.SPATEM, generation_time=now)
    for index, (signal, unit) in enumerate(units):
        attach = (step + index) % 10 == 0
        how = Identification.CERTIFICATE if attach else Identification.DIGEST
        yield sign(payload.spat(signal.id, shown.get(signal.id, "")), header, unit, how)


def _maps(units: list[tuple[Signal, Credential]], now: Time64) -> Iterator[bytes]:
    header = Header(psid=service.MAPEM, generation_time=now)
    for signal, unit in units:
        body = payload.map_data(signal.id, len(signal.links))
        yield sign(body, header, unit, Identification.CERTIFICATE)


def _by_step(cams: pl.DataFrame) -> dict[int, list[bytes]]:
    """CAM payloads by step."""
    by_step: dict[int, list[bytes]] = {}
    for step, vehicle, x_m, y_m, speed_mps in cams.iter_rows():
        by_step.setdefault(step, []).append(payload.cam(vehicle, x_m, y_m, speed_mps))
    return by_step
