from __future__ import annotations

import math
import re
from dataclasses import replace
from xml.etree import ElementTree

from report_sample import sample_links, small_corridor

from roadseal.pilot.corridor import Corridor, Signal
from roadseal.pilot.report.corridor_map import corridor_map, links_by_signal, street_names
from roadseal.pilot.scenario_file import BackhaulLink


def marks(corridor: Corridor) -> list[tuple[float, float]]:
    picture = str(corridor_map(corridor, sample_links(corridor)).picture)
    found = re.findall(r'<circle cx="([\d.-]+)" cy="([\d.-]+)"', picture)
    return [(float(x), float(y)) for x, y in found]


def test_a_link_without_signals_serves_those_that_no_other_names() -> None:
    corridor = small_corridor()
    first, *rest = [signal.id for signal in corridor.signals]
    links = (BackhaulLink("5g", (first,)), BackhaulLink("fibre", qkd=True))
    served = links_by_signal(corridor, links)
    assert served[first].medium == "5g"
    assert {served[name].medium for name in rest} == {"fibre"}
    assert links_by_signal(corridor, links[:1]) == {first: links[0]}


def test_the_map_is_well_formed_and_has_roads_units_and_links() -> None:
    corridor = small_corridor()
    exhibit = corridor_map(corridor, sample_links(corridor))
    root = ElementTree.fromstring(str(exhibit.picture))
    classes = [element.get("class", "") for element in root.iter()]
    assert classes.count("road") == len({road.lanes for road in corridor.roads})
    assert sum(name.startswith("rsu") for name in classes) == len(corridor.signals)
    assert sum(name == "link" for name in classes) == len(corridor.signals)
    titles = [element.text or "" for element in root.iter() if element.tag.endswith("title")]
    assert any("<script>J9" in title for title in titles), "names are kept, as text"
    assert exhibit.data is not None
    assert len(exhibit.data.rows) == len(corridor.signals)


def test_north_is_up() -> None:
    corridor = small_corridor()
    south, north = (
        replace(corridor.signals[0], id=name, x=450.0, y=y)
        for name, y in (("south", -150.0), ("north", 350.0))
    )
    (_, y_south), (_, y_north) = marks(replace(corridor, signals=(south, north)))
    assert y_north < y_south


def test_no_mark_covers_another_even_on_the_same_spot() -> None:
    corridor = small_corridor()
    crowd = tuple(
        Signal(f"s{i}", 300.0, 10.0, None, None, (), (), frozenset(), "0", "static", ())
        for i in range(7)
    )
    places = marks(replace(corridor, signals=crowd))
    assert len(places) == 7
    gaps = [math.dist(a, b) for i, a in enumerate(places) for b in places[:i]]
    assert min(gaps) > 20


def test_a_signal_is_named_by_the_streets_that_meet_there() -> None:
    corridor = small_corridor()
    at_corner = replace(corridor.signals[0], x=0.0, y=300.0)
    assert street_names(corridor, at_corner) == ["D-Straße"]
    assert street_names(corridor, replace(at_corner, x=450.0, y=150.0)) == []
