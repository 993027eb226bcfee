"""The rows of the comparison: what is compared, in which unit, and which direction is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from roadseal.pilot.air import AVAILABLE_S, NEAR_M, SERVED_M
from roadseal.pilot.calibration import Handshakes
from roadseal.pilot.comparison_figures import (
    MEASURED,
    MODELLED,
    Take,
    cost,
    delivery,
    drill_sum,
    drills_held,
    emergency,
    firmware,
    first_verified,
    key_agreement,
    key_rate,
    others_delay,
    queue,
    recovery,
    size,
)
from roadseal.pilot.corridor_run import FRESH_S
from roadseal.pilot.encounters import REACH_M
from roadseal.pilot.evidence import Evidence
from roadseal.pilot.measures import Figure, Measure, exact, mean, quantile, share


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Args:
        id: stable, for programs.
        group: under which heading it stands.
        label: for people.
        unit: of its figures; none for counts and shares.
        better: which direction is.
        take: the figure of an approach.
    """

    id: str
    group: str
    label: str
    unit: str
    better: str
    take: Take

    def measure(self, evidence: Mapping[str, Evidence]) -> Measure:
        """The row with a figure for each approach."""
        values = {name: self.take(each) for name, each in evidence.items()}
        return Measure(self.id, self.group, self.label, self.unit, self.better, values)


