"""What a run says of itself: what ran, what is simulated or modelled, and from which sources."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from roadseal import __version__
from roadseal.net import Impairment
from roadseal.pilot.approach import FIVE, load_approach, named_approaches
from roadseal.pilot.corridor_run import Setting
from roadseal.pilot.device import device
from roadseal.pilot.evidence import Evidence
from roadseal.pilot.radio import SOURCES
from roadseal.pilot.scenario_file import EMBEDDED, PilotScenario
from roadseal.pilot.simulation import SUMO_VERSION


def about(
    scenario: PilotScenario, setting: Setting, evidence: Mapping[str, Evidence]
) -> dict[str, Any]:
    """What ran, on what, and how much of it there was."""
    trace = setting.trace
    on_air = next(iter(evidence.values())).on_air
    return {
        "roadseal": __version__,
        "sumo": SUMO_VERSION,
        "command": _command(scenario),
        "scenario": scenario.name,
        "network": setting.scenario.source,
        "demand": setting.scenario.demand,
        "seed": scenario.seed,
        "duration_s": scenario.duration_s,
        "step_s": scenario.step_s,
        "access": scenario.access,
        "power_dbm": scenario.power_dbm,
        "bitrate_mbps": scenario.bitrate_mbps,
        "signals": len(setting.corridor.signals),
        "vehicles": trace.trips.height,
        "vehicle_steps": trace.vehicle_steps,
        "awareness_messages": on_air.awareness_messages,
        "cam_sample": scenario.cam_sample,
        "encounters": len(on_air.air.first_verified_s),
        "teleports": trace.incidents.teleports,
        "collisions": trace.incidents.collisions,
        "not_measured_yet": {
            name: list(e.approach.not_measured_yet)
            for name, e in evidence.items()
            if e.approach.not_measured_yet
        },
        "links": [
            {"medium": link.medium, "signals": list(link.signals), "qkd": link.qkd}
            for link in scenario.links
        ],
        "impairment": scenario.impairment,
    }


_LINKS_ARE_MADE: Mapping[Impairment, str] = {
    "relay": "Delay, jitter, bandwidth and loss of backhaul links, and what TCP makes of them, are "
    "modelled by a relay; sockets, TLS and certificates are real.",
    "netem": "Delay, jitter, bandwidth and loss of backhaul links are the kernel's netem, set to "
    "cited or assumed values; TCP, TLS and certificates are real.",
}


def limits(
    scenario: PilotScenario, setting: Setting, evidence: Mapping[str, Evidence]
) -> list[str]:
    """What is simulated, modelled, assumed or missing, in sentences."""
    conflicts = sum(e.on_air.outcome.conflicts for e in evidence.values())
    return [
        "Vehicles are simulated by SUMO; the road network and its signals are the scenario's.",
        setting.scenario.demand,
        "Radio delivery and channel load come from published closed-form models on a straight road "
        "with line of sight: buildings are not modelled.",
        "Vehicles attach their certificate once a second, roadside units once a second and after "
        "a vehicle they have not heard before.",
        "Every station enrols with a V2X authority of TS 102 941 and gets its tickets there, by "
        "the real requests; receivers trust what the authorities' signed lists say. The "
        "authorities run inside the pilot, on a database of the run; nothing of that travels.",
        "Every SPaT, MAP and priority request is really signed and verified; of the CAMs the "
        "stated sample is, and the measured cost drives the queues of the others.",
        "Costs of vehicles and roadside units are this machine's, scaled by the published time of "
        "one P-256 verification.",
        _LINKS_ARE_MADE[scenario.impairment],
        "FN-DSA (FIPS 206) is not published, and no IEEE 1609.2 or ETSI TS 103 097 text defines "
        "post-quantum choices: what is built on them is experimental and named with its version.",
        "QKD optics are modelled and their keys marked simulated; distillation, key stores, ETSI "
        "GS QKD 014 and the channel are real. QKD leaves the radio as it is.",
        "The zero-trust controls are not measured yet; zero-trust shows what it has without them.",
        "Under hybrid and zero-trust CAMs are signed with ECDSA alone: an adversary with a quantum "
        "computer forges them. What is acted upon is signed twice.",
        f"Emergency vehicles obey signals (no blue light); conflicting greens shown: {conflicts}.",
        *_without_keys(scenario),
    ]


def _without_keys(scenario: PilotScenario) -> list[str]:
    chosen = (load_approach(name) for name in named_approaches(scenario.approaches))
    asking = [approach.name for approach in chosen if approach.key_source == "qkd"]
    if not asking or any(link.qkd for link in scenario.links):
        return []
    return [f"No link is marked for QKD: {', '.join(asking)} ran without its keys."]


def sources(scenario: PilotScenario) -> list[str]:
    """Publications that the models and device classes rest on."""
    published = {device(name) for name in scenario.devices.values()}
    devices = sorted(each.source for each in published if each.p256_verify_us is not None)
    return [*SOURCES[scenario.access], *devices]


def _command(scenario: PilotScenario) -> str:
    """What runs this again, as far as the command line says it."""
    network = "" if scenario.network == EMBEDDED else f" {quote(scenario.network)}"
    names = "".join(f" --approach {quote(name)}" for name in scenario.approaches)
    approaches = " --approach all" if scenario.approaches == FIVE else names
    duration = f" --duration {scenario.duration_s:g}"
    impair = "" if scenario.impairment == "relay" else f" --impair {scenario.impairment}"
    return f"roadseal pilot run{network}{approaches} --seed {scenario.seed}{duration}{impair}"
