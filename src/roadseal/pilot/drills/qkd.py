"""Drills of the QKD backhaul: eavesdropper, cut, empty pool, dead KME, downgrade.

The optics are modelled; distillation, key stores, KMEs and the channel are real. Approaches without
QKD have nothing that could hold.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from roadseal.clock import ManualClock
from roadseal.errors import RoadsealError
from roadseal.net import TlsRefusedError
from roadseal.operate.qkd.channel import (
    ChannelRefusedError,
    ChannelSettings,
    HybridChannel,
    QkdKey,
    QkdPolicy,
    Refusal,
)
from roadseal.operate.qkd.distil import Distilled
from roadseal.operate.qkd.mixing import EXPORTER_BYTES
from roadseal.operate.qkd.monitor import CLEAN_BLOCKS, LinkMonitor
from roadseal.operate.qkd.operating import optimise
from roadseal.pilot.drills.drill import Drill, Finding
from roadseal.pilot.drills.scene import Scene
from roadseal.pilot.measures import Moment, Provenance
from roadseal.pilot.qkd_backhaul import (
    BLOCK_BITS,
    CENTRE,
    FIBRE,
    UNIT,
    QkdBackhaul,
    block,
    qkd_backhaul,
)

INTERCEPTED = 0.15
"""Share of the pulses that the drill's eavesdropper measures: a key could still be had of less."""

_CUT = replace(FIBRE, cut=True, dark_hz=0)


def _with_qkd(play: Callable[[Scene], Finding]) -> Callable[[Scene], Finding]:
    """Play it where the approach has QKD, and say so where it has not."""

    def run(scene: Scene) -> Finding:
        if scene.approach.key_source != "qkd":
            return Finding(None, "This approach has no QKD keys.", 0)
        return play(scene)

    return run


def _played(
    play: Callable[[Scene, QkdBackhaul], Coroutine[Any, Any, Finding]],
) -> Callable[[Scene], Finding]:
    """Play it on a link with two KMEs and one block of keys."""

    async def with_link(scene: Scene) -> Finding:
        clock = ManualClock(scene.start)
        async with qkd_backhaul(scene.approach.backhaul, clock, seed=scene.seed) as backhaul:
            backhaul.feed(0)
            return await play(scene, backhaul)

    return _with_qkd(lambda scene: asyncio.run(with_link(scene)))


def _eavesdropper(scene: Scene) -> Finding:
    point = optimise(FIBRE, block_bits=BLOCK_BITS)
    calibrated = FIBRE.expected_counts(point.sent, BLOCK_BITS)[1].error_rate
    monitor = LinkMonitor("fibre", calibrated)
    tapped = replace(FIBRE, intercepted=INTERCEPTED)
    links = [FIBRE, FIBRE, tapped, tapped, *[FIBRE] * CLEAN_BLOCKS, FIBRE]
    used_bits, tapped_bits, alarms = 0, 0, []
    for number, link in enumerate(links):
        outcome = block(link, point, number=number, seed=scene.seed)
        alarm = monitor.judge(outcome, scene.at(number * point.block_s))
        if alarm is not None:
            alarms.append(number)
        bits = 8 * len(outcome.secret) if isinstance(outcome, Distilled) else 0
        if link is tapped:
            tapped_bits += 0 if monitor.quarantined else bits
        used_bits += 0 if monitor.quarantined else bits
    recovery_s = CLEAN_BLOCKS * point.block_s
    return Finding(
        alarms == [2, 3] and tapped_bits == 0 and not monitor.quarantined and used_bits > 0,
        f"Alarms in blocks {', '.join(str(n + 1) for n in alarms)} of {len(links)}; no bit of them "
        f"was used; the link was clean again after {CLEAN_BLOCKS} blocks.",
        len(links),
        {
            "alarms": float(len(alarms)),
            "bits_used_while_tapped": float(tapped_bits),
            "recovery_s": round(recovery_s, 3),
        },
        (
            Moment(round(2 * point.block_s, 3), f"{INTERCEPTED:.0%} of the pulses intercepted"),
            Moment(round(3 * point.block_s, 3), "alarm, link in quarantine"),
            Moment(round(4 * point.block_s, 3), "eavesdropper gone"),
            Moment(round((4 + CLEAN_BLOCKS) * point.block_s, 3), "quarantine over"),
        ),
        Provenance.MODELLED,
    )


