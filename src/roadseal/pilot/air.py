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

NEAR_M = 100.0
"""Where information age is judged: a driver acts upon the signal."""
SERVED_M = 150.0
"""Where the service is judged to be available or not."""
FRESH_S = 0.5
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
        age_s: age of the last verified SPaT at the end of the step, for every row within `NEAR_M`;
            infinite before the first.
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
    available: NDArray[np.bool_]
    verified_step: NDArray[np.int64]


def run_air(
    sent: Sent,
    encounters: Encounters,
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
    cbr = busy_ratio(load, radio)
    rng = np.random.default_rng(seed)
    second = np.minimum(encounters.step // per_second, sent.seconds - 1)
    row_load = load[encounters.rsu, second]
    cams = _cam_rows(sent, encounters)
    attached = _units_attach(cams, encounters, kinds, row_load, share, per_second, rng)
    delivered_digest = kinds.spat.at(encounters.distance_m, row_load)
    delivered_full = kinds.spat_certificate.at(encounters.distance_m, row_load)
    draw = rng.random(len(encounters.step))
    received = draw < np.where(attached, delivered_full, delivered_digest)
    # A certificate learned in an earlier encounter is still known: receivers keep it.
    taught = _first_of_pair(encounters, received & attached)
    verified = received & (np.arange(len(received)) >= taught)
    last = _last_true(encounters, verified)
    step = encounters.step.astype(np.int64)
    verified_step = np.where(last >= 0, step[np.maximum(last, 0)], -1)
    age = np.where(last >= 0, (step - verified_step + 1) * step_s + processing_s, np.inf)
    distance = encounters.distance_m
    return Air(
        load=load,
        cbr=cbr,
        sent_share=float(share.mean()) if share.size else 1.0,
        cam_mean_bytes=kinds.mean_cam_bytes(sent),
        messages_per_s=_arrivals(cams, encounters, kinds, row_load, per_second, load.shape),
        first_verified_s=_first_verified(encounters, verified, step_s, processing_s),
        age_s=age[distance <= NEAR_M].astype(np.float32),
        available=age[distance <= SERVED_M] <= AVAILABLE_S,
        verified_step=verified_step,
    )


def _units_attach(
    cams: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    encounters: Encounters,
    kinds: Kinds,
    row_load: Floats,
    share: Floats,
    per_second: int,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """For every row, whether the unit's SPaT of that step carries its certificate."""
    sends, full = cams
    cam = kinds.cam.at(encounters.distance_m, row_load)
    cam_certificate = kinds.cam_certificate.at(encounters.distance_m, row_load)
    let_through = share[np.minimum(encounters.step // per_second, len(share) - 1)]
    heard = sends & (rng.random(len(sends)) < np.where(full, cam_certificate, cam) * let_through)
    steps = int(encounters.step.max(initial=0)) + 2
    units = int(encounters.rsu.max(initial=0)) + 1
    schedule = np.zeros((units, steps), dtype=bool)
    offsets = np.arange(units) % per_second  # units are not synchronised
    for unit, offset in enumerate(offsets):
        schedule[unit, offset::per_second] = True
    first = _first_true(encounters, heard)
    first = first[first < len(heard)]
    schedule[encounters.rsu[first], encounters.step[first] + 1] = True
    return schedule[encounters.rsu, encounters.step]


def _cam_rows(sent: Sent, encounters: Encounters) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For every row, whether the vehicle sends a CAM in that step, and whether with certificate."""
    key = (sent.step << 26) | sent.vehicle
    order = np.argsort(key, kind="stable")
    wanted = (encounters.step.astype(np.int64) << 26) | encounters.vehicle
    index = np.minimum(np.searchsorted(key[order], wanted), max(len(key) - 1, 0))
    if not len(key):
        none = np.zeros(len(wanted), dtype=bool)
        return none, none
    found = key[order][index] == wanted
    return found, found & sent.with_certificate[order][index]


def _arrivals(
    cams: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    encounters: Encounters,
    kinds: Kinds,
    row_load: Floats,
    per_second: int,
    shape: tuple[int, ...],
) -> Floats:
    """Expected CAMs a second that reach each unit."""
    sends, full = cams
    rows = np.flatnonzero(sends)
    distance, load = encounters.distance_m[rows], row_load[rows]
    expected = np.where(
        full[rows], kinds.cam_certificate.at(distance, load), kinds.cam.at(distance, load)
    )
    second = np.minimum(encounters.step[rows] // per_second, shape[1] - 1)
    arrivals = np.zeros(shape)
    np.add.at(arrivals, (encounters.rsu[rows], second), expected)
    return arrivals


def _first_true(encounters: Encounters, flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first row of every encounter with the flag; the number of rows where there is none."""
    rows = np.where(flags, np.arange(len(flags), dtype=np.int64), len(flags))
    first: NDArray[np.int64] = np.minimum.reduceat(rows, encounters.start) if len(flags) else rows
    return first


def _first_of_pair(encounters: Encounters, flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For every row, the first flagged row of the same unit and vehicle, over all encounters."""
    if not len(flags):
        return np.zeros(0, dtype=np.int64)
    new = np.ones(len(flags), dtype=bool)
    new[1:] = (encounters.rsu[1:] != encounters.rsu[:-1]) | (
        encounters.vehicle[1:] != encounters.vehicle[:-1]
    )
    rows = np.where(flags, np.arange(len(flags), dtype=np.int64), len(flags))
    first: NDArray[np.int64] = np.minimum.reduceat(rows, np.flatnonzero(new))
    each: NDArray[np.int64] = first[np.cumsum(new) - 1]
    return each


def _last_true(encounters: Encounters, flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For every row, the last flagged row of its encounter so far; −1 if none."""
    flagged = np.where(flags, np.arange(len(flags), dtype=np.int64), -1)
    last: NDArray[np.int64] = np.maximum.accumulate(flagged)
    begin = encounters.start[encounters.number] if len(flags) else np.zeros(0, dtype=np.int64)
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
