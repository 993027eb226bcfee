"""SAMPLE results for the tests of the report: plausible shapes, invented numbers, never a run."""

from __future__ import annotations

import math

import numpy as np

from roadseal.pilot.corridor import Corridor, Road, Signal
from roadseal.pilot.measures import (
    Curve,
    DrillResult,
    EmergencyTrip,
    Figure,
    Measure,
    Moment,
    Provenance,
    Results,
    exact,
    mean,
    quantile,
    share,
)
from roadseal.pilot.scenario_file import BackhaulLink

APPROACHES = {
    "classical": "Classical public-key",
    "pqc": "Post-quantum",
    "qkd": "QKD backhaul",
    "hybrid": "Hybrid PQC + QKD",
    "zero-trust": "Zero-trust layered",
}
MEASURED, MODELLED, CITED = Provenance.MEASURED, Provenance.MODELLED, Provenance.CITED
# id, group, label, unit, better, how, a number an approach (`None` is not measured yet)
_ROWS: tuple[tuple[str, str, str, str, str, str, tuple[float | None, ...]], ...] = (
    (
        "cam-digest-bytes",
        "bytes",
        "CAM with digest",
        "bytes",
        "lower",
        "exact",
        (178, 782, 178, 178, 178),
    ),
    (
        "cam-certificate-bytes",
        "bytes",
        "CAM with certificate",
        "bytes",
        "lower",
        "exact",
        (328, 2403, 328, 932, 932),
    ),
    ("cam-mean-bytes", "bytes", "CAM, mean", "bytes", "lower", "exact", (193, 944, 193, 253, 253)),
    ("spat-bytes", "bytes", "SPaT", "bytes", "lower", "exact", (254, 858, 254, 924, 924)),
    ("map-bytes", "bytes", "MAP", "bytes", "lower", "exact", (1034, 1638, 1034, 1704, 1704)),
    (
        "srem-bytes",
        "bytes",
        "Priority request (SREM)",
        "bytes",
        "lower",
        "exact",
        (151, 755, 151, 821, 821),
    ),
    (
        "ssem-bytes",
        "bytes",
        "Priority answer (SSEM)",
        "bytes",
        "lower",
        "exact",
        (139, 743, 139, 809, 809),
    ),
    (
        "vehicle-certificate-bytes",
        "bytes",
        "Vehicle certificate",
        "bytes",
        "lower",
        "exact",
        (156, 1627, 156, 760, 760),
    ),
    (
        "rsu-certificate-bytes",
        "bytes",
        "RSU certificate",
        "bytes",
        "lower",
        "exact",
        (171, 1642, 171, 1751, 1751),
    ),
    (
        "firmware-signature-bytes",
        "bytes",
        "Firmware signature",
        "bytes",
        "lower",
        "exact",
        (64, 3309, 64, 3373, 3373),
    ),
    (
        "cbr-mean",
        "radio",
        "Channel busy, mean",
        "share",
        "lower",
        "model",
        (0.117, 0.337, 0.117, 0.151, 0.151),
    ),
    (
        "cbr-p95",
        "radio",
        "Channel busy, 95 %",
        "share",
        "lower",
        "model",
        (0.141, 0.377, 0.141, 0.181, 0.181),
    ),
    (
        "pdr-50m",
        "radio",
        "Delivered at 50 m",
        "share",
        "higher",
        "share",
        (0.985, 0.94, 0.985, 0.98, 0.98),
    ),
    (
        "pdr-100m",
        "radio",
        "Delivered at 100 m",
        "share",
        "higher",
        "share",
        (0.967, 0.897, 0.967, 0.958, 0.958),
    ),
    (
        "pdr-200m",
        "radio",
        "Delivered at 200 m",
        "share",
        "higher",
        "share",
        (0.84, 0.69, 0.84, 0.82, 0.82),
    ),
    (
        "first-verified-p50-s",
        "verification",
        "First verified message, median",
        "s",
        "lower",
        "median",
        (0.21, 0.34, 0.21, 0.25, 0.25),
    ),
    (
        "first-verified-p95-s",
        "verification",
        "First verified message, 95 %",
        "s",
        "lower",
        "tail",
        (0.21, 0.34, 0.21, 0.25, 0.25),
    ),
    (
        "information-age-p95-s",
        "verification",
        "Information age, 95 %",
        "s",
        "lower",
        "tail",
        (0.12, 0.19, 0.12, 0.13, 0.131),
    ),
    (
        "fresh-spat-share",
        "verification",
        "Stop lines passed with a verified SPaT < 0.5 s old",
        "share",
        "higher",
        "share",
        (0.97, 0.91, 0.97, 0.95, 0.95),
    ),
    ("sign-time-p50-us", "crypto", "Sign, median", "µs", "lower", "clock", (16, 175, 16, 190, 190)),
    (
        "verify-time-p50-us",
        "crypto",
        "Verify, median",
        "µs",
        "lower",
        "clock",
        (45, 20, 45, 66, 66),
    ),
    ("rsu-queue-p95-us", "crypto", "RSU queue, 95 %", "µs", "lower", "tail", (45, 20, 45, 66, 66)),
    (
        "rsu-utilisation",
        "crypto",
        "RSU processor in use",
        "share",
        "lower",
        "model",
        (0.02, 0.011, 0.02, 0.028, 0.031),
    ),
    (
        "handshake-fibre-p50-ms",
        "backhaul",
        "Handshake over fibre, median",
        "ms",
        "lower",
        "clock",
        (4, 5.9, None, 7.4, 7.6),
    ),
    (
        "handshake-5g-p50-ms",
        "backhaul",
        "Handshake over 5g, median",
        "ms",
        "lower",
        "clock",
        (58, 59.9, None, 61.4, 61.6),
    ),
    (
        "handshake-municipal-broadband-p50-ms",
        "backhaul",
        "Handshake over municipal-broadband, median",
        "ms",
        "lower",
        "clock",
        (71, 72.9, None, 74.4, 74.6),
    ),
    (
        "handshake-bytes",
        "backhaul",
        "Handshake, bytes",
        "bytes",
        "lower",
        "exact",
        (2150, 18400, None, 18910, 18910),
    ),
    (
        "handshake-round-trips",
        "backhaul",
        "Handshake, round trips",
        "",
        "lower",
        "exact",
        (1, 1, 1, 1, 1),
    ),
    (
        "handshake-success",
        "backhaul",
        "Handshakes that succeed",
        "share",
        "higher",
        "share",
        (1, 1, 1, 1, 1),
    ),
    (
        "ev-travel-time-s",
        "traffic",
        "Emergency vehicle, travel time",
        "s",
        "lower",
        "model",
        (142, 143, 142, 142, 142),
    ),
    (
        "ev-stops",
        "traffic",
        "Emergency vehicle, stops",
        "",
        "lower",
        "model",
        (0.8, 0.9, 0.8, 0.8, 0.8),
    ),
    (
        "others-delay-s",
        "traffic",
        "Delay of the other traffic",
        "s",
        "lower",
        "wide",
        (41, 41.3, 41, 41.1, 40.8),
    ),
    (
        "forged-granted",
        "attack",
        "Forged priority requests granted",
        "requests",
        "lower",
        "tries",
        (12, 0, 12, 0, 0),
    ),
    (
        "sessions-opened",
        "attack",
        "Recorded sessions opened",
        "sessions",
        "lower",
        "tries",
        (12, 0, None, 0, None),
    ),
    (
        "availability",
        "service",
        "Service available",
        "share",
        "higher",
        "share",
        (0.991, 0.99, 0.991, 0.99, 0.987),
    ),
    (
        "recovery-worst-s",
        "service",
        "Longest recovery",
        "s",
        "lower",
        "cited",
        (61, 64, 61, 66, math.inf),
    ),
)
# id, title, fault, expectation, held an approach, moments
_DRILLS: tuple[
    tuple[str, str, str, str, tuple[bool | None, ...], tuple[tuple[float, str], ...]], ...
] = (
    (
        "ca-offline",
        "CA offline",
        "The certificate authority answers nothing for 60 s.",
        "Traffic goes on with the certificates at hand.",
        (True,) * 5,
        (
            (0, "CA stops answering"),
            (0.4, "first renewal refused"),
            (60, "CA answers"),
            (61.2, "first renewal"),
        ),
    ),
    (
        "certificate-expired",
        "Certificate expired",
        "An RSU's certificate runs out.",
        "Its messages are refused at once.",
        (True,) * 5,
        ((0, "certificate expires"), (0.1, "first refusal"), (34, "new certificate")),
    ),
    (
        "rsu-offline",
        "RSU offline and back",
        "An RSU loses power for 30 s.",
        "Vehicles see it missing and trust it again.",
        (True, True, True, True, False),
        ((0, "power off"), (30, "power on"), (31.1, "first verified SPaT")),
    ),
    (
        "rsu-revoked",
        "RSU revoked",
        "An RSU is put on the revocation list.",
        "Every station refuses it within 60 s.",
        (True,) * 5,
        (
            (0, "revoked"),
            (2.2, "list signed"),
            (9.4, "first station refuses"),
            (41.7, "every station refuses"),
        ),
    ),
    (
        "clock-jump",
        "Clock jump",
        "An RSU's clock jumps by 90 s.",
        "Its messages are refused as stale or future.",
        (True,) * 5,
        (),
    ),
    (
        "stripped",
        "Hybrid stripped to classical",
        "An attacker removes the post-quantum half.",
        "The message is refused and the downgrade told.",
        (None, None, None, True, True),
        ((0, "stripped message sent"), (0.003, "refused: policy_downgrade")),
    ),
    (
        "q-day",
        "Q-day",
        "The adversary holds every classical private key it has seen a public key for.",
        "No forged request is granted and no session opened.",
        (False, True, False, True, True),
        (
            (0, "keys computed"),
            (0.1, "forged request sent"),
            (0.102, "verdict"),
            (12, "recorded sessions tried"),
        ),
    ),
)


