"""Drill: Q-day. Forged priority requests and SPaT, and recorded backhaul sessions opened."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.forgeries import adversary_of
from roadseal.pilot.drills.qday_backhaul import SESSIONS, Eavesdropped, eavesdrop, impersonate
from roadseal.pilot.drills.quantum_adversary import ForgeryKind, Guise, taken
from roadseal.pilot.drills.scene import LATENCY_S, Scene
from roadseal.pilot.measures import Moment
from roadseal.v2x import Credential, Reason, Verifier
from roadseal.v2x.permissions import EMERGENCY_VEHICLE, ROADSIDE_UNIT

ATTEMPTS = 5
"""Forgeries of each kind and service."""

_HEARD_S = 0.0
_QDAY_S = 10.0


def run(scene: Scene) -> Finding:
    """Forge on the air, open what was recorded on the wire, and pose as the centre."""
    vehicle, unit = scene.stations.emergency_vehicle(), scene.stations.roadside_unit()
    adversary = adversary_of(scene.stations, scene.at(_HEARD_S))
    requests = _forge(
        scene,
        adversary.guises(vehicle, EMERGENCY_VEHICLE, scene.request(vehicle, _HEARD_S)),
        scene.request,
    )
    spats = _forge(
        scene,
        adversary.guises(unit, ROADSIDE_UNIT, scene.spat(unit, _HEARD_S)),
        lambda credential, time_s: scene.spat(credential, time_s, certificate=True),
    )
    cams = _forged_cams(scene)
    with_qkd = scene.approach.key_source == "qkd"
    wire = asyncio.run(
        eavesdrop(scene.approach.backhaul, scene.start, seed=scene.seed, with_qkd=with_qkd)
    )
    posed, posed_with_memory = asyncio.run(impersonate(scene.approach.backhaul, scene.start))
    granted, believed = _accepted(requests), _accepted(spats)
    held = (
        granted == believed == wire.opened == 0
        and wire.recorded == wire.withstood == SESSIONS
        and not posed_with_memory
    )
    timeline = [
        Moment(_HEARD_S, "keys seen, sessions recorded"),
        Moment(_QDAY_S, "Q-day: classical keys fall"),
    ]
    if granted:
        timeline.append(Moment(_QDAY_S + LATENCY_S, "first forged request granted"))
    mixed = " QKD keys (simulated optics) were mixed in." if with_qkd else ""
    return Finding(
        held,
        _sentence(requests, spats, wire, granted, believed, cams) + mixed,
        sum(requests.values()) + sum(spats.values()) + ATTEMPTS + wire.recorded + 2,
        {
            "forged_attempts": float(sum(requests.values())),
            "forged_granted": float(granted),
            "forged_spat_attempts": float(sum(spats.values())),
            "forged_spat_accepted": float(believed),
            "forged_cam_attempts": float(ATTEMPTS),
            "forged_cam_accepted": float(cams),
            "sessions_recorded": float(wire.recorded),
            "sessions_opened": float(wire.opened),
            "tls_layers_opened": float(wire.tls_opened),
            "bytes_opened": float(wire.bytes_opened),
            "centre_impersonated": float(posed),
            "centre_impersonated_with_memory": float(posed_with_memory),
        },
        tuple(timeline),
    )


def _forge(
    scene: Scene, guises: tuple[Guise, ...], make: Callable[[Credential, float], bytes]
) -> Counter[tuple[ForgeryKind, str]]:
    """What one receiver says to forgeries under every guise, by kind and reason."""
    receiver: Verifier = scene.stations.verifier()
    said: Counter[tuple[ForgeryKind, str]] = Counter()
    for index, guise in enumerate(guises):
        for certificate in guise.handed_out:
            receiver.learn(certificate)
        for attempt in range(ATTEMPTS):
            time_s = _QDAY_S + index * ATTEMPTS + attempt
            message = make(guise.credential, time_s)
            verdict = receiver.verify(message, scene.at(time_s + LATENCY_S))
            said[guise.kind, verdict.overall] += 1
    return said


def _forged_cams(scene: Scene) -> int:
    """CAMs in the name of a vehicle it has seen that were believed."""
    forger, receiver = taken(scene.stations.vehicle()), scene.stations.verifier()
    times = [_QDAY_S + attempt for attempt in range(ATTEMPTS)]
    return sum(receiver.verify(scene.cam(forger, t), scene.at(t + LATENCY_S)).ok for t in times)


def _accepted(said: Counter[tuple[ForgeryKind, str]]) -> int:
    return sum(count for (_, reason), count in said.items() if reason == Reason.OK)


def _sentence(
    requests: Counter[tuple[ForgeryKind, str]],
    spats: Counter[tuple[ForgeryKind, str]],
    wire: Eavesdropped,
    granted: int,
    believed: int,
    cams: int,
) -> str:
    """What happened, with how each kind of request fared."""
    fared = ", ".join(f"{kind}: {reason}" for kind, reason in requests)
    return (
        f"{granted} of {sum(requests.values())} forged requests granted ({fared}); {believed} of "
        f"{sum(spats.values())} forged SPaT believed; {cams} of {ATTEMPTS} forged CAMs believed; "
        f"{wire.opened} of {wire.recorded} recorded sessions opened (key exchange {wire.group})."
    )


DRILL = Drill(
    "q-day",
    "Q-day",
    "The adversary holds every classical private key whose public key it has seen. It forges "
    "priority requests and SPaT under seen, minted and grafted certificates, opens recorded "
    "backhaul sessions, and poses as the centre.",
    "No forged request is granted, no forged SPaT believed, no recorded session opened, and a unit "
    "that has once seen its centre authenticate itself post-quantum takes nobody else for it. "
    "Forged CAMs are counted and not judged: where awareness is signed with ECDSA, they pass.",
    run,
)
