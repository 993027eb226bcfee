"""Emergency vehicles: a dot a vehicle, a row an approach, the first row without priority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import altair as alt

from roadseal.pilot.measures import EmergencyTrip, Results
from roadseal.pilot.report.drawing import (
    WIDTH_PX,
    Drawing,
    draw,
    inline,
    names_axis,
    names_px,
)
from roadseal.pilot.report.exhibit import DataTable, Exhibit, absent
from roadseal.pilot.report.style import ApproachStyle
from roadseal.pilot.table import number

NO_PRIORITY = "no priority"
"""The trips to compare with: every signal runs as if nobody asked."""

_TITLE = "Travel time of each emergency vehicle"


def trips_exhibit(results: Results, styles: Mapping[str, ApproachStyle]) -> Exhibit:
    """Travel times, one dot a vehicle; a thin line follows a vehicle through the rows."""
    if not results.emergency:
        return absent(_TITLE, "No emergency vehicle drove in this run.")
    arrived = [trip for trip in results.emergency if trip.arrived]
    if not arrived:
        return absent(_TITLE, "No emergency vehicle reached its destination within the run.")
    order = [NO_PRIORITY, *styles]
    rows = [name for name in order if any(trip.approach == name for trip in results.emergency)]
    lost = len(results.emergency) - len(arrived)
    caption = (
        "Modelled. Each dot is one vehicle, the tall stroke their mean; a thin line follows one."
    )
    if lost:
        caption += (
            f" {lost} of {len(results.emergency)} trips did not end within the run; not drawn."
        )
    picture = draw(
        _dots(arrived, rows, styles),
        title=_TITLE,
        description=f"A row for each of {', '.join(rows)}. {caption}",
        key="trips",
    )
    return Exhibit(_TITLE, picture, caption, _table(results.emergency, rows))


def mean_travel_times_s(results: Results) -> Mapping[str, float]:
    """Mean travel time an approach, over the vehicles that arrived under every one of them."""
    times: dict[str, dict[str, float]] = {}
    for trip in results.emergency:
        if trip.arrived:
            times.setdefault(trip.approach, {})[trip.vehicle] = trip.travel_time_s
    shared = set.intersection(*(set(each) for each in times.values())) if times else set()
    if not shared:
        return {}
    return {name: fmean(each[vehicle] for vehicle in shared) for name, each in times.items()}


def _dots(
    trips: Sequence[EmergencyTrip], rows: Sequence[str], styles: Mapping[str, ApproachStyle]
) -> Drawing:
    place = {name: index for index, name in enumerate(rows)}
    data = [
        {
            "approach": trip.approach,
            "vehicle": trip.vehicle,
            "time": trip.travel_time_s,
            "place": place[trip.approach],
        }
        for trip in trips
        if trip.approach in place
    ]
    means = [
        {"approach": name, "time": fmean(times)}
        for name in rows
        if (times := [trip.travel_time_s for trip in trips if trip.approach == name])
    ]
    x = alt.X(
        "time:Q",
        title="travel time, s",
        axis=alt.Axis(tickCount=5),
        scale=alt.Scale(zero=False, nice=True, padding=8),
    )
    y = names_axis(rows)
    names = [NO_PRIORITY, *styles]
    colours = ["var(--soft)", *(style.colour for style in styles.values())]
    shapes = ["circle", *(style.shape for style in styles.values())]
    colour = alt.Color("approach:N", scale=alt.Scale(domain=names, range=colours), legend=None)
    shape = alt.Shape("approach:N", scale=alt.Scale(domain=names, range=shapes), legend=None)
    thread = (
        alt.Chart(inline(data))
        .mark_line(strokeWidth=1, color="var(--grid)")
        .encode(x, y, alt.Detail("vehicle:N"), alt.Order("place:Q"))
    )
    middle = (
        alt.Chart(inline(means)).mark_tick(thickness=3, height=26, color="var(--ink)").encode(x, y)
    )
    dot = (
        alt.Chart(inline(data))
        .mark_point(filled=True, size=70, opacity=0.85)
        .encode(x, y, colour, shape)
    )
    return alt.layer(thread, middle, dot).properties(
        width=WIDTH_PX - names_px(rows) - 14, height=alt.Step(38)
    )


def _table(trips: Sequence[EmergencyTrip], rows: Sequence[str]) -> DataTable:
    found = {(trip.vehicle, trip.approach): trip for trip in trips}
    vehicles = sorted({trip.vehicle for trip in trips})
    return DataTable(
        ["vehicle", *rows],
        [[vehicle, *(_told(found.get((vehicle, name))) for name in rows)] for vehicle in vehicles],
    )


def _told(trip: EmergencyTrip | None) -> str:
    if trip is None:
        return ""
    if not trip.arrived:
        return "not arrived"
    stops = "1 stop" if trip.stops == 1 else f"{trip.stops} stops"
    return f"{number(trip.travel_time_s)} s, {stops}"
