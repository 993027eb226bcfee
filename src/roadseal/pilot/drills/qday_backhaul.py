"""Q-day on the wire: recorded sessions are opened, and somebody poses as the centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from roadseal.clock import Clock, ManualClock, Time64
from roadseal.net import (
    CLASSICAL,
    LOOPBACK,
    Outcome,
    QuantumOracle,
    Recording,
    Relay,
    Side,
    TlsContext,
    TlsProfile,
    TlsStream,
    classical_secrets_opened,
    serve,
)
from roadseal.net.profile import SCHEMES
from roadseal.operate.pki import Authority
from roadseal.operate.pki.tls_identity import issue_identity
from roadseal.pilot.drills.backhaul import (
    CENTRE,
    LIMITS,
    UNIT,
    Backhaul,
    confirmed,
    listen,
    open_session,
)
from roadseal.pilot.identities import ALGORITHMS, CorridorPki
from roadseal.pilot.qkd_backhaul import answer_channel, open_channel, qkd_backhaul

_ECDSA = "ecdsa_secp256r1_sha256"
SESSIONS = 3
"""Sessions that are recorded."""

_COMMANDS = 4  # in each session
_ASKED = b"may I"


@dataclass(frozen=True, slots=True)
class Eavesdropped:
    """What became of the recordings.

    Args:
        recorded: sessions.
        opened: those whose commands the adversary read.
        withstood: those that gave up nothing that was said.
        tls_opened: those whose TLS layer fell, whatever was inside.
        bytes_opened: plaintext read.
        group: key exchange seen on the wire.
    """

    recorded: int
    opened: int
    withstood: int
    tls_opened: int
    bytes_opened: int
    group: str


async def eavesdrop(
    profile: TlsProfile, now: Time64, *, seed: int, with_qkd: bool = False
) -> Eavesdropped:
    """Record real sessions at a relay and open them as far as a quantum oracle reaches.

    Args:
        profile: of TLS.
        now: of the virtual clock.
        seed: of the relay and of the modelled optics.
        with_qkd: whether commands go through the hybrid channel inside TLS.
    """
    oracle, clock = QuantumOracle(), ManualClock(now)
    backhaul = Backhaul(profile, now=now)
    unit, centre = backhaul.unit(), backhaul.centre(keylog=oracle.keylog)
    if with_qkd:
        recordings = await _recorded_with_qkd(unit, centre, clock, seed)
    else:
        recordings = await _recorded(unit, centre, clock, seed)
    read = [classical_secrets_opened(recording, oracle) for recording in recordings]
    opened = [each for each in read if _ASKED in each.client_plaintext]
    return Eavesdropped(
        len(read),
        len(opened),
        sum(each.outcome in (Outcome.OPENED, Outcome.CLOSED) for each in read) - len(opened),
        sum(each.outcome is Outcome.OPENED for each in read),
        sum(each.bytes_opened for each in opened),
        ", ".join(sorted({each.exchange.group_name for each in read})),
    )


async def _recorded(
    unit: TlsContext, centre: TlsContext, clock: ManualClock, seed: int
) -> Sequence[Recording]:
    """Sessions of a few commands each, as a relay saw them."""
    server = await listen(centre, clock)
    try:
        async with Relay(LOOPBACK, "127.0.0.1", server.port, seed=seed, record=True) as relay:
            for _ in range(SESSIONS):
                stream = await open_session(relay.port, unit, clock)
                if stream is not None:
                    for number in range(_COMMANDS):
                        await confirmed(stream, number)
                    await stream.close()
            return relay.recordings
    finally:
        await server.close()


async def _recorded_with_qkd(
    unit: TlsContext, centre: TlsContext, clock: ManualClock, seed: int
) -> Sequence[Recording]:
    """The same, the commands inside the hybrid channel; KMEs and their keys are not on the line."""
    async with qkd_backhaul(unit.profile, clock, seed=seed) as keys:
        keys.feed(0)

        async def confirm(stream: TlsStream) -> None:
            channel = await answer_channel(stream, keys, clock)
            while (record := await stream.receive()) is not None:
                asked = channel.open(record, clock.now())
                answer = asked.replace(_ASKED, b"you may")
                await stream.send(channel.seal(answer, clock.now()))

        server = await serve(centre, confirm, clock=clock, expect=[UNIT], limits=LIMITS)
        try:
            async with Relay(LOOPBACK, "127.0.0.1", server.port, seed=seed, record=True) as relay:
                for _ in range(SESSIONS):
                    stream = await open_session(relay.port, unit, clock)
                    if stream is None:
                        continue
                    channel = await open_channel(stream, await keys.fresh_key(), clock)
                    for number in range(_COMMANDS):
                        asked = channel.seal(_ASKED + b" %d" % number, clock.now())
                        await stream.send(asked)
                        channel.open(await stream.receive() or b"", clock.now())
                    await stream.close()
                return relay.recordings
        finally:
            await server.close()


async def impersonate(profile: TlsProfile, now: Time64) -> tuple[bool, bool]:
    """Pose as the centre with a certificate that the fallen ECDSA authority's key signed.

    Returns:
        Whether a unit that never met its centre took it for the centre, and whether one did that
        has seen the centre authenticate itself post-quantum, if it ever does.
    """
    clock = ManualClock(now)
    backhaul = Backhaul(profile, now=now)
    # Without an ECDSA authority there is none to fall: it tries with one of its own.
    fallen = backhaul.pki.authorities.get(_ECDSA) or _of_its_own(clock)
    own = replace(
        profile,
        name="adversary",
        signature_schemes=tuple(dict.fromkeys((*profile.signature_schemes, _ECDSA))),
        certificate_algorithms=(_ECDSA,),
    )
    forged = issue_identity(fallen, CENTRE, algorithm=ALGORITHMS[_ECDSA])
    context = TlsContext(Side.SERVER, own, [forged], [*backhaul.pki.anchors, fallen.chain[-1]])
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


def _of_its_own(clock: Clock) -> Authority:
    """An ECDSA authority that nobody trusts."""
    return CorridorPki(CLASSICAL, clock=clock).authorities[_ECDSA]


def _remembering(profile: TlsProfile) -> TlsProfile | None:
    """What a unit demands of a centre once seen to sign post-quantum; `None` if it never does."""
    safe = {scheme.name for scheme in SCHEMES.values() if scheme.quantum_safe}
    kept = tuple(name for name in profile.signature_schemes if name in safe)
    return replace(profile, signature_schemes=kept) if kept else None