def sample_results(*, seed: int = 1) -> Results:
    """A whole `Results`, every kind of thing in it, labelled as a sample."""
    rng = np.random.default_rng(seed)
    return Results(
        about={
            "scenario": "SAMPLE — invented numbers for tests, not a run",
            "seed": seed,
            "duration_s": 600.0,
            "demand": "600 random trips by randomTrips.py, routed by duarouter",
            "network": "south-east Berlin, © OpenStreetMap contributors, ODbL",
            "versions": {"roadseal": "0.1.0", "sumo": "1.28.0", "python": "3.11"},
            "command": "roadseal pilot run --approach all --seed 1 --duration 600 --out out/demo",
        },
        approaches=APPROACHES,
        measures=_measures(rng),
        curves=_curves(),
        drills=_drills(),
        emergency=_emergency(rng),
        limits=[
            "Vehicles are simulated by SUMO; demand on the embedded corridor is random.",
            "Radio is a closed-form model of IEEE 802.11p; no shadowing correlation, no buildings.",
            "Device classes scale measured cost by published factors.",
        ],
        sources=[
            "Sepulcre, Gonzalez-Martín, Gozalvez, Molina-Masegosa, Coll-Perales: "
            "Analytical models of the performance of IEEE 802.11p, 2021",
            "ETSI EN 302 637-2: CAM generation rules",
        ],
    )


