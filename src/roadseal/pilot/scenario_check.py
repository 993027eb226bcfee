"""Whether a scenario can run: its file and the place that it names, looked at together."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from roadseal.crypto.toml_mistakes import Mistakes
from roadseal.pilot.corridor import Corridor, read_corridor
from roadseal.pilot.demand import EMBEDDED_NET
from roadseal.pilot.scenario import Scenario, read_sumocfg
from roadseal.pilot.scenario_file import (
    EMBEDDED,
    PilotScenario,
    examine_scenario,
    scenario_source,
)


def check_scenario(path: str) -> tuple[PilotScenario, Corridor]:
    """Load a scenario and its place.

    Args:
        path: a TOML file or a `*.sumocfg`.

    Raises:
        RoadsealError: it cannot run; every mistake is named, with its line and remedy.
    """
    mistakes = Mistakes()
    scenario = examine_scenario(path, mistakes)
    if scenario.network == EMBEDDED or Path(scenario.network).is_file():
        with mistakes.gather():
            corridor = corridor_of(scenario)
            check_signals(scenario, corridor, path)
    mistakes.settle()
    return scenario, corridor


def corridor_of(scenario: PilotScenario, traffic: Scenario | None = None) -> Corridor:
    """Read the place of a scenario.

    Args:
        scenario: which.
        traffic: what SUMO is given, where it is at hand.

    Raises:
        RoadsealError: the network, or what names it, cannot be used.
    """
    if traffic is None and scenario.network != EMBEDDED:
        traffic = read_sumocfg(Path(scenario.network))
    if traffic is None:
        corridor = read_corridor(EMBEDDED_NET, name=scenario.name, source="")
    else:
        corridor = read_corridor(
            traffic.net_file, traffic.additional_files, name=scenario.name, source=traffic.source
        )
    return corridor


def check_signals(scenario: PilotScenario, corridor: Corridor, path: str | None = None) -> None:
    """Refuse links to signals that the corridor does not have.

    Args:
        scenario: whose links.
        corridor: its place.
        path: the scenario's file, if the errors shall name their lines.

    Raises:
        RoadsealError: ``unknown-signal``, for each.
    """
    source, mistakes = scenario_source(path) if path else None, Mistakes()
    for index, link in enumerate(scenario.links):
        for signal in link.signals:
            place = source.at("link", index, "signals") if source else nullcontext()
            with mistakes.gather(), place:
                corridor.signal(signal)
    mistakes.settle()
