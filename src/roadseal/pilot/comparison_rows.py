"""The figures of the comparison: how each is taken from what was run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from roadseal.crypto import Purpose, algorithm, load_profile
from roadseal.pilot.air import AVAILABLE_S, NEAR_M, SERVED_M
from roadseal.pilot.calibration import Cost, Handshakes
from roadseal.pilot.corridor_run import FRESH_S, OnAir
from roadseal.pilot.encounters import REACH_M
from roadseal.pilot.evidence import Evidence
from roadseal.pilot.measures import Figure, Provenance, exact, mean, quantile, share
from roadseal.pilot.queueing import verification_queue
from roadseal.pilot.radio import packet_delivery

MEASURED, MODELLED, CITED = Provenance.MEASURED, Provenance.MODELLED, Provenance.CITED

Row = tuple[str, str, str, str, str, Callable[[Evidence], Figure | None]]
"""Id, group, label, unit, which direction is better, and the figure of an approach."""


def _size(get: Callable[[OnAir], float], note: str = "") -> Callable[[Evidence], Figure | None]:
    return lambda e: exact(get(e.on_air), provenance=MEASURED, note=note)


def _delivery(distance_m: float) -> Callable[[Evidence], Figure | None]:
    def figure(e: Evidence) -> Figure | None:
        load = e.on_air.air.load.ravel()
        config = replace(e.radio, bytes=e.on_air.sizes.cam)
        return mean(
            packet_delivery(np.full(load.shape, distance_m), load, config), provenance=MODELLED
        )

    return figure


def _first_verified(q: float) -> Callable[[Evidence], Figure | None]:
    def figure(e: Evidence) -> Figure | None:
        waited = e.on_air.air.first_verified_s
        never = float(np.isinf(waited).mean()) if waited.size else 0.0
        note = f"{never:.1%} of {waited.size:,} encounters ended without one"
        return quantile(waited[np.isfinite(waited)], q, provenance=MODELLED, note=note)

    return figure


def _queue(get: str) -> Callable[[Evidence], Figure | None]:
    def figure(e: Evidence) -> Figure | None:
        device, scale = e.roadside
        busiest = float(np.quantile(e.on_air.air.messages_per_s, 0.95))
        queue = verification_queue(busiest, e.awareness.verify, scale, seed=e.seed)
        device_note = f"{device.title}, scaled ×{scale:.1f}"
        note = f"{busiest:.0f} messages/s at the busiest twentieth; {device_note}"
        if get == "utilisation":
            return exact(queue.utilisation, provenance=MODELLED, note=note)
        return quantile(queue.sojourn_us, 0.95, provenance=MODELLED, note=note)

    return figure


def _cost(
    get: Callable[[Evidence], Cost], scaled: bool = False
) -> Callable[[Evidence], Figure | None]:
    def figure(e: Evidence) -> Figure | None:
        cost = get(e)
        factor = e.vehicle[1] if scaled else 1.0
        us = [value * factor for value in cost.percentiles_us]
        middle = len(us) // 2
        low, high = us[round(len(us) * 0.05)], us[round(len(us) * 0.95) - 1]
        source = f"{e.vehicle[0].title}, scaled ×{factor:.1f}" if scaled else "CPU time here"
        provenance = MODELLED if scaled else MEASURED
        return Figure(us[middle], cost.n, low, high, "5–95 %", provenance, source)

    return figure


def _firmware(e: Evidence) -> Figure | None:
    chosen = algorithm(load_profile(e.approach.profile)[Purpose.FIRMWARE].preferred)
    sizes = chosen.size_bytes
    total = (sizes.signature or 0) + (sizes.public_key or 0)
    note = f"signature and public key of {chosen.id}"
    return exact(total, provenance=CITED, note=note)


def _emergency(column: str) -> Callable[[Evidence], Figure | None]:
    def figure(e: Evidence) -> Figure | None:
        trips = e.on_air.outcome.emergency
        arrived = trips.filter(pl.col("arrived"))
        note = f"{arrived.height} of {trips.height} vehicles arrived within the run"
        return mean(arrived[column].to_numpy(), provenance=MODELLED, note=note)

    return figure


def _others_delay(e: Evidence) -> Figure | None:
    """Paired by vehicle with the run without priority."""
    base = e.baseline.filter(~pl.col("emergency")).select(
        pl.col("vehicle").cast(pl.String), "time_loss_s"
    )
    mine = e.on_air.outcome.others.select(pl.col("vehicle").cast(pl.String), "time_loss_s")
    both = base.join(mine, on="vehicle", how="inner", suffix="_with")
    difference = both["time_loss_s_with"] - both["time_loss_s"]
    return mean(difference.to_numpy(), provenance=MODELLED, note="against the run without priority")


def _drill_sum(drill: str, figure: str, out_of: str) -> Callable[[Evidence], Figure | None]:
    def total(e: Evidence) -> Figure | None:
        found = [d.figures for d in e.drills if d.drill == drill and figure in d.figures]
        if not found:
            return None
        n = sum(int(figures[out_of]) for figures in found)
        return exact(sum(figures[figure] for figures in found), n=n, provenance=MEASURED)

    return total


def _key_rate(e: Evidence) -> Figure | None:
    link = e.qkd.point.link if e.qkd else None
    if e.qkd is None or link is None:
        return None
    note = (
        f"modelled optics, {link.loss_db:g} dB, {link.clock_hz / 1e9:g} GHz, blocks of "
        f"{e.qkd.point.block_bits:,.0f} bits"
    )
    return exact(e.qkd.point.rate_bps, provenance=MODELLED, note=note)


def _key_agreement(e: Evidence) -> Figure | None:
    note = "two KMEs and the hybrid channel on loopback; keys of modelled optics"
    return quantile(e.qkd.agreement_ms, 0.5, provenance=MEASURED, note=note) if e.qkd else None


QKD_ROWS: tuple[Row, ...] = (
    (
        "qkd-key-rate",
        "key source",
        "Key rate of marked links",
        "bit/s",
        "higher",
        _key_rate,
    ),
    (
        "qkd-agreement-ms",
        "key source",
        "Take, fetch and confirm a QKD key, median",
        "ms",
        "lower",
        _key_agreement,
    ),
)
"""Rows of approaches that have QKD keys."""


def _recovery(e: Evidence) -> Figure | None:
    times = {d.figures["recovery_s"]: d for d in e.drills if "recovery_s" in d.figures}
    if not times:
        return None
    worst = times[max(times)]
    return exact(max(times), n=len(times), provenance=worst.provenance, note=worst.title)


def _drills_held(e: Evidence) -> Figure | None:
    judged = [d for d in e.drills if d.held is not None]
    return (
        exact(sum(bool(d.held) for d in judged), n=len(judged), provenance=MEASURED)
        if judged
        else None
    )


ROWS: tuple[Row, ...] = (
    ("cam-digest-bytes", "bytes", "CAM by digest", "B", "lower", _size(lambda a: a.sizes.cam)),
    (
        "cam-certificate-bytes",
        "bytes",
        "CAM with certificate",
        "B",
        "lower",
        _size(lambda a: a.sizes.cam_certificate),
    ),
    (
        "cam-mean-bytes",
        "bytes",
        "CAM, mean of the run",
        "B",
        "lower",
        _size(lambda a: a.air.cam_mean_bytes, "certificate once a second"),
    ),
    ("spat-bytes", "bytes", "SPaT by digest", "B", "lower", _size(lambda a: a.sizes.spat)),
    (
        "map-bytes",
        "bytes",
        "MAP with certificate",
        "B",
        "lower",
        _size(lambda a: a.sizes.map_certificate),
    ),
    ("srem-bytes", "bytes", "Priority request", "B", "lower", _size(lambda a: a.sizes.request)),
    ("ssem-bytes", "bytes", "Answer to it", "B", "lower", _size(lambda a: a.sizes.answer)),
    (
        "vehicle-certificate-bytes",
        "bytes",
        "Vehicle certificate",
        "B",
        "lower",
        _size(lambda a: a.sizes.vehicle_certificate),
    ),
    (
        "rsu-certificate-bytes",
        "bytes",
        "Roadside certificate",
        "B",
        "lower",
        _size(lambda a: a.sizes.rsu_certificate),
    ),
    ("firmware-signature-bytes", "bytes", "Added to a firmware image", "B", "lower", _firmware),
    (
        "cbr-mean",
        "radio",
        "Channel busy ratio, mean",
        "",
        "lower",
        lambda e: mean(e.on_air.air.cbr.ravel(), provenance=MODELLED),
    ),
    (
        "cbr-p95",
        "radio",
        "Channel busy ratio, 95th percentile",
        "",
        "lower",
        lambda e: quantile(e.on_air.air.cbr.ravel(), 0.95, provenance=MODELLED),
    ),
    ("pdr-50m", "radio", "CAM delivered at 50 m", "", "higher", _delivery(50)),
    ("pdr-100m", "radio", "CAM delivered at 100 m", "", "higher", _delivery(100)),
    ("pdr-200m", "radio", "CAM delivered at 200 m", "", "higher", _delivery(200)),
    (
        "cam-sent-share",
        "radio",
        "CAMs that congestion control lets through",
        "",
        "higher",
        lambda e: exact(e.on_air.air.sent_share, n=e.on_air.air.load.shape[1], provenance=MODELLED),
    ),
    (
        "first-verified-p50-s",
        "verification",
        f"First verified SPaT after {REACH_M:.0f} m, median",
        "s",
        "lower",
        _first_verified(0.5),
    ),
    (
        "first-verified-p95-s",
        "verification",
        "First verified SPaT, 95th percentile",
        "s",
        "lower",
        _first_verified(0.95),
    ),
    (
        "information-age-p95-s",
        "verification",
        f"Information age within {NEAR_M:.0f} m, 95th percentile",
        "s",
        "lower",
        lambda e: quantile(e.on_air.air.age_s, 0.95, provenance=MODELLED),
    ),
    (
        "fresh-spat-share",
        "verification",
        f"Stop lines passed with a verified SPaT younger than {FRESH_S} s",
        "",
        "higher",
        lambda e: share(
            int((e.on_air.passages < FRESH_S).sum()), e.on_air.passages.size, provenance=MODELLED
        ),
    ),
    (
        "availability",
        "verification",
        f"Time within {SERVED_M:.0f} m with a verified SPaT younger than {AVAILABLE_S:.0f} s",
        "",
        "higher",
        lambda e: share(
            int(e.on_air.air.available.sum()), e.on_air.air.available.size, provenance=MODELLED
        ),
    ),
    (
        "sign-time-p50-us",
        "crypto",
        "Sign a command",
        "µs",
        "lower",
        _cost(lambda e: e.commands.sign),
    ),
    (
        "verify-time-p50-us",
        "crypto",
        "Verify a command",
        "µs",
        "lower",
        _cost(lambda e: e.commands.verify),
    ),
    (
        "verify-cam-p50-us",
        "crypto",
        "Verify a CAM",
        "µs",
        "lower",
        _cost(lambda e: e.awareness.verify),
    ),
    (
        "verify-cam-obu-p50-us",
        "crypto",
        "Verify a CAM, in the vehicle",
        "µs",
        "lower",
        _cost(lambda e: e.awareness.verify, scaled=True),
    ),
    (
        "first-contact-p50-us",
        "crypto",
        "Verify a CAM and its new certificate",
        "µs",
        "lower",
        _cost(lambda e: e.awareness.first_contact),
    ),
    (
        "rsu-queue-p95-us",
        "crypto",
        "Waiting and verifying at the roadside, 95th percentile",
        "µs",
        "lower",
        _queue("sojourn"),
    ),
    (
        "rsu-utilisation",
        "crypto",
        "One roadside core, share used",
        "",
        "lower",
        _queue("utilisation"),
    ),
    (
        "messages-verified",
        "crypto",
        "Messages really signed and verified",
        "",
        "none",
        lambda e: exact(
            e.secured.spat + e.secured.map + e.secured.cam + e.on_air.log.received,
            provenance=MEASURED,
            note=f"every SPaT, MAP and request that arrived, {e.secured.cam:,} CAMs; "
            f"{sum(e.secured.refused.values())} refused",
        ),
    ),
    (
        "ev-travel-time-s",
        "traffic",
        "Emergency vehicle, travel time",
        "s",
        "lower",
        _emergency("travel_time_s"),
    ),
    (
        "ev-stops",
        "traffic",
        "Emergency vehicle, stops",
        "",
        "lower",
        _emergency("stops"),
    ),
    (
        "priority-delay-p95-s",
        "traffic",
        "From request to grant, 95th percentile",
        "s",
        "lower",
        lambda e: quantile(list(e.on_air.log.granted_after_s.values()), 0.95, provenance=MODELLED),
    ),
    ("others-delay-s", "traffic", "Added delay of everybody else", "s", "lower", _others_delay),
    (
        "forged-granted",
        "attack",
        "Q-day: forged priority requests granted",
        "",
        "lower",
        _drill_sum("q-day", "forged_granted", "forged_attempts"),
    ),
    (
        "forged-spat-accepted",
        "attack",
        "Q-day: forged SPaT accepted",
        "",
        "lower",
        _drill_sum("q-day", "forged_spat_accepted", "forged_spat_attempts"),
    ),
    (
        "forged-cam-accepted",
        "attack",
        "Q-day: forged CAMs believed",
        "",
        "lower",
        _drill_sum("q-day", "forged_cam_accepted", "forged_cam_attempts"),
    ),
    (
        "sessions-opened",
        "attack",
        "Q-day: recorded backhaul sessions opened",
        "",
        "lower",
        _drill_sum("q-day", "sessions_opened", "sessions_recorded"),
    ),
    ("drills-held", "service", "Drills that went as they must", "", "higher", _drills_held),
    ("recovery-worst-s", "service", "Recovery, worst drill", "s", "lower", _recovery),
)


def _wall(handshakes: Handshakes, note: str) -> Figure | None:
    return quantile(handshakes.wall_ms, 0.5, provenance=MEASURED, note=note)


def handshake_rows(media: list[str]) -> Iterator[Row]:
    """Rows of the backhaul, one of times a medium."""

    def over(
        medium: str, get: Callable[[Handshakes], Figure | None]
    ) -> Callable[[Evidence], Figure | None]:
        return lambda e: (
            get(e.handshakes[medium]) if e.handshakes and medium in e.handshakes else None
        )

    for medium in media:
        yield (
            f"handshake-{medium}-p50-ms",
            "backhaul",
            f"Handshake over {medium}, median",
            "ms",
            "lower",
            over(
                medium,
                partial(_wall, note=f"sockets and TLS measured over a modelled {medium} link"),
            ),
        )
    for medium in media[:1]:
        yield (
            "handshake-bytes",
            "backhaul",
            "Handshake, both directions",
            "B",
            "lower",
            over(
                medium,
                lambda h: mean(np.add(h.bytes_up, h.bytes_down), provenance=MEASURED, note=h.group),
            ),
        )
        yield (
            "handshake-cpu-ms",
            "backhaul",
            "Handshake, CPU of both sides",
            "ms",
            "lower",
            over(medium, lambda h: quantile(h.cpu_ms, 0.5, provenance=MEASURED)),
        )
        yield (
            "handshake-round-trips",
            "backhaul",
            "Handshake, round trips after TCP's",
            "",
            "lower",
            over(medium, lambda h: mean(h.round_trips, provenance=MEASURED)),
        )
        yield (
            "handshake-success",
            "backhaul",
            "Handshakes that succeeded",
            "",
            "higher",
            over(medium, lambda h: share(h.successes, h.n, provenance=MEASURED)),
        )
