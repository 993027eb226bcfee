"""The hybrid channel, the one-time pad and the adapters: what they carry and what they refuse."""

from __future__ import annotations

import asyncio
import os
import random
import stat
from dataclasses import replace

import pytest

from roadseal.clock import ManualClock, Time64
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.net import Authority, Side, TlsContext, connect, serve
from roadseal.net.profile import HYBRID
from roadseal.operate.qkd.adapters import write_ikev2_ppk, write_wireguard_psk
from roadseal.operate.qkd.channel import (
    ChannelRefusedError,
    ChannelSettings,
    HybridChannel,
    QkdKey,
    QkdPolicy,
    Refusal,
)
from roadseal.operate.qkd.mixing import EXPORTER, EXPORTER_BYTES, Context, mix, prefixed
from roadseal.operate.qkd.one_time_pad import OneTimePad, PadVerdict
from roadseal.operate.qkd.secret import Secret

NOW = Time64(700_000_000_000_000)
SESSION = bytes(range(48))
KEY = QkdKey("6a1f", b"k" * 32, "simulated")
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))


def ends(policy=QkdPolicy.REQUIRE, *, his=None, session=SESSION, log=None, **options):
    mine = ChannelSettings("SAE_A", "SAE_B", policy, accept_simulated=True, **options)
    yours = replace(mine, own="SAE_B", peer="SAE_A", policy=his or policy)
    return (
        HybridChannel(mine, SESSION, initiates=True, emit=log),
        HybridChannel(yours, session, initiates=False, emit=log),
    )


def agree(a, b, keys=(KEY,), his=None, now=NOW):
    offer = a.offer(keys, now)
    b.confirmed(a.confirm(b.accept(offer, keys if his is None else his, now), now), now)


def refusal(action) -> Refusal:
    with pytest.raises(ChannelRefusedError) as caught:
        action()
    return caught.value.refusal


def test_data_flow_both_ways_once_both_have_proved_their_keys() -> None:
    a, b = ends()
    agree(a, b)
    assert b.open(a.seal(b"stop", NOW), NOW) == b"stop"
    assert a.open(b.seal(b"stopped", NOW), NOW) == b"stopped"
    assert a.has_qkd
    assert a.epoch == b.epoch == 0


def test_nothing_flows_before_that() -> None:
    a, b = ends()
    assert refusal(lambda: a.seal(b"x", NOW)) is Refusal.OUT_OF_TURN
    assert refusal(lambda: b.open(bytes(64), NOW)) is Refusal.OUT_OF_TURN


@pytest.mark.parametrize(
    "part", ["session", "qkd", "policy", "ends", "epoch", "before", "ids", "ratchet"]
)
def test_every_input_changes_every_key(part) -> None:
    context = Context("require", "A", "B", 0, ("id",))
    session, qkd, ratchet = SESSION, [b"k" * 32], b""
    first = mix(context, session, qkd, ratchet)
    changed = {
        "policy": replace(context, policy="prefer"),
        "ends": replace(context, initiator="B", responder="A"),
        "epoch": replace(context, epoch=1),
        "before": replace(context, before=b"x"),
        "ids": replace(context, key_ids=("i", "d")),
    }.get(part, context)
    second = mix(
        changed,
        session[::-1] if part == "session" else session,
        [b"j" * 32] if part == "qkd" else qkd,
        b"r" if part == "ratchet" else ratchet,
    )
    assert not {getattr(first, n) for n in first.__slots__} & {
        getattr(second, n) for n in second.__slots__
    }


def test_parts_cannot_be_shifted_into_each_other() -> None:
    assert len({prefixed(p) for p in ([b"ab"], [b"a", b"b"], [b"", b"ab"], [b"ab", b""], [])}) == 5


def test_another_session_or_another_key_is_not_confirmed() -> None:
    a, b = ends(session=bytes(48))
    assert refusal(lambda: agree(a, b)) is Refusal.NOT_CONFIRMED
    a, b = ends()
    other = replace(KEY, octets=b"x" * 32)
    assert refusal(lambda: agree(a, b, his=(other,))) is Refusal.NOT_CONFIRMED
    assert refusal(lambda: a.seal(b"x", NOW)) is Refusal.NOT_CONFIRMED  # closed for good


