"""How each figure of the comparison is taken from what was run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from roadseal.crypto import Purpose, algorithm, load_profile
from roadseal.pilot.calibration import Cost
from roadseal.pilot.corridor_run import OnAir
from roadseal.pilot.evidence import Evidence
from roadseal.pilot.measures import Figure, Provenance, exact, mean, quantile
from roadseal.pilot.queueing import verification_queue
from roadseal.pilot.radio import packet_delivery

MEASURED, MODELLED, CITED = Provenance.MEASURED, Provenance.MODELLED, Provenance.CITED

Take = Callable[[Evidence], Figure | None]
"""Takes the figure of one approach; None where it has none."""


def size(get: Callable[[OnAir], float], note: str = "") -> Take:
    """Of a message or certificate, in bytes, as it was encoded."""
    return lambda e: exact(get(e.on_air), provenance=MEASURED, note=note)


def delivery(distance_m: float) -> Take:
    """Share of CAMs received over a distance, over all loads of the run."""

    def figure(e: Evidence) -> Figure | None:
        load = e.on_air.air.load.ravel()
        config = replace(e.radio, bytes=e.on_air.sizes.cam)
        return mean(
            packet_delivery(np.full(load.shape, distance_m), load, config), provenance=MODELLED
        )

    return figure


def first_verified(q: float) -> Take:
    """A quantile of the time to the first verified SPaT, in s."""

    def figure(e: Evidence) -> Figure | None:
        waited = e.on_air.air.first_verified_s
        never = float(np.isinf(waited).mean()) if waited.size else 0.0
        note = f"{never:.1%} of {waited.size:,} encounters ended without one"
        return quantile(waited[np.isfinite(waited)], q, provenance=MODELLED, note=note)

    return figure


def queue(get: str) -> Take:
    """Of the roadside unit's queue at its busiest: ``sojourn`` (95 %, in µs) or ``utilisation``."""

    def figure(e: Evidence) -> Figure | None:
        device, scale = e.roadside
        busiest = float(np.quantile(e.on_air.air.messages_per_s, 0.95))
        served = verification_queue(busiest, e.awareness.verify, scale, seed=e.seed)
        device_note = f"{device.title}, scaled ×{scale:.1f}"
        note = f"{busiest:.0f} messages/s at the busiest twentieth; {device_note}"
        if get == "utilisation":
            return exact(served.utilisation, provenance=MODELLED, note=note)
        return quantile(served.sojourn_us, 0.95, provenance=MODELLED, note=note)

    return figure


def cost(get: Callable[[Evidence], Cost], scaled: bool = False) -> Take:
    """The median of a signature's cost in µs, here or scaled to the vehicle's device."""

    def figure(e: Evidence) -> Figure | None:
        found = get(e)
        factor = e.vehicle[1] if scaled else 1.0
        us = [value * factor for value in found.percentiles_us]
        middle = len(us) // 2
        low, high = us[round(len(us) * 0.05)], us[round(len(us) * 0.95) - 1]
        source = f"{e.vehicle[0].title}, scaled ×{factor:.1f}" if scaled else "CPU time here"
        provenance = MODELLED if scaled else MEASURED
        return Figure(us[middle], found.n, low, high, "5–95 %", provenance, source)

    return figure


def firmware(e: Evidence) -> Figure | None:
    """What the profile's signature and public key add to an image, in bytes."""
    chosen = algorithm(load_profile(e.approach.profile)[Purpose.FIRMWARE].preferred)
    sizes = chosen.size_bytes
    total = (sizes.signature or 0) + (sizes.public_key or 0)
    note = f"signature and public key of {chosen.id}"
    return exact(total, provenance=CITED, note=note)


def emergency(column: str) -> Take:
    """The mean of a column over the emergency vehicles that arrived."""

    def figure(e: Evidence) -> Figure | None:
        trips = e.on_air.outcome.emergency
        arrived = trips.filter(pl.col("arrived"))
        note = f"{arrived.height} of {trips.height} vehicles arrived within the run"
        return mean(arrived[column].to_numpy(), provenance=MODELLED, note=note)

    return figure


def others_delay(e: Evidence) -> Figure | None:
    """Mean delay that priority adds to the others, in s, paired by vehicle."""
    base = e.baseline.filter(~pl.col("emergency")).select(
        pl.col("vehicle").cast(pl.String), "time_loss_s"
    )
    mine = e.on_air.outcome.others.select(pl.col("vehicle").cast(pl.String), "time_loss_s")
    both = base.join(mine, on="vehicle", how="inner", suffix="_with")
    difference = both["time_loss_s_with"] - both["time_loss_s"]
    return mean(difference.to_numpy(), provenance=MODELLED, note="against the run without priority")


def drill_sum(drill: str, figure: str, out_of: str) -> Take:
    """A figure of a drill, summed over its runs, out of another of its figures."""

    def total(e: Evidence) -> Figure | None:
        found = [d.figures for d in e.drills if d.drill == drill and figure in d.figures]
        if not found:
            return None
        n = sum(int(figures[out_of]) for figures in found)
        return exact(sum(figures[figure] for figures in found), n=n, provenance=MEASURED)

    return total


def key_rate(e: Evidence) -> Figure | None:
    """Of the links that have QKD, in bit/s."""
    link = e.qkd.point.link if e.qkd else None
    if e.qkd is None or link is None:
        return None
    note = (
        f"modelled optics, {link.loss_db:g} dB, {link.clock_hz / 1e9:g} GHz, blocks of "
        f"{e.qkd.point.block_bits:,.0f} bits"
    )
    return exact(e.qkd.point.rate_bps, provenance=MODELLED, note=note)


def key_agreement(e: Evidence) -> Figure | None:
    """How long both ends take to agree on a QKD key, in ms."""
    note = "two KMEs and the hybrid channel on loopback; keys of modelled optics"
    return quantile(e.qkd.agreement_ms, 0.5, provenance=MEASURED, note=note) if e.qkd else None


def recovery(e: Evidence) -> Figure | None:
    """The longest recovery of any drill, in s."""
    times = {d.figures["recovery_s"]: d for d in e.drills if "recovery_s" in d.figures}
    if not times:
        return None
    worst = times[max(times)]
    return exact(max(times), n=len(times), provenance=worst.provenance, note=worst.title)


def drills_held(e: Evidence) -> Figure | None:
    """How many of the drills that have a verdict held."""
    judged = [d for d in e.drills if d.held is not None]
    return (
        exact(sum(bool(d.held) for d in judged), n=len(judged), provenance=MEASURED)
        if judged
        else None
    )
