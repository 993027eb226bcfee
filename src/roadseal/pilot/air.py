"""Messages over the air: what is sent, what arrives, and what can be verified when.

Modelled: the radio (see `radio`). Taken from the trace: who is where. Counted: message sizes. For
every approach the same stations, encounters and random numbers are used.

Assumptions, stated in the report: vehicles attach their certificate once a second, roadside units
once a second and after a vehicle they have not heard before; a vehicle near a roadside unit sees
the channel load of that unit; congestion control settles within a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadseal.pilot.channel import Floats, Kinds, Sent, offered
from roadseal.pilot.corridor import Corridor
from roadseal.pilot.encounters import Encounters
from roadseal.pilot.message_sizes import MessageSizes
from roadseal.pilot.radio import RadioConfig, busy_ratio
from roadseal.pilot.uplink import Uplink

NEAR_M = 100.0
"""Where information age is judged: a driver acts upon the signal."""
SERVED_M = 150.0
"""Where the service is judged to be available or not."""
AVAILABLE_S = 1.0


@dataclass(frozen=True)
class Air:
    """What happened on the air under an approach.

    Args:
        load: offered load at each roadside unit in each second, shape (units, seconds).
        cbr: channel busy ratio, same shape.
        sent_share: share of wanted CAMs that congestion control let through.
        cam_mean_bytes: mean size of a CAM.
        messages_per_s: messages that reach each unit in each second, shape (units, seconds).
        first_verified_s: for every encounter, from its beginning to the first verified SPaT;
            infinite where none was.
        age_s: ages that the last verified SPaT had at the end of a step, over the rows within
            `NEAR_M`, each once and in order; infinite before the first.
        age_times: how many rows had each.
        available: for every row within `SERVED_M`, whether a verified SPaT younger than
            `AVAILABLE_S` was there.
        verified_step: for every row, the step of the last verified SPaT; −1 before the first.
    """

    load: Floats
    cbr: Floats
    sent_share: float
    cam_mean_bytes: float
    messages_per_s: Floats
    first_verified_s: Floats
    age_s: NDArray[np.float32]
    age_times: NDArray[np.int64]
    available: NDArray[np.bool_]
    verified_step: NDArray[np.int32]


def run_air(
    sent: Sent,
    encounters: Encounters,
    uplink: Uplink,
    corridor: Corridor,
    sizes: MessageSizes,
    radio: RadioConfig,
    *,
    step_s: float,
    processing_s: float,
    seed: int,
) -> Air:
    """Play all messages of a trace under an approach.

    Args:
        sent: the trace's CAMs.
        encounters: of the same trace.
        uplink: the CAMs among them.
        corridor: of the same network.
        sizes: the approach's message sizes.
        radio: access, power and bitrate.
        step_s: of the trace.
        processing_s: from the reception of a message to its verdict.
        seed: of receptions; the same for every approach, so that they differ by cause only.
    """
    per_second = round(1 / step_s)
    kinds = Kinds(radio, sizes)
    load, share = offered(sent, corridor, kinds, radio, per_second)
    draws = _Draws(seed, len(encounters.step))
    distance = encounters.distance_m
    verified_step = np.empty(len(distance), dtype=np.int32)
    never = int(encounters.step.max(initial=0)) + 2  # more steps than any message can be old
    age_times = np.zeros(never + 1, dtype=np.int64)
    available = np.empty(len(distance), dtype=bool)
    arrivals = np.zeros(load.shape)
    first_verified_s = []
    # Unit after unit: they share nothing but the load, and the working memory is that of one.
    for rows in encounters.rows_by_unit():
        at_unit, cams = encounters.within(rows), uplink.within(rows)
        unit = int(at_unit.rsu[0])
        second = np.minimum(at_unit.step // per_second, sent.seconds - 1)
        row_load = load[unit, second]

        delivered = _delivered_cams(at_unit, cams, kinds, row_load)
        np.add.at(arrivals[unit], second[cams.row], delivered)
        heard = np.zeros(len(second), dtype=bool)
        draw = draws.uplink(len(second))[cams.row]
        heard[cams.row] = draw < delivered * share[second[cams.row]]

        attached = _attached(at_unit, heard, unit, per_second)
        delivered = kinds.spat.at(at_unit.distance_m, row_load)
        delivered[attached] = kinds.spat_certificate.at(
            at_unit.distance_m[attached], row_load[attached]
        )
        received = draws.downlink(len(second)) < delivered

        # A certificate learned in an earlier encounter is still known: receivers keep it.
        verified = received & _taught(at_unit, received & attached)
        last = _last_true(at_unit, verified)
        since = np.where(last >= 0, at_unit.step[np.maximum(last, 0)], np.int32(-1))
        age_steps = np.where(last >= 0, at_unit.step - since + 1, never)
        age_times += np.bincount(age_steps[at_unit.distance_m <= NEAR_M], minlength=len(age_times))
        fresh = age_steps * step_s + processing_s <= AVAILABLE_S
        verified_step[rows], available[rows] = since, (last >= 0) & fresh
        first_verified_s.append(_first_verified(at_unit, verified, step_s, processing_s))
    had = np.flatnonzero(age_times)
    age_s = np.where(had < never, had * step_s + processing_s, np.inf)
    return Air(
        load=load,
        cbr=busy_ratio(load, radio),
        sent_share=float(share.mean()) if share.size else 1.0,
        cam_mean_bytes=kinds.mean_cam_bytes(sent),
        messages_per_s=arrivals,
        first_verified_s=np.concatenate([np.zeros(0), *first_verified_s]),
        age_s=age_s.astype(np.float32),
        age_times=age_times[had],
        available=available[distance <= SERVED_M],
        verified_step=verified_step,
    )


class _Draws:
    """A random number a row and direction, rows in order; the uplink's come first in the stream."""

    def __init__(self, seed: int, rows: int) -> None:
        self._up = np.random.Generator(np.random.PCG64(seed))
        self._down = np.random.Generator(np.random.PCG64(seed).advance(rows))

    def uplink(self, count: int) -> Floats:
        """Of the next rows, for what the unit receives."""
        return self._up.random(count)

    def downlink(self, count: int) -> Floats:
        """Of the next rows, for what the vehicle receives."""
        return self._down.random(count)