def test_the_policy_cannot_be_lowered_unseen() -> None:
    a, b = ends(QkdPolicy.PREFER, his=QkdPolicy.REQUIRE)
    assert refusal(lambda: agree(a, b)) is Refusal.POLICY_MISMATCH
    a, b = ends()
    lowered = a.offer([KEY], NOW).replace(b"require", b"prefer")
    assert refusal(lambda: b.accept(lowered, [KEY], NOW)) is Refusal.POLICY_MISMATCH
    a, b = ends(QkdPolicy.PREFER)
    stripped = a.offer([KEY], NOW).replace(b'"6a1f"', b"")
    answer = b.accept(stripped, [], NOW)  # he may, but then the transcripts differ
    assert refusal(lambda: a.confirm(answer, NOW)) is Refusal.NOT_CONFIRMED


def test_required_means_required() -> None:
    a, b = ends()
    assert refusal(lambda: a.offer([], NOW)) is Refusal.NO_QKD_KEY
    a, b = ends()
    assert refusal(lambda: b.accept(a.offer([KEY], NOW), [], NOW)) is Refusal.NO_QKD_KEY
    strict = ChannelSettings("SAE_A", "SAE_B", QkdPolicy.REQUIRE)
    channel = HybridChannel(strict, SESSION, initiates=True)
    assert refusal(lambda: channel.offer([KEY], NOW)) is Refusal.SIMULATED_KEY


def test_preferred_flows_without_for_a_time_and_says_so() -> None:
    log = EventLog()
    a, b = ends(QkdPolicy.PREFER, grace_s=60, log=log)
    agree(a, b, keys=())
    assert b.open(a.seal(b"x", NOW), NOW) == b"x"
    assert a.due(NOW)
    assert [e.kind for e in log.events].count("qkd.channel-without-qkd") == 2
    later = Time64(NOW + 61_000_000)
    assert refusal(lambda: a.seal(b"x", later)) is Refusal.GRACE_OVER
    a, b = ends(QkdPolicy.PREFER, grace_s=60)
    agree(a, b, keys=())
    agree(a, b, keys=(KEY,), now=Time64(NOW + 30_000_000))
    assert b.open(a.seal(b"x", later), later) == b"x"


def test_a_new_epoch_overlaps_the_old_by_one() -> None:
    a, b = ends(rekey_s=10, rekey_bytes=100)
    agree(a, b)
    early = a.seal(b"early", NOW)
    assert not a.due(NOW)
    assert a.due(Time64(NOW + 10_000_000))
    a.seal(bytes(100), NOW)
    assert a.due(NOW)
    agree(a, b, keys=(replace(KEY, key_id="2"),))
    assert b.open(early, NOW) == b"early"
    assert b.open(a.seal(b"late", NOW), NOW) == b"late"
    agree(a, b, keys=(replace(KEY, key_id="3"),))
    assert refusal(lambda: b.open(early, NOW)) is Refusal.REPLAYED


@pytest.mark.parametrize("damage", ["flip", "replay", "skip", "short", "epoch"])
def test_a_record_counts_once_whole_and_in_order(damage) -> None:
    a, b = ends()
    agree(a, b)
    first, second = a.seal(b"one", NOW), a.seal(b"two", NOW)
    if damage == "replay":
        b.open(first, NOW)
    bad = {
        "flip": first[:-1] + bytes([first[-1] ^ 1]),
        "replay": first,
        "skip": second,
        "short": first[:20],
        "epoch": first[:1] + b"\0\0\0\7" + first[5:],
    }[damage]
    expected = {"flip": Refusal.FORGED, "short": Refusal.MALFORMED}.get(damage, Refusal.REPLAYED)
    assert refusal(lambda: b.open(bad, NOW)) is expected


@pytest.mark.fuzz
def test_mutants_open_nothing_and_raise_nothing_else() -> None:
    rng = random.Random(5)
    for _ in range(MUTANTS):
        a, b = ends()
        said = [a.offer([KEY], NOW)]
        target = rng.randrange(4)
        try:
            for step in range(4):
                message = bytearray(said[-1])
                if step == target:
                    message[rng.randrange(len(message))] ^= 1 << rng.randrange(8)
                end = b if step % 2 == 0 else a
                if step == 0:
                    said.append(end.accept(bytes(message), [KEY], NOW))
                elif step == 1:
                    said.append(end.confirm(bytes(message), NOW))
                elif step == 2:
                    end.confirmed(bytes(message), NOW)
                    said.append(b.seal(b"secret", NOW))
                else:
                    end.open(bytes(message), NOW)
        except ChannelRefusedError:
            continue
        pytest.fail(f"a changed message was taken at step {target}")