async def _cut(scene: Scene, backhaul: QkdBackhaul) -> Finding:
    before = await _agree(scene, backhaul, 0)
    dark = backhaul.feed(1, _CUT)
    during = await _agree(scene, backhaul, 1)
    again = backhaul.feed(2)
    after = await _agree(scene, backhaul, 2)
    held = before and during and after and not isinstance(dark, Distilled)
    recovery_s = backhaul.point.block_s
    return Finding(
        held and isinstance(again, Distilled),
        "The cut link made no key; the pool carried the channel on; the next block refilled it.",
        3,
        {"agreed": float(before + during + after), "recovery_s": round(recovery_s, 3)},
        (
            Moment(5.0, "fibre cut, the pool serves on"),
            Moment(15.0, "fibre back"),
            Moment(round(15.0 + recovery_s, 3), "first new block"),
        ),
        Provenance.MODELLED,
    )


async def _exhausted(scene: Scene, backhaul: QkdBackhaul) -> Finding:
    drawn, refused = 0, 0
    while not refused:
        try:
            drawn += len(await backhaul.unit.enc_keys(CENTRE, number=16))
        except RoadsealError as error:
            refused = getattr(error, "status", 0)
    while await _has_key(backhaul):  # what is too little for sixteen
        drawn += 1
    required = _without_key(scene, QkdPolicy.REQUIRE)
    preferred = _without_key(scene, QkdPolicy.PREFER)
    backhaul.feed(1)
    again = await _agree(scene, backhaul, 1)
    return Finding(
        refused == 503 and not required and preferred and again,
        f"After {drawn} keys the KME answers {refused}; `require` stops, `prefer` goes on under "
        "post-quantum keys for its limited time; a new block ends it.",
        drawn + 3,
        {"keys": float(drawn), "recovery_s": round(backhaul.point.block_s, 3)},
        (
            Moment(0.0, "pool empty, 503"),
            Moment(round(backhaul.point.block_s, 3), "new block, keys again"),
        ),
        Provenance.MODELLED,
    )


def _kme_killed(scene: Scene) -> Finding:
    async def play() -> Finding:
        clock, profile = ManualClock(scene.start), scene.approach.backhaul
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            async with qkd_backhaul(profile, clock, seed=scene.seed, directory=folder) as backhaul:
                backhaul.feed(0)
                first = await backhaul.fresh_key()
                stored = (await backhaul.unit.status(CENTRE))["stored_key_count"]
                await backhaul.pair.b.sae_server.close()
                await backhaul.pair.b.sync_server.close()
                refused = not await _has_key(backhaul)
                left = (await backhaul.unit.status(CENTRE))["stored_key_count"]
            async with qkd_backhaul(profile, clock, seed=scene.seed, directory=folder) as backhaul:
                fetched = await backhaul.same_key(first.key_id)
                backhaul.feed(1)  # what the dead process had leased is skipped for good
                second = await backhaul.fresh_key()
        lost = stored - left
        held = refused and not lost and fetched.octets == first.octets != second.octets
        return Finding(
            held,
            f"While the peer KME was dead the other answered 503 and lost {lost} keys; back again "
            "it gave the waiting key to its owner and went on with a fresh one.",
            3,
            {"keys_lost": float(lost)},
            (Moment(0.0, "KME killed, 503"), Moment(10.0, "KME back, no key twice")),
        )

    return asyncio.run(play())


