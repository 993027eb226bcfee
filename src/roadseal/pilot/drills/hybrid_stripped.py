"""Drill: an adversary strips a dual signature to its classical half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from roadseal.crypto import DowngradeGuard, Purpose, algorithm, load_profile
from roadseal.events import EventLog
from roadseal.pilot.drills.classical_half import ClassicalHalf
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene
from roadseal.pilot.issuer import Issuer
from roadseal.pilot.measures import Moment
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Reason,
    SigningKey,
    issue,
    message_profile,
)
from roadseal.v2x.permissions import EMERGENCY_VEHICLE, ROADSIDE_UNIT

_ROUNDS = 5
_ECDSA = "ecdsa-p256"


def run(scene: Scene) -> Finding:
    """Send genuine and stripped commands side by side."""
    if not algorithm(scene.approach.commands.message).components:
        return Finding(None, "Commands carry one signature: there is nothing to strip.", 0)
    receiver = scene.stations.verifier()
    old = Issuer.alone(message_profile(_ECDSA), start=scene.stations.commands.start)
    old.enter(receiver)
    events = EventLog()
    guard = DowngradeGuard(load_profile(scene.approach.profile), events)
    genuine: Counter[str] = Counter()
    stripped: Counter[str] = Counter()
    for index, (station, is_genuine, message) in enumerate(_messages(scene, old)):
        now = scene.at(index + LATENCY_S)
        verdict = receiver.verify(message, now)
        (genuine if is_genuine else stripped)[verdict.overall] += 1
        # Only what was authenticated counts: half a signature is one, of a weaker kind.
        if verdict.signature == Reason.OK and verdict.algorithm is not None:
            guard.observe(station, Purpose.MESSAGE, verdict.algorithm, now=now)
    kinds = Counter(event.kind for event in events.events)
    refused = kinds["downgrade.refused"]
    accepted = stripped[Reason.OK]
    held = (
        set(genuine) == {Reason.OK}
        and set(stripped) == {Reason.POLICY_DOWNGRADE}
        and refused == stripped.total()
    )
    return Finding(
        held,
        f"{stripped[Reason.POLICY_DOWNGRADE]} of {stripped.total()} stripped commands refused as "
        f"policy_downgrade, {accepted} accepted; {genuine[Reason.OK]} of {genuine.total()} genuine "
        f"ones accepted; the downgrade guard told {refused} times.",
        genuine.total() + stripped.total(),
        {
            "stripped_attempts": float(stripped.total()),
            "stripped_accepted": float(accepted),
            "refused_policy_downgrade": float(stripped[Reason.POLICY_DOWNGRADE]),
            "downgrade_events": float(refused),
            "genuine_accepted": float(genuine[Reason.OK]),
        },
        (
            Moment(0.0, "genuine commands"),
            Moment(2.0 * _ROUNDS, "stripped commands"),
        ),
    )


def _messages(scene: Scene, old: Issuer) -> Iterator[tuple[str, bool, bytes]]:
    """Station, whether it is genuine, and what is on the air in the second of its index."""
    unit, vehicle = scene.stations.roadside_unit(), scene.stations.emergency_vehicle()
    second = 0
    for _ in range(_ROUNDS):
        yield "unit", True, scene.spat(unit, second, certificate=True)
        yield "vehicle", True, scene.request(vehicle, second + 1)
        second += 2
    units = [_half(unit), _minted(scene, unit=True), old.roadside_unit()]
    vehicles = [_half(vehicle), _minted(scene, unit=False), old.emergency_vehicle()]
    for _ in range(_ROUNDS):
        for each in units:
            yield "unit", False, scene.spat(each, second, certificate=True)
            second += 1
        for each in vehicles:
            yield "vehicle", False, scene.request(each, second)
            second += 1


def _half(station: Credential) -> Credential:
    """The genuine certificate, and what remains of its signatures without the second half."""
    return Credential(station.certificate, ClassicalHalf(station.signer))


def _minted(scene: Scene, *, unit: bool) -> Credential:
    """A certificate for ECDSA alone, signed by the ECDSA half of the commands' authority."""
    authority = scene.stations.commands.authorisation
    key = SigningKey.generate(_ECDSA)
    contents = CertificateContents(
        start=scene.start,
        duration=Duration.hours(1),
        app_permissions=ROADSIDE_UNIT if unit else EMERGENCY_VEHICLE,
    )
    issuer = Credential(authority.certificate, ClassicalHalf(authority.signer))
    return Credential(issue(contents, key.algorithm, key.public_key, issuer), key)


DRILL = Drill(
    "hybrid-stripped",
    "Hybrid stripped to classical",
    "An adversary presents the ECDSA half of dual signatures alone, ECDSA certificates signed by "
    "the ECDSA half of the authority, and ECDSA certificates of an old authority that is still "
    "trusted, for SPaT and priority.",
    "Every one is refused as policy_downgrade and told by the downgrade guard; genuine commands "
    "are accepted.",
    run,
)