ROWS: tuple[Row, ...] = (
    Row("cam-digest-bytes", "bytes", "CAM by digest", "B", "lower", size(lambda a: a.sizes.cam)),
    Row(
        "cam-certificate-bytes",
        "bytes",
        "CAM with certificate",
        "B",
        "lower",
        size(lambda a: a.sizes.cam_certificate),
    ),
    Row(
        "cam-mean-bytes",
        "bytes",
        "CAM, mean of the run",
        "B",
        "lower",
        size(lambda a: a.air.cam_mean_bytes, "certificate once a second"),
    ),
    Row("spat-bytes", "bytes", "SPaT by digest", "B", "lower", size(lambda a: a.sizes.spat)),
    Row(
        "map-bytes",
        "bytes",
        "MAP with certificate",
        "B",
        "lower",
        size(lambda a: a.sizes.map_certificate),
    ),
    Row("srem-bytes", "bytes", "Priority request", "B", "lower", size(lambda a: a.sizes.request)),
    Row("ssem-bytes", "bytes", "Answer to it", "B", "lower", size(lambda a: a.sizes.answer)),
    Row(
        "vehicle-certificate-bytes",
        "bytes",
        "Vehicle certificate",
        "B",
        "lower",
        size(lambda a: a.sizes.vehicle_certificate),
    ),
    Row(
        "rsu-certificate-bytes",
        "bytes",
        "Roadside certificate",
        "B",
        "lower",
        size(lambda a: a.sizes.rsu_certificate),
    ),
    Row("firmware-signature-bytes", "bytes", "Added to a firmware image", "B", "lower", firmware),
    Row(
        "cbr-mean",
        "radio",
        "Channel busy ratio, mean",
        "",
        "lower",
        lambda e: mean(e.on_air.air.cbr.ravel(), provenance=MODELLED),
    ),
    Row(
        "cbr-p95",
        "radio",
        "Channel busy ratio, 95th percentile",
        "",
        "lower",
        lambda e: quantile(e.on_air.air.cbr.ravel(), 0.95, provenance=MODELLED),
    ),
    Row("pdr-50m", "radio", "CAM delivered at 50 m", "", "higher", delivery(50)),
    Row("pdr-100m", "radio", "CAM delivered at 100 m", "", "higher", delivery(100)),
    Row("pdr-200m", "radio", "CAM delivered at 200 m", "", "higher", delivery(200)),
    Row(
        "cam-sent-share",
        "radio",
        "CAMs that congestion control lets through",
        "",
        "higher",
        lambda e: exact(e.on_air.air.sent_share, n=e.on_air.air.load.shape[1], provenance=MODELLED),
    ),
    Row(
        "first-verified-p50-s",
        "verification",
        f"First verified SPaT after {REACH_M:.0f} m, median",
        "s",
        "lower",
        first_verified(0.5),
    ),
    Row(
        "first-verified-p95-s",
        "verification",
        "First verified SPaT, 95th percentile",
        "s",
        "lower",
        first_verified(0.95),
    ),
    Row(
        "information-age-p95-s",
        "verification",
        f"Information age within {NEAR_M:.0f} m, 95th percentile",
        "s",
        "lower",
        lambda e: quantile(
            e.on_air.air.age_s, 0.95, times=e.on_air.air.age_times, provenance=MODELLED
        ),
    ),
    Row(
        "fresh-spat-share",
        "verification",
        f"Stop lines passed with a verified SPaT younger than {FRESH_S} s",
        "",
        "higher",
        lambda e: share(
            int((e.on_air.passages < FRESH_S).sum()), e.on_air.passages.size, provenance=MODELLED
        ),
    ),
    Row(
        "availability",
        "verification",
        f"Time within {SERVED_M:.0f} m with a verified SPaT younger than {AVAILABLE_S:.0f} s",
        "",
        "higher",
        lambda e: share(
            int(e.on_air.air.available.sum()), e.on_air.air.available.size, provenance=MODELLED
        ),
    ),
    Row(
        "sign-time-p50-us",
        "crypto",
        "Sign a command",
        "µs",
        "lower",
        cost(lambda e: e.commands.sign),
    ),
    Row(
        "verify-time-p50-us",
        "crypto",
        "Verify a command",
        "µs",
        "lower",
        cost(lambda e: e.commands.verify),
    ),
    Row(
        "verify-cam-p50-us",
        "crypto",
        "Verify a CAM",
        "µs",
        "lower",
        cost(lambda e: e.awareness.verify),
    ),
    Row(
        "verify-cam-obu-p50-us",
        "crypto",
        "Verify a CAM, in the vehicle",
        "µs",
        "lower",
        cost(lambda e: e.awareness.verify, scaled=True),
    ),
    Row(
        "first-contact-p50-us",
        "crypto",
        "Verify a CAM and its new certificate",
        "µs",
        "lower",
        cost(lambda e: e.awareness.first_contact),
    ),
    Row(
        "rsu-queue-p95-us",
        "crypto",
        "Waiting and verifying at the roadside, 95th percentile",
        "µs",
        "lower",
        queue("sojourn"),
    ),
    Row(
        "rsu-utilisation",
        "crypto",
        "One roadside core, share used",
        "",
        "lower",
        queue("utilisation"),
    ),
    Row(
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
    Row(
        "ev-travel-time-s",
        "traffic",
        "Emergency vehicle, travel time",
        "s",
        "lower",
        emergency("travel_time_s"),
    ),
    Row(
        "ev-stops",
        "traffic",
        "Emergency vehicle, stops",
        "",
        "lower",
        emergency("stops"),
    ),
    Row(
        "priority-delay-p95-s",
        "traffic",
        "From request to grant, 95th percentile",
        "s",
        "lower",
        lambda e: quantile(list(e.on_air.log.granted_after_s.values()), 0.95, provenance=MODELLED),
    ),
    Row("others-delay-s", "traffic", "Added delay of everybody else", "s", "lower", others_delay),
    Row(
        "forged-granted",
        "attack",
        "Q-day: forged priority requests granted",
        "",
        "lower",
        drill_sum("q-day", "forged_granted", "forged_attempts"),
    ),
    Row(
        "forged-spat-accepted",
        "attack",
        "Q-day: forged SPaT accepted",
        "",
        "lower",
        drill_sum("q-day", "forged_spat_accepted", "forged_spat_attempts"),
    ),
    Row(
        "forged-cam-accepted",
        "attack",
        "Q-day: forged CAMs believed",
        "",
        "lower",
        drill_sum("q-day", "forged_cam_accepted", "forged_cam_attempts"),
    ),
    Row(
        "sessions-opened",
        "attack",
        "Q-day: recorded backhaul sessions opened",
        "",
        "lower",
        drill_sum("q-day", "sessions_opened", "sessions_recorded"),
    ),
    Row("drills-held", "service", "Drills that went as they must", "", "higher", drills_held),
    Row("recovery-worst-s", "service", "Recovery, worst drill", "s", "lower", recovery),
)

QKD_ROWS: tuple[Row, ...] = (
    Row(
        "qkd-key-rate",
        "key source",
        "Key rate of marked links",
        "bit/s",
        "higher",
        key_rate,
    ),
    Row(
        "qkd-agreement-ms",
        "key source",
        "Take, fetch and confirm a QKD key, median",
        "ms",
        "lower",
        key_agreement,
    ),
)
"""Rows of approaches that have QKD keys."""


def handshake_rows(media: list[str]) -> Iterator[Row]:
    """Rows of the backhaul, one of times a medium."""

    def over(medium: str, get: Callable[[Handshakes], Figure | None]) -> Take:
        return lambda e: (
            get(e.handshakes[medium]) if e.handshakes and medium in e.handshakes else None
        )

    for medium in media:
        yield Row(
            f"handshake-{medium}-p50-ms",
            "backhaul",
            f"Handshake over {medium}, median",
            "ms",
            "lower",
            over(medium, partial(_wall, medium=medium)),
        )
    for medium in media[:1]:
        yield Row(
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
        yield Row(
            "handshake-cpu-ms",
            "backhaul",
            "Handshake, CPU of both sides",
            "ms",
            "lower",
            over(medium, lambda h: quantile(h.cpu_ms, 0.5, provenance=MEASURED)),
        )
        yield Row(
            "handshake-round-trips",
            "backhaul",
            "Handshake, round trips after TCP's",
            "",
            "lower",
            over(medium, lambda h: mean(h.round_trips, provenance=MEASURED)),
        )
        yield Row(
            "handshake-success",
            "backhaul",
            "Handshakes that succeeded",
            "",
            "higher",
            over(medium, lambda h: share(h.successes, h.n, provenance=MEASURED)),
        )


def _wall(handshakes: Handshakes, medium: str) -> Figure | None:
    links = {"relay": f"a modelled {medium} link", "netem": f"a {medium} link made by netem"}
    note = f"sockets and TLS measured over {links[handshakes.impairment]}"
    return quantile(handshakes.wall_ms, 0.5, provenance=MEASURED, note=note)