def _delivered_cams(encounters: Encounters, cams: Uplink, kinds: Kinds, row_load: Floats) -> Floats:
    """For every CAM, the probability that it reaches the unit."""
    distance, load = encounters.distance_m[cams.row], row_load[cams.row]
    return np.where(
        cams.with_certificate,
        kinds.cam_certificate.at(distance, load),
        kinds.cam.at(distance, load),
    )


def _attached(
    encounters: Encounters, heard: NDArray[np.bool_], unit: int, per_second: int
) -> NDArray[np.bool_]:
    """For every row, whether the unit's SPaT of that step carries its certificate."""
    schedule = np.zeros(int(encounters.step.max(initial=0)) + 2, dtype=bool)
    schedule[unit % per_second :: per_second] = True  # units are not synchronised
    first = _first_true(encounters, heard)
    schedule[encounters.step[first[first < len(heard)]] + 1] = True
    return schedule[encounters.step]


def _first_true(encounters: Encounters, flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first row of every encounter with the flag; the number of rows where there is none."""
    rows = np.where(flags, np.arange(len(flags)), len(flags))
    first: NDArray[np.int64] = np.minimum.reduceat(rows, encounters.start)
    return first


def _taught(encounters: Encounters, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For every row of a unit, whether it or an earlier one of its vehicle has the flag."""
    starts = np.flatnonzero(np.diff(encounters.vehicle, prepend=-1))
    rows = np.where(flags, np.arange(len(flags)), len(flags))
    first = np.minimum.reduceat(rows, starts)
    each = np.repeat(first, np.diff(starts, append=len(flags)))
    known: NDArray[np.bool_] = np.arange(len(flags)) >= each
    return known


def _last_true(encounters: Encounters, flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For every row, the last flagged row of its encounter so far; −1 if none."""
    flagged = np.where(flags, np.arange(len(flags)), -1)
    last: NDArray[np.int64] = np.maximum.accumulate(flagged)
    begin = encounters.start[encounters.number]
    found: NDArray[np.int64] = np.where(last >= begin, last, -1)
    return found


def _first_verified(
    encounters: Encounters, verified: NDArray[np.bool_], step_s: float, processing_s: float
) -> Floats:
    first = _first_true(encounters, verified)
    found = first < len(verified)
    waited = (
        encounters.step[np.minimum(first, len(verified) - 1)] - encounters.step[encounters.start]
    )
    return np.where(found, waited * step_s + processing_s, np.inf)