def sample_links(corridor: Corridor) -> tuple[BackhaulLink, ...]:
    """Three media over the corridor's signals."""
    ids = [signal.id for signal in corridor.signals]
    third = max(1, len(ids) // 3)
    return (
        BackhaulLink("5g", tuple(ids[:third])),
        BackhaulLink("municipal-broadband", tuple(ids[third : third + 2])),
        BackhaulLink("fibre", qkd=True),
    )


def small_corridor() -> Corridor:
    """Four roads and three signals, two of them close together, one with a hostile name."""
    lines = {
        "a": ((0.0, 0.0), (900.0, 40.0)),
        "b": ((300.0, -200.0), (320.0, 400.0)),
        "c": ((600.0, -200.0), (590.0, 400.0)),
        "d": ((0.0, 300.0), (900.0, 280.0)),
    }
    roads = tuple(
        Road(name, f"{name.upper()}-Straße", 1 + place, math.dist(*line), line)
        for place, (name, line) in enumerate(lines.items())
    )
    places = {"cluster_1_2": (306.0, 14.0), "J7": (322.0, 22.0), "<script>J9": (597.0, 27.0)}
    signals = tuple(
        Signal(name, x, y, None, None, (name,), (), frozenset(), "0", "static", ())
        for name, (x, y) in places.items()
    )
    return Corridor(
        "sample", signals, roads, (0.0, -200.0, 900.0, 400.0), 3000.0, "1.28.0", "drawn by hand"
    )


def _measures(rng: np.random.Generator) -> list[Measure]:
    measures = []
    for name, group, label, unit, better, how, numbers in _ROWS:
        figures = (None if v is None else _figure(rng, how, v) for v in numbers)
        values = dict(zip(APPROACHES, figures, strict=True))
        measures.append(Measure(name, group, label, unit, better, values))
    return measures


def _figure(rng: np.random.Generator, how: str, value: float) -> Figure | None:
    if how == "model" or how == "clock" or how == "wide":
        spread = value * (0.9 if how == "wide" else 0.1)
        made = MEASURED if how == "clock" else MODELLED
        return mean(rng.normal(value, spread, 400), provenance=made)
    if how in ("median", "tail"):
        sample = rng.exponential(value, 900)
        return quantile(sample, 0.5 if how == "median" else 0.95, provenance=MODELLED)
    if how == "share":
        return share(round(value * 4000), 4000, provenance=MODELLED)
    if how == "cited":
        return exact(value, n=9, provenance=CITED, note="RSU offline and back")
    return exact(value, n=12 if how == "tries" else 1, provenance=MEASURED)


def _curves() -> list[Curve]:
    curves = []
    distance_m = [float(x) for x in range(0, 501, 10)]
    seconds = [float(x) for x in range(0, 600, 5)]
    for series, reach in {
        "CAM": (320, 240, 320, 310, 310),
        "SPaT": (310, 235, 310, 232, 232),
    }.items():
        for approach, metres in zip(APPROACHES, reach, strict=True):
            pdr = [1 / (1 + math.exp((x - metres) / 45)) for x in distance_m]
            curves.append(Curve("pdr", approach, series, distance_m, pdr, MODELLED))
    for approach, level in zip(APPROACHES, (0.117, 0.337, 0.117, 0.151, 0.151), strict=True):
        cbr = [level * (0.6 + 0.5 * math.sin(x / 90) ** 2 + 0.001 * (x % 35)) for x in seconds]
        curves.append(Curve("cbr", approach, "all messages", seconds, cbr, MODELLED))
    return curves


def _drills() -> list[DrillResult]:
    words = {
        True: "Held: 12 of 12 decisions as expected.",
        False: "Failed: 12 of 12 forged requests granted.",
        None: "Nothing to strip: the approach signs once.",
    }
    return [
        DrillResult(
            drill=name,
            title=title,
            approach=approach,
            fault=fault,
            expectation=expectation,
            held=held,
            observed=words[held],
            n=0 if held is None else 12,
            figures={} if held is None else {"recovery_s": 1.2, "availability": 0.991},
            timeline=() if held is None else tuple(Moment(float(t), what) for t, what in moments),
        )
        for name, title, fault, expectation, outcomes, moments in _DRILLS
        for approach, held in zip(APPROACHES, outcomes, strict=True)
    ]


def _emergency(rng: np.random.Generator) -> list[EmergencyTrip]:
    trips = []
    for vehicle in range(6):
        base = float(rng.uniform(140, 260))
        for approach in ("no priority", *APPROACHES):
            saved = 0.0 if approach == "no priority" else 38 + (2 if approach == "pqc" else 0)
            time_s = base - saved + float(rng.normal(0, 1.5))
            arrived = not (vehicle == 5 and approach == "no priority")
            stops = 3 if approach == "no priority" else 1
            trips.append(
                EmergencyTrip(approach, f"ev{vehicle}", time_s, time_s / 4, stops, arrived)
            )
    return trips