def test_over_real_tls_both_ends_export_the_same() -> None:
    clock = ManualClock(NOW)
    root = Authority.root("mldsa65", "root", now=NOW)

    def context(side, name):
        return TlsContext(side, HYBRID, [root.issue(name, now=NOW)], [root.certificate])

    async def respond(stream):
        session = stream.session.export(EXPORTER, EXPORTER_BYTES, b"")
        channel = HybridChannel(ends()[1].settings, session, initiates=False)
        await stream.send(channel.accept(await stream.receive(), [KEY], NOW))
        channel.confirmed(await stream.receive(), NOW)
        command = channel.open(await stream.receive(), NOW)
        await stream.send(channel.seal(b"done: " + command, NOW))

    async def main():
        server = await serve(context(Side.SERVER, "SAE_B"), respond, clock=clock)
        stream = await connect(
            "127.0.0.1", server.port, context(Side.CLIENT, "SAE_A"), expect=["SAE_B"], clock=clock
        )
        session = stream.session.export(EXPORTER, EXPORTER_BYTES, b"")
        channel = HybridChannel(ends()[0].settings, session, initiates=True)
        await stream.send(channel.offer([KEY], NOW))
        await stream.send(channel.confirm(await stream.receive(), NOW))
        await stream.send(channel.seal(b"all red", NOW))
        answer = channel.open(await stream.receive(), NOW)
        await stream.close()
        await server.close()
        return answer, stream.negotiated.group

    assert asyncio.run(main()) == (b"done: all red", "X25519MLKEM768")


# --- one-time pad ---------------------------------------------------------------------------------


def pads(size=400):
    key = os.urandom(size)
    return OneTimePad(Secret(key)), OneTimePad(Secret(key))


def test_commands_arrive_and_their_key_is_gone() -> None:
    a, b = pads()
    for command in (b"", b"all red", bytes(100)):
        assert b.open(a.seal(command)) == (PadVerdict.OK, command)
    assert a.budget_bytes == b.budget_bytes == 384 - 107 - 48
    with pytest.raises(RoadsealError, match="left"):
        a.seal(bytes(256))
    with pytest.raises(RoadsealError, match="too large"):
        a.seal(bytes(257))


def test_a_pad_takes_no_forgery_and_no_replay() -> None:
    a, b = pads()
    first, lost, third = a.seal(b"one"), a.seal(b"two"), a.seal(b"three")
    for place in range(8 * len(first)):
        forged = bytearray(first)
        forged[place // 8] ^= 1 << place % 8
        assert b.open(bytes(forged))[0] in (PadVerdict.FORGED, PadVerdict.BEYOND_KEY)
    assert b.open(first) == (PadVerdict.OK, b"one")
    assert b.open(first)[0] is PadVerdict.REPLAYED
    assert b.open(third) == (PadVerdict.OK, b"three")
    assert b.open(lost)[0] is PadVerdict.REPLAYED
    assert b.open(b"")[0] is PadVerdict.MALFORMED
    assert "one" not in repr(b)


# --- adapters -------------------------------------------------------------------------------------


def test_files_for_wireguard_and_ikev2(tmp_path) -> None:
    key = bytes(range(32))
    write_wireguard_psk(tmp_path / "psk", key)
    assert (tmp_path / "psk").read_text() == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    write_ikev2_ppk(tmp_path / "ppk.conf", "6a1f@kme", key)
    text = (tmp_path / "ppk.conf").read_text()
    assert 'id = "6a1f@kme"' in text
    assert f"secret = 0x{key.hex()}" in text
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(RoadsealError):
        write_wireguard_psk(tmp_path / "psk", key[:16])
    with pytest.raises(RoadsealError):
        write_ikev2_ppk(tmp_path / "ppk.conf", 'x" }', key)
