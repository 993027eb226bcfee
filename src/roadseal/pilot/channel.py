"""The channel: what the stations offer to it, and what congestion control leaves of that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from roadseal.pilot.corridor import Corridor
from roadseal.pilot.message_sizes import MessageSizes
from roadseal.pilot.radio import (
    RadioConfig,
    airtime_s,
    allowed_rate_hz,
    busy_ratio,
    delivery_table,
    offered_load,
)

SPAT_HZ = 10.0
MAP_HZ = 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sent:
    """CAMs of a trace, a row a message, sorted by step.

    Args:
        step: shape (messages,).
        vehicle: physical code of the sender.
        with_certificate: whether the certificate is attached.
        seconds: number of whole seconds of the trace.
        positions: for each second, codes of the vehicles and their places (vehicles, 2).
    """

    step: NDArray[np.int64]
    vehicle: NDArray[np.int64]
    with_certificate: NDArray[np.bool_]
    seconds: int
    positions: tuple[tuple[NDArray[np.int64], Floats], ...]


def sent_messages(events: pl.DataFrame, vehicles: pl.DataFrame, *, step_s: float) -> Sent:
    """Prepare the CAMs of a trace: which carry a certificate, and where their senders are."""
    step = events["step"].to_numpy().astype(np.int64)
    vehicle = events["vehicle"].to_physical().to_numpy().astype(np.int64)
    per_second = round(1 / step_s)
    order = np.lexsort((step, vehicle))
    first = np.ones(len(order), dtype=bool)
    first[1:] = vehicle[order][1:] != vehicle[order][:-1]
    begin = np.repeat(step[order][first], np.diff(np.append(np.flatnonzero(first), len(order))))
    second_of_life = (step[order] - begin) // per_second
    attach = first.copy()
    attach[1:] |= second_of_life[1:] != second_of_life[:-1]
    with_certificate = np.empty(len(order), dtype=bool)
    with_certificate[order] = attach
    whole = vehicles.filter(pl.col("step") % per_second == 0)
    seconds = int(vehicles["step"].to_numpy().max(initial=0)) // per_second + 1
    marks = whole["step"].to_numpy() // per_second
    codes = whole["vehicle"].to_physical().to_numpy().astype(np.int64)
    places = whole.select("x", "y").to_numpy().astype(np.float64)
    bounds = np.searchsorted(marks, np.arange(seconds + 1))
    positions = tuple((codes[low:high], places[low:high]) for low, high in pairwise(bounds))
    return Sent(step, vehicle, with_certificate, seconds, positions)


class Kinds:
    """Airtime and delivery of every kind of message.

    Args:
        radio: access, power and bitrate.
        sizes: the approach's message sizes.
    """

    def __init__(self, radio: RadioConfig, sizes: MessageSizes) -> None:
        def config(size: int) -> RadioConfig:
            return replace(radio, bytes=size)

        self.sizes = sizes
        self.cam_airtime_s = airtime_s(config(sizes.cam))
        self.cam_certificate_airtime_s = airtime_s(config(sizes.cam_certificate))
        self.unit_airtime_per_s = (
            (SPAT_HZ - 1) * airtime_s(config(sizes.spat))
            + airtime_s(config(sizes.spat_certificate))
            + MAP_HZ * airtime_s(config(sizes.map_certificate))
        )
        self.cam = delivery_table(config(sizes.cam))
        self.cam_certificate = delivery_table(config(sizes.cam_certificate))
        self.spat = delivery_table(config(sizes.spat))
        self.spat_certificate = delivery_table(config(sizes.spat_certificate))

    def mean_cam_bytes(self, sent: Sent) -> float:
        """Mean size of the CAMs that were sent."""
        share = float(sent.with_certificate.mean()) if len(sent.with_certificate) else 0.0
        return self.sizes.cam * (1 - share) + self.sizes.cam_certificate * share


def offered(
    sent: Sent, corridor: Corridor, kinds: Kinds, radio: RadioConfig, per_second: int
) -> tuple[Floats, Floats]:
    """Sum up what vehicles and units send.

    Returns:
        Offered load at every unit and second, shape (units, seconds), and the share of wanted CAMs
        that congestion control lets through in each second.
    """
    units = np.array([(signal.x, signal.y) for signal in corridor.signals])
    load = np.zeros((len(units), sent.seconds))
    share = np.ones(sent.seconds)
    count = int(sent.vehicle.max(initial=-1)) + 1
    bounds = np.searchsorted(sent.step, np.arange(sent.seconds + 1) * per_second)
    unit_rate, unit_airtime = (
        np.full(len(units), 1.0),
        np.full(len(units), kinds.unit_airtime_per_s),
    )
    allowed_hz = np.inf
    for second, (codes, places) in enumerate(sent.positions):
        rows = slice(bounds[second], bounds[second + 1])
        messages = np.bincount(sent.vehicle[rows], minlength=count)[codes]
        full = np.bincount(sent.vehicle[rows], sent.with_certificate[rows], minlength=count)[codes]
        wanted = messages.astype(float)
        rate = np.minimum(wanted, allowed_hz)
        share[second] = rate.sum() / wanted.sum() if wanted.sum() else 1.0
        airtime = np.where(
            messages > 0,
            (full * kinds.cam_certificate_airtime_s + (messages - full) * kinds.cam_airtime_s)
            / np.maximum(messages, 1),
            kinds.cam_airtime_s,
        )
        load[:, second] = offered_load(
            np.concatenate([places, units]),
            np.concatenate([rate, unit_rate]),
            np.concatenate([airtime, unit_airtime]),
            units,
            radio,
        )
        busiest = float(busy_ratio(load[:, second], radio).max(initial=0.0))
        allowed_hz = float(allowed_rate_hz(busiest, kinds.cam_airtime_s))
    return load, share
