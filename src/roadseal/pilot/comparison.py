"""From what was run to the comparison: its table, its curves, its trips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from roadseal.pilot.comparison_rows import QKD_ROWS, ROWS, handshake_rows
from roadseal.pilot.evidence import Evidence
from roadseal.pilot.measures import Curve, EmergencyTrip, Measure, Provenance
from roadseal.pilot.radio import packet_delivery

MODELLED = Provenance.MODELLED


def compare(evidence: Mapping[str, Evidence]) -> list[Measure]:
    """The comparison table: a row a measure, a column an approach."""
    media = sorted({medium for each in evidence.values() for medium in each.handshakes or {}})
    rows = [*ROWS, *handshake_rows(media)]
    table = [row.measure(evidence) for row in rows]
    return [*table, *_key_source(evidence), *_places_kept(evidence)]


def curves(evidence: Mapping[str, Evidence]) -> list[Curve]:
    """Delivery over distance and the channel over time, for each approach."""
    return [curve for each in evidence.values() for curve in (*_pdr(each), _cbr(each))]


def emergency_trips(evidence: Mapping[str, Evidence]) -> list[EmergencyTrip]:
    """Every emergency vehicle's trip, without priority and under every approach."""
    first = next(iter(evidence.values()))
    trips = _trips("no priority", first.baseline.filter(pl.col("emergency")))
    for name, each in evidence.items():
        trips += _trips(name, each.on_air.outcome.emergency)
    return trips


def _trips(approach: str, table: pl.DataFrame) -> list[EmergencyTrip]:
    columns = ("vehicle", "travel_time_s", "time_loss_s", "stops", "arrived")
    return [
        EmergencyTrip(approach, str(vehicle), travel, loss, int(stops), bool(arrived))
        for vehicle, travel, loss, stops, arrived in table.select(columns).iter_rows()
    ]


def _key_source(evidence: Mapping[str, Evidence]) -> Iterator[Measure]:
    """Rows of approaches that have QKD keys; the others do without."""
    keyed = {name: e for name, e in evidence.items() if e.approach.key_source == "qkd"}
    for row in QKD_ROWS if keyed else ():
        yield row.measure(keyed)


def _places_kept(evidence: Mapping[str, Evidence]) -> Iterator[Measure]:
    """Rows whose parts arrive later: they are named, and empty."""
    controlled = {name: None for name, e in evidence.items() if e.approach.controls}
    if controlled:
        label = "Misbehaving station contained after"
        yield Measure("containment-s", "controls", label, "s", "lower", controlled)


def _pdr(e: Evidence) -> Iterator[Curve]:
    distance = np.arange(0, 401, 10)
    load = np.full(distance.shape, float(e.on_air.air.load.mean()))
    sizes = e.on_air.sizes
    for series, size in (("CAM", sizes.cam), ("CAM with certificate", sizes.cam_certificate)):
        config = replace(e.radio, bytes=size)
        pdr = packet_delivery(distance, load, config)
        yield Curve("pdr", e.approach.name, series, distance.tolist(), pdr.tolist(), MODELLED)


def _cbr(e: Evidence) -> Curve:
    busiest = e.on_air.air.cbr.max(axis=0)
    seconds = list(range(len(busiest)))
    return Curve("cbr", e.approach.name, "busiest signal", seconds, busiest.tolist(), MODELLED)
