"""The two ends of a backhaul session, real TLS on loopback, and what a unit asks over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from roadseal.clock import Clock, ManualClock, Time64
from roadseal.net import (
    Side,
    StreamLimits,
    TlsContext,
    TlsProfile,
    TlsRefusedError,
    TlsServer,
    TlsStream,
    connect,
    serve,
)
from roadseal.pilot.identities import CorridorPki

UNIT: Final = "rsu.drill.invalid"
CENTRE: Final = "centre.drill.invalid"

PATIENT_S: Final = 30.0
"""Real seconds for what must arrive: long, so that a busy machine changes no result."""

IMPATIENT_S: Final = 0.1
"""Real seconds for what cannot arrive."""

LIMITS: Final = StreamLimits(handshake_s=PATIENT_S, idle_s=PATIENT_S, close_s=IMPATIENT_S)
HASTY: Final = StreamLimits(handshake_s=IMPATIENT_S, idle_s=IMPATIENT_S, close_s=IMPATIENT_S)


class Backhaul:
    """Identities of a unit and its centre from the corridor's PKI, for one TLS profile.

    Attributes:
        profile: what both sides offer and accept.
        pki: who issues; private keys are in it.
    """

    def __init__(self, profile: TlsProfile, *, now: Time64) -> None:
        self.profile = profile
        self.pki = CorridorPki(profile, clock=ManualClock(now))

    def unit(self) -> TlsContext:
        """The roadside unit, which connects."""
        own = self.pki.identities(UNIT)
        return TlsContext(Side.CLIENT, self.profile, own, self.pki.anchors)

    def centre(self, *, keylog: Callable[[bytes], None] | None = None) -> TlsContext:
        """The centre, which listens."""
        own = self.pki.identities(CENTRE)
        return TlsContext(Side.SERVER, self.profile, own, self.pki.anchors, keylog=keylog)


async def listen(context: TlsContext, clock: Clock) -> TlsServer:
    """Confirm whatever units ask, by its number."""

    async def confirm(stream: TlsStream) -> None:
        while (request := await stream.receive()) is not None:
            await stream.send(request.replace(b"may I", b"you may"))

    return await serve(context, confirm, clock=clock, expect=[UNIT], limits=LIMITS)


async def open_session(
    port: int,
    context: TlsContext,
    clock: Clock,
    *,
    limits: StreamLimits = LIMITS,
    require: TlsProfile | None = None,
) -> TlsStream | None:
    """Connect to the centre; `None` if that was refused or timed out."""
    try:
        return await connect(
            "127.0.0.1",
            port,
            context,
            expect=[CENTRE],
            clock=clock,
            limits=limits,
            require=require,
        )
    except TlsRefusedError:
        return None


async def confirmed(
    stream: TlsStream, number: int, *, within_s: float = PATIENT_S
) -> tuple[bool, int]:
    """Ask whether command `number` may be carried out: yes only if the answer comes in time.

    Returns:
        Whether it may, and how many late answers to earlier questions were passed over.
    """
    late = 0
    try:
        async with asyncio.timeout(within_s):
            await stream.send(b"may I %d" % number)
            while (answer := await stream.receive()) is not None:
                if answer == b"you may %d" % number:
                    return True, late
                late += 1
    except (TimeoutError, TlsRefusedError):
        pass
    return False, late
