from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from v2x_material import HEARD, authority, message

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.v2x import Identification
from roadseal.v2x.fragment import (
    FRAME_BYTES,
    HEADER_BYTES,
    Outcome,
    Reassembler,
    ReassemblyLimits,
    fragments,
)

T = Time64(0)
A, B = b"source A", b"source B"


@given(
    message=st.binary(min_size=1, max_size=6_000).filter(lambda octets: octets[0] != 0xF1),
    frame=st.integers(min_value=HEADER_BYTES + 25, max_value=1_500),
    seed=st.integers(0, 2**32),
)
def test_any_message_comes_back_in_any_order(message: bytes, frame: int, seed: int) -> None:
    frames = fragments(message, frame_bytes=frame)
    assert all(len(piece) <= frame for piece in frames)
    if len(message) <= frame:
        assert frames == [message]
    chance = random.Random(seed)
    sent = frames + [piece for piece in frames if len(frames) > 1 and chance.random() < 0.3]
    chance.shuffle(sent)
    reassembler = Reassembler()
    complete = []
    for piece in sent:
        taken = reassembler.take(piece, A, T)
        assert taken.outcome in (Outcome.COMPLETE, Outcome.PENDING, Outcome.DUPLICATE)
        if taken.message is not None:
            complete.append(taken.message)
    assert complete[0] == message


def test_what_begins_as_a_fragment_is_no_message() -> None:
    with pytest.raises(RoadsealError, match="0xF1"):
        fragments(b"\xf1" + bytes(20))


def test_the_largest_message_of_the_engine_fits_the_frames_it_says() -> None:
    octets = message(authority("ml-dsa-65/rs1").vehicle(), Identification.CERTIFICATE)
    frames = fragments(octets)
    assert (len(octets), len(frames), len(frames[0])) == (8_745, 7, FRAME_BYTES)
    reassembler = Reassembler()
    taken = [reassembler.take(frame, A, T) for frame in reversed(frames)]
    assert [one.outcome for one in taken] == [Outcome.PENDING] * 6 + [Outcome.COMPLETE]
    assert taken[-1].message is not None
    verifier = authority("ml-dsa-65/rs1").verifier()
    assert verifier.verify(taken[-1].message, at=HEARD).ok
    assert reassembler.occupancy() == (0, 0)


def test_a_message_too_large_for_255_frames_is_the_callers_mistake() -> None:
    with pytest.raises(RoadsealError) as caught:
        fragments(bytes(300_000), frame_bytes=1_000)
    assert caught.value.code == "message-too-large-to-fragment"
    with pytest.raises(RoadsealError):
        fragments(bytes(100), frame_bytes=HEADER_BYTES)


def test_the_first_of_two_contradicting_pieces_stays() -> None:
    frames = fragments(bytes(3_000))
    false = frames[0][:-1] + b"\x01"
    reassembler = Reassembler()
    assert reassembler.take(frames[0], A, T).outcome is Outcome.PENDING
    assert reassembler.take(false, A, T).outcome is Outcome.CONFLICTING
    assert [reassembler.take(f, A, T).outcome for f in frames[1:]] == [
        Outcome.PENDING,
        Outcome.COMPLETE,
    ]


def test_a_false_piece_that_came_first_costs_one_repetition() -> None:
    frames = fragments(bytes(3_000))
    reassembler = Reassembler()
    reassembler.take(frames[0][:-1] + b"\x01", A, T)
    outcomes = [reassembler.take(frame, A, T).outcome for frame in frames]
    assert outcomes == [Outcome.CONFLICTING, Outcome.PENDING, Outcome.CORRUPT]
    assert [reassembler.take(f, A, T).outcome for f in frames][-1] is Outcome.COMPLETE


def test_sources_do_not_mix() -> None:
    frames = fragments(bytes(2_000))
    reassembler = Reassembler()
    assert reassembler.take(frames[0], A, T).outcome is Outcome.PENDING
    assert reassembler.take(frames[1], B, T).outcome is Outcome.PENDING
    assert reassembler.occupancy()[0] == 2


def test_time_runs_out() -> None:
    frames = fragments(bytes(2_000))
    reassembler = Reassembler()
    reassembler.take(frames[0], A, T)
    assert reassembler.take(frames[1], A, Time64(1_000_000)).outcome is Outcome.PENDING
    assert reassembler.take(frames[0], A, Time64(1_500_000)).outcome is Outcome.COMPLETE


def test_a_clock_that_was_set_back_does_not_keep_pieces_for_ever() -> None:
    reassembler = Reassembler()
    reassembler.take(fragments(bytes(2_000))[0], A, Time64(10_000_000))
    reassembler.take(b"\x03", A, T)
    assert reassembler.occupancy() == (0, 0)


@pytest.mark.parametrize(
    ("frame", "outcome"),
    [
        (b"\xf1", Outcome.MALFORMED),
        (b"\xf1" + bytes(8) + b"\x00\x02\x00\x00\x04", Outcome.MALFORMED),
        (b"\xf1" + bytes(8) + b"\x02\x02\x00\x00\x04ab", Outcome.MALFORMED),
        (b"\xf1" + bytes(8) + b"\x00\x01\x00\x00\x02ab", Outcome.MALFORMED),
        (b"\xf1" + bytes(8) + b"\x00\x02\x00\x00\x09ab", Outcome.MALFORMED),
        (b"\xf1" + bytes(8) + b"\x00\x02\x02\x00\x00ab", Outcome.TOO_LARGE),
        (b"\xf1" + bytes(8) + b"\x00\x02\x00\x00\x04ab", Outcome.PENDING),
        (b"\x03\x80\x00", Outcome.COMPLETE),
        (b"", Outcome.COMPLETE),
    ],
)
def test_hostile_headers(frame: bytes, outcome: Outcome) -> None:
    assert Reassembler().take(frame, A, T).outcome is outcome


def test_lengths_that_disagree_are_conflicting() -> None:
    one, other = fragments(bytes(2_000)), fragments(bytes(2_001))
    grafted = other[1][:1] + one[0][1:9] + other[1][9:]
    reassembler = Reassembler()
    reassembler.take(one[0], A, T)
    assert reassembler.take(grafted, A, T).outcome is Outcome.CONFLICTING


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=15, max_size=80), max_size=200), st.integers(0, 2**32))
def test_noise_stays_within_the_limits(noise: list[bytes], seed: int) -> None:
    limits = ReassemblyLimits(memory_bytes=20_000, per_source=3)
    reassembler = Reassembler(limits)
    chance = random.Random(seed)
    for octets in noise:
        frame = b"\xf1" + octets
        if chance.random() < 0.8:  # let it look possible
            count, room = chance.randint(2, 255), len(octets) - 13
            index = chance.randrange(count - 1)
            length = room * count - chance.randrange(room)
            frame = frame[:9] + bytes([index, count]) + length.to_bytes(3, "big") + frame[14:]
        reassembler.take(frame, chance.choice((A, B)), T)
        unfinished, used = reassembler.occupancy()
        assert unfinished <= 6
        assert 0 <= used <= limits.memory_bytes


def test_many_tiny_pieces_do_not_come_cheap() -> None:
    """A flood of two-byte messages from made-up sources: bounded in number as well as in bytes."""
    reassembler = Reassembler()
    for number in range(20_000):
        name = number.to_bytes(8, "big")
        reassembler.take(b"\xf1" + name + b"\x00\x02\x00\x00\x02a", name, T)
    unfinished, used = reassembler.occupancy()
    assert unfinished < 1_400
    assert used <= ReassemblyLimits().memory_bytes
