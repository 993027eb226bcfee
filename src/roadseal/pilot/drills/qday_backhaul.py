"""Q-day on the wire: recorded sessions are opened, and somebody poses as the centre."""

from __future__ import annotations

from dataclasses import dataclass, replace

from roadseal.clock import ManualClock, Time64
from roadseal.net import (
    LOOPBACK,
    Authority,
    Outcome,
    QuantumOracle,
    Relay,
    Side,
    TlsContext,
    TlsProfile,
    classical_secrets_opened,
)
from roadseal.net.profile import SCHEMES
from roadseal.pilot.drills.backhaul import CENTRE, Backhaul, confirmed, listen, open_session

_ECDSA = "ecdsa_secp256r1_sha256"
SESSIONS = 3
"""Sessions that are recorded."""

_COMMANDS = 4  # in each session


@dataclass(frozen=True, slots=True)
class Eavesdropped:
    """What became of the recordings.

    Args:
        recorded: sessions.
        opened: those whose contents the adversary read.
        closed: those whose key exchange withstood.
        bytes_opened: plaintext read.
        group: key exchange seen on the wire.
    """

    recorded: int
    opened: int
    closed: int
    bytes_opened: int
    group: str


async def eavesdrop(profile: TlsProfile, now: Time64, *, seed: int) -> Eavesdropped:
    """Record real sessions at a relay and open them as far as a quantum oracle reaches."""
    oracle, clock = QuantumOracle(), ManualClock(now)
    backhaul = Backhaul(profile, now=now)
    unit = backhaul.unit()
    server = await listen(backhaul.centre(keylog=oracle.keylog), clock)
    try:
        async with Relay(LOOPBACK, "127.0.0.1", server.port, seed=seed, record=True) as relay:
            for _ in range(SESSIONS):
                stream = await open_session(relay.port, unit, clock)
                if stream is not None:
                    for number in range(_COMMANDS):
                        await confirmed(stream, number)
                    await stream.close()
            recordings = relay.recordings
    finally:
        await server.close()
    read = [classical_secrets_opened(recording, oracle) for recording in recordings]
    return Eavesdropped(
        len(read),
        sum(each.outcome is Outcome.OPENED for each in read),
        sum(each.outcome is Outcome.CLOSED for each in read),
        sum(each.bytes_opened for each in read),
        ", ".join(sorted({each.exchange.group_name for each in read})),
    )


async def impersonate(profile: TlsProfile, now: Time64) -> tuple[bool, bool]:
    """Pose as the centre with a certificate that the fallen ECDSA authority's key signed.

    Returns:
        Whether a unit that never met its centre took it for the centre, and whether one did that
        has seen the centre authenticate itself post-quantum, if it ever does.
    """
    clock = ManualClock(now)
    backhaul = Backhaul(profile, now=now)
    # Without an ECDSA authority there is none to fall: it tries with one of its own.
    fallen = backhaul.authorities.get(_ECDSA) or Authority.root(_ECDSA, "drill", now=now)
    own = replace(
        profile,
        name="adversary",
        signature_schemes=tuple(dict.fromkeys((*profile.signature_schemes, _ECDSA))),
        certificate_algorithms=(_ECDSA,),
    )
    context = TlsContext(
        Side.SERVER, own, [fallen.issue(CENTRE, now=now)], [*backhaul.anchors, fallen.certificate]
    )
    server = await listen(context, clock)
    try:
        taken_in = []
        for require in (None, _remembering(profile)):
            stream = await open_session(server.port, backhaul.unit(), clock, require=require)
            answered = stream is not None and (await confirmed(stream, 1))[0]
            taken_in.append(answered)
            if stream is not None:
                await stream.close()
    finally:
        await server.close()
    return taken_in[0], taken_in[1]


def _remembering(profile: TlsProfile) -> TlsProfile | None:
    """What a unit demands of a centre once seen to sign post-quantum; `None` if it never does."""
    safe = {scheme.name for scheme in SCHEMES.values() if scheme.quantum_safe}
    kept = tuple(name for name in profile.signature_schemes if name in safe)
    return replace(profile, signature_schemes=kept) if kept else None
