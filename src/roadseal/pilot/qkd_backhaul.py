"""A backhaul link with QKD: two KMEs on loopback, fed by a modelled fibre, and the hybrid channel.

Simulated: the optics. Real: distillation, key stores, ETSI GS QKD 014, TLS, the channel. A KME
stands in the same building as the application it serves, so what passes between those two is not on
the line that an adversary records.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roadseal.clock import Clock, SystemClock
from roadseal.events import Emit
from roadseal.net import TlsProfile, TlsStream
from roadseal.operate.qkd.authentication import AuthenticationPool
from roadseal.operate.qkd.channel import ChannelSettings, HybridChannel, QkdKey, QkdPolicy
from roadseal.operate.qkd.client import Etsi014Client
from roadseal.operate.qkd.detections import draw
from roadseal.operate.qkd.distil import Abort, Distilled, Receiver, Sender, Settings, distil
from roadseal.operate.qkd.kme.pair import KmePair, start_pair
from roadseal.operate.qkd.link import LinkModel
from roadseal.operate.qkd.mixing import EXPORTER, EXPORTER_BYTES
from roadseal.operate.qkd.operating import OperatingPoint, optimise

FIBRE: Final = LinkModel(loss_db=5.0, misalignment=0.015)
"""20 km of municipal fibre at 0.2 dB/km, and 1 dB for connectors; gated detectors at 1 GHz."""

BLOCK_BITS: Final = 400_000
UNIT, CENTRE = "SAE_RSU", "SAE_TCC"
_KMES: Final = ("KME_FIELD", "KME_TCC")
_PADS: Final = bytes(range(16)) * 64  # shared beforehand; of a simulation, so it may be known


@dataclass(frozen=True, slots=True)
class QkdBackhaul:
    """Both ends of a link.

    Args:
        pair: the two KMEs.
        unit: the roadside unit's client of its KME.
        centre: the centre's.
        point: what the modelled link gives.
        seed: of the optics.
    """

    pair: KmePair
    unit: Etsi014Client
    centre: Etsi014Client
    point: OperatingPoint
    seed: int

    def feed(self, number: int, link: LinkModel = FIBRE) -> Distilled | Abort:
        """Distil a block and give both KMEs its key, if there is one."""
        outcome = block(link, self.point, number=number, seed=self.seed)
        if isinstance(outcome, Distilled):
            self.pair.import_block(number, bytes(outcome.secret.peek()))
        return outcome

    async def fresh_key(self) -> QkdKey:
        """The unit takes a key; what may go wrong is the client's to raise."""
        (key,) = await self.unit.enc_keys(CENTRE)
        return QkdKey(key.key_id, bytes(key.octets), key.provenance or "not stated")

    async def same_key(self, key_id: str) -> QkdKey:
        """The centre fetches the key of that ID."""
        (key,) = await self.centre.dec_keys(UNIT, [key_id])
        return QkdKey(key.key_id, bytes(key.octets), key.provenance or "not stated")


@asynccontextmanager
async def qkd_backhaul(
    profile: TlsProfile,
    clock: Clock,
    *,
    seed: int,
    directory: Path | None = None,
    emit: Emit | None = None,
) -> AsyncIterator[QkdBackhaul]:
    """Start the two KMEs of a link without keys, and stop them at the end.

    Args:
        profile: of TLS, the approach's own.
        clock: for certificates and events.
        seed: of the optics.
        directory: where the key stores are; thrown away afterwards if omitted.
        emit: hears what happens at both.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pair = await start_pair(
            directory or Path(scratch),
            clock=clock,
            kmes=_KMES,
            saes={UNIT: _KMES[0], CENTRE: _KMES[1]},
            profile=profile,
            emit=emit,
        )
        unit, centre = pair.client(UNIT), pair.client(CENTRE)
        try:
            point = optimise(FIBRE, block_bits=BLOCK_BITS)
            yield QkdBackhaul(pair, unit, centre, point, seed)
        finally:
            for client in (unit, centre):
                await client.http.close()
            await pair.close()


def block(link: LinkModel, point: OperatingPoint, *, number: int, seed: int) -> Distilled | Abort:
    """One block of a modelled link, distilled by two real ends; returns what Alice came to."""
    detections = round(point.block_bits / point.sent.key_basis**2)
    transmission, reception = draw(
        link, point.sent, detections=detections, seed=1_000 * seed + number
    )
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 - a simulation, so that it can be repeated
    settings = Settings(point.sent)
    outcome, _ = distil(
        Sender(
            transmission,
            settings,
            AuthenticationPool(_PADS),
            block=0,
            random_bytes=rng.randbytes,
        ),
        Receiver(
            reception, settings, AuthenticationPool(_PADS), block=0, random_bytes=rng.randbytes
        ),
    )
    return outcome


def channel_end(
    stream: TlsStream,
    *,
    initiates: bool,
    policy: QkdPolicy = QkdPolicy.REQUIRE,
    emit: Emit | None = None,
) -> HybridChannel:
    """One end of a hybrid channel inside an open TLS session."""
    ends = (UNIT, CENTRE) if initiates else (CENTRE, UNIT)
    settings = ChannelSettings(*ends, policy, accept_simulated=True)
    session = stream.session.export(EXPORTER, EXPORTER_BYTES, b"")
    return HybridChannel(settings, session, initiates=initiates, emit=emit)


async def open_channel(stream: TlsStream, key: QkdKey, clock: Clock) -> HybridChannel:
    """The unit's side: offer a key, check the centre's proof, give its own."""
    channel = channel_end(stream, initiates=True)
    await stream.send(channel.offer([key], clock.now()))
    await stream.send(channel.confirm(await stream.receive() or b"", clock.now()))
    return channel


async def answer_channel(stream: TlsStream, backhaul: QkdBackhaul, clock: Clock) -> HybridChannel:
    """The centre's side: fetch the key that the offer names, and prove it."""
    channel = channel_end(stream, initiates=False)
    offer = await stream.receive() or b""
    keys = [await backhaul.same_key(key_id) for key_id in channel.asked(offer)]
    await stream.send(channel.accept(offer, keys, clock.now()))
    channel.confirmed(await stream.receive() or b"", clock.now())
    return channel


async def measure_agreements(
    profile: TlsProfile, n: int, seed: int, clock: SystemClock
) -> list[float]:
    """How long taking a key, fetching it and confirming it take, n times on loopback; in ms."""
    times_ms = []
    session = bytes(EXPORTER_BYTES)
    async with qkd_backhaul(profile, clock, seed=seed) as backhaul:
        backhaul.feed(0)
        for _ in range(n):
            start_s = clock.monotonic_s()
            unit, centre = (
                HybridChannel(
                    ChannelSettings(own, peer, QkdPolicy.REQUIRE, accept_simulated=True),
                    session,
                    initiates=initiates,
                )
                for own, peer, initiates in ((UNIT, CENTRE, True), (CENTRE, UNIT, False))
            )
            now = clock.now()
            offer = unit.offer([await backhaul.fresh_key()], now)
            keys = [await backhaul.same_key(key_id) for key_id in centre.asked(offer)]
            centre.confirmed(unit.confirm(centre.accept(offer, keys, now), now), now)
            times_ms.append(1e3 * (clock.monotonic_s() - start_s))
    return times_ms