def _downgrade(scene: Scene) -> Finding:
    """A man in the middle of an opened session lowers the policy, or strips the key."""
    key = QkdKey("drill", bytes(32), "simulated")
    said = {
        "policy": _tampered(scene, key, b'"require"', b'"prefer"'),
        "key": _tampered(scene, key, b'"drill"', b""),
        "nothing": _tampered(scene, key, b"", b""),
    }
    held = said["nothing"] is None and None not in (said["policy"], said["key"])
    return Finding(
        held,
        f"Policy lowered: {said['policy']}; key stripped: {said['key']}; untouched: agreed.",
        3,
        {"refused": float(sum(each is not None for each in said.values()))},
        (Moment(0.0, "offer changed on the way"), Moment(0.0, "channel refused")),
    )


def _tampered(scene: Scene, key: QkdKey, old: bytes, new: bytes) -> Refusal | None:
    unit, centre = _ends(QkdPolicy.REQUIRE)
    now = scene.start
    try:
        offer = unit.offer([key], now).replace(old, new)
        keys = [key] if centre.asked(offer) else []
        centre.confirmed(unit.confirm(centre.accept(offer, keys, now), now), now)
    except ChannelRefusedError as error:
        return error.refusal
    return None


def _ends(policy: QkdPolicy) -> tuple[HybridChannel, HybridChannel]:
    unit, centre = (
        HybridChannel(
            ChannelSettings(own, peer, policy, accept_simulated=True),
            bytes(EXPORTER_BYTES),
            initiates=own == UNIT,
        )
        for own, peer in ((UNIT, CENTRE), (CENTRE, UNIT))
    )
    return unit, centre


async def _agree(scene: Scene, backhaul: QkdBackhaul, number: int) -> bool:
    """Take a key, fetch it, agree on a channel, and send a command over it."""
    unit, centre = _ends(QkdPolicy.REQUIRE)
    now = scene.at(float(number))
    offer = unit.offer([await backhaul.fresh_key()], now)
    keys = [await backhaul.same_key(key_id) for key_id in centre.asked(offer)]
    centre.confirmed(unit.confirm(centre.accept(offer, keys, now), now), now)
    return centre.open(unit.seal(b"all red", now), now) == b"all red"


def _without_key(scene: Scene, policy: QkdPolicy) -> bool:
    """Whether a channel under this policy opens without a QKD key."""
    unit, centre = _ends(policy)
    try:
        offer = unit.offer([], scene.start)
        centre.confirmed(
            unit.confirm(centre.accept(offer, [], scene.start), scene.start), scene.start
        )
    except ChannelRefusedError:
        return False
    return unit.is_open and centre.is_open


async def _has_key(backhaul: QkdBackhaul) -> bool:
    try:
        await backhaul.fresh_key()
    except (RoadsealError, TlsRefusedError):
        return False
    return True


EAVESDROPPER = Drill(
    "qkd-eavesdropper",
    "Eavesdropper on the fibre",
    f"Somebody measures and resends {INTERCEPTED:.0%} of the pulses of a link (modelled).",
    "Each such block raises an alarm, none of its bits is used, and the link is used again only "
    "after clean blocks.",
    _with_qkd(_eavesdropper),
)
FIBRE_CUT = Drill(
    "qkd-fibre-cut",
    "QKD fibre cut",
    "The fibre is cut for a while (modelled); KMEs and channel go on.",
    "No key is made, the pool serves on, and the first new block after the cut is used.",
    _played(_cut),
)
POOL_EXHAUSTED = Drill(
    "qkd-pool-exhausted",
    "QKD key pool empty",
    "All keys of a link are drawn.",
    "The KME answers 503; a channel that requires QKD stops, one that prefers it goes on under "
    "post-quantum keys; new keys end it.",
    _played(_exhausted),
)
KME_KILLED = Drill(
    "qkd-kme-killed",
    "KME killed",
    "The KME at the other end dies and comes back on the same store.",
    "Meanwhile 503 and no key lost; afterwards a waiting key is still there for its owner, and "
    "none is given twice.",
    _with_qkd(_kme_killed),
)
DOWNGRADE = Drill(
    "qkd-downgrade",
    "QKD policy lowered on the way",
    "A man in the middle of an opened session lowers the policy of an offer, or strips its key.",
    "The channel is refused; untouched it opens.",
    _with_qkd(_downgrade),
)
