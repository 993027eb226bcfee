"""Drill: a unit that knows no post-quantum cryptography, as receiver and as sender."""

from __future__ import annotations

from roadseal.crypto import Purpose, load_profile
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import LATENCY_S, Scene
from roadseal.pilot.issuer import Issuer
from roadseal.v2x import Policy, Reason, Verdict, Verifier, message_profile
from roadseal.v2x.policy import CLASSICAL

_ECDSA = "ecdsa-p256"
_ROUNDS = 10
_ANCHORED_S = 3_600.0


def run(scene: Scene) -> Finding:
    """Let an old receiver hear the approach's stations, and new receivers an old vehicle."""
    hears = _old_receiver(scene)
    heard = _old_sender(scene)
    verdicts = {**hears, **heard}
    expected = _expected(scene)
    wrong = sorted(name for name, reasons in verdicts.items() if reasons != {expected[name]})
    counts = {name: float(_ROUNDS * (reasons == {Reason.OK})) for name, reasons in verdicts.items()}
    said = "; ".join(f"{name}: {', '.join(sorted(reasons))}" for name, reasons in verdicts.items())
    return Finding(
        not wrong,
        f"{said}." + (f" Not as the policy says: {', '.join(wrong)}." if wrong else ""),
        _ROUNDS * len(verdicts),
        {
            "old_receiver_spat_verified": counts["old receiver, SPaT"],
            "old_receiver_cam_verified": counts["old receiver, CAM"],
            "old_cam_accepted": counts["old CAM"],
            "old_cam_in_batch_accepted": counts["old CAM in a post-quantum batch"],
            "old_priority_granted": counts["old priority request"],
            "attempts_each": float(_ROUNDS),
        },
    )


def _expected(scene: Scene) -> dict[str, Reason]:
    """What the profiles say, without asking the engine."""
    profile = load_profile(scene.approach.profile)
    commands, awareness = scene.approach.commands, scene.approach.awareness

    def computable(*algorithms: str) -> Reason:
        known = all(algorithm in CLASSICAL for algorithm in algorithms)
        return Reason.OK if known else Reason.UNSUPPORTED_ALGORITHM

    def taken(*answers: bool) -> Reason:
        return Reason.OK if all(answers) else Reason.POLICY_DOWNGRADE

    message = profile[Purpose.MESSAGE].accepts(_ECDSA)
    certificate = profile[Purpose.CERTIFICATE].accepts(_ECDSA)
    return {
        "old receiver, SPaT": computable(commands.message, commands.certificate),
        "old receiver, CAM": computable(awareness.message, awareness.certificate),
        "old CAM": taken(message, certificate),
        "old CAM in a post-quantum batch": taken(message),
        "old priority request": taken(commands.message == _ECDSA),
        "old priority request altered": Reason.BAD_SIGNATURE,
    }


def _old_receiver(scene: Scene) -> dict[str, set[str]]:
    """It has every certificate, and software that computes ECDSA alone."""
    profile = load_profile("classical-2016")
    old = scene.stations.verifier(Policy.accepting(profile, supported=CLASSICAL))
    unit, vehicle = scene.stations.roadside_unit(), scene.stations.vehicle()
    spat, cam = set(), set()
    for second in range(_ROUNDS):
        spat.add(_judge(scene, old, scene.spat(unit, second, certificate=True), second).overall)
        cam.add(_judge(scene, old, scene.cam(vehicle, second), second).overall)
    return {"old receiver, SPaT": spat, "old receiver, CAM": cam}


def _old_sender(scene: Scene) -> dict[str, set[str]]:
    """Its ECDSA authority is trusted by all: what decides is the policy."""
    authority = Issuer.alone(message_profile(_ECDSA), start=scene.stations.commands.start)
    vehicle, emergency = authority.vehicle(), authority.emergency_vehicle()
    plain, vouched = _trusting(scene, authority), _trusting(scene, authority)
    for each in (vehicle, emergency):
        vouched.anchor(each.digest, scene.at(_ANCHORED_S))
    heard: dict[str, set[str]] = {}
    for second in range(_ROUNDS):
        cam = scene.cam(vehicle, second)
        request = scene.request(emergency, second)
        altered = request.replace(b"ambulance", b"ambulancE", 1)
        for name, verifier, message in (
            ("old CAM", plain, cam),
            ("old CAM in a post-quantum batch", vouched, cam),
            ("old priority request altered", vouched, altered),
            ("old priority request", vouched, request),
        ):
            verdict = _judge(scene, verifier, message, second)
            heard.setdefault(name, set()).add(verdict.overall)
    return heard


def _trusting(scene: Scene, authority: Issuer) -> Verifier:
    verifier = scene.stations.verifier()
    authority.enter(verifier)
    return verifier


def _judge(scene: Scene, verifier: Verifier, message: bytes, time_s: float) -> Verdict:
    return verifier.verify(message, scene.at(time_s + LATENCY_S))


DRILL = Drill(
    "legacy-unit",
    "A unit without post-quantum cryptography",
    "An old receiver that computes only ECDSA hears the corridor; an old vehicle with an ECDSA "
    "certificate of a trusted authority sends CAMs and asks for priority, with and without a "
    "post-quantum batch that vouches for its certificate.",
    "The old receiver verifies in full or says unsupported_algorithm. New receivers take what the "
    "profile accepts and refuse the rest as policy_downgrade; commands never below the profile.",
    run,
)
