"""Files of every kind become messages; none raises."""

import gzip
import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.v2x import Header, Identification, service, sign
from roadseal.v2x.recording import (
    LEGACY_NOTE,
    MAX_RECORDING_BYTES,
    begins_like_message,
    octets_of,
    read_recording,
)
from roadseal.v2x.testing import Authority

ROOT = Path(__file__).parents[2]
FIELD = Path(os.environ.get("ROADSEAL_TESTDATA", ROOT.parent / "shared/data")) / "v2x/us-field"
NOW = 700_000_000_000_000

field = pytest.mark.skipif(not FIELD.is_dir(), reason=f"no field recordings in {FIELD}")

VEHICLE = Authority("ecdsa-p256", now=NOW).vehicle()
HEADERS = [Header(psid=service.CAM, generation_time=NOW + n) for n in range(3)]
MESSAGES = [sign(b"payload", header, VEHICLE) for header in HEADERS]
WITH_CERTIFICATE = sign(b"payload", HEADERS[0], VEHICLE, Identification.CERTIFICATE)


def spdus(data: bytes) -> list[bytes]:
    return [message.spdu for message in read_recording(data).messages]


def json_lines(messages: list[bytes]) -> bytes:
    return b"".join(
        json.dumps({"n": n, "spdu": m.hex()}).encode() + b"\n" for n, m in enumerate(messages)
    )


def pcap(frames: list[bytes], linktype: int = 1) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, linktype)
    return head + b"".join(
        struct.pack("<IIII", 1_600_000_000, n, len(frame), len(frame)) + frame
        for n, frame in enumerate(frames)
    )


def ethernet(ethertype: int, packet: bytes) -> bytes:
    return bytes(6) + bytes(6) + struct.pack(">H", ethertype) + packet


def test_single_message() -> None:
    recording = read_recording(WITH_CERTIFICATE)
    assert (recording.kind, recording.damage) == ("message", None)
    (message,) = recording.messages
    assert (message.spdu, message.offset, message.line) == (WITH_CERTIFICATE, 0, None)


def test_a_message_cut_short_is_still_one() -> None:
    recording = read_recording(MESSAGES[0][:-1])
    assert recording.kind == "message"
    assert spdus(MESSAGES[0][:-1]) == [MESSAGES[0][:-1]]


def test_log_with_offsets() -> None:
    log = b"\x01header" + MESSAGES[0] + b"\xff\x00gap" + MESSAGES[1] + b"end"
    recording = read_recording(log)
    assert recording.kind == "log"
    assert [m.spdu for m in recording.messages] == MESSAGES[:2]
    for message in recording.messages:
        assert log[message.offset :].startswith(message.spdu)


def test_json_lines_with_offsets_and_lines() -> None:
    data = b"\n" + json_lines(MESSAGES)
    recording = read_recording(data)
    assert recording.kind == "json-lines"
    assert [m.spdu for m in recording.messages] == MESSAGES
    assert [m.line for m in recording.messages] == [2, 3, 4]
    for message, line in zip(recording.messages, data.splitlines()[1:], strict=True):
        assert data[message.offset :].startswith(line)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"{", "not a JSON object"),
        (b"[1, 2]", "not a JSON object"),
        (b"\x00\xff\xfe", "not a JSON object"),
        (b"[" * 50_000, "not a JSON object"),
        (b'{"other": 1}', "no text in a field 'spdu'"),
        (b'{"spdu": 7}', "no text in a field 'spdu'"),
        (b'{"spdu": "xyz"}', "not hexadecimal"),
        (b'{"spdu": "038"}', "not hexadecimal"),
    ],
)
def test_a_broken_line_names_its_number(broken: bytes, why: str) -> None:
    for data in (
        json_lines(MESSAGES[:1]) + broken + b"\n" + json_lines(MESSAGES[1:]),
        broken + b"\n" + json_lines(MESSAGES),
    ):
        recording = read_recording(data)
        assert recording.kind == "json-lines"
        (found,) = [message for message in recording.messages if message.broken]
        assert why in str(found.broken)
        assert f"line {found.line}" in str(found.broken)
        assert data[found.offset :].startswith(broken)
        assert [m.spdu for m in recording.messages if not m.broken] == MESSAGES


def test_json_lines_of_other_systems() -> None:
    assert spdus(b"\xef\xbb\xbf" + json_lines(MESSAGES).replace(b"\n", b"\r\n")) == MESSAGES
    assert spdus(json_lines(MESSAGES).rstrip()) == MESSAGES
    indented = json_lines(MESSAGES).replace(b"{", b" \t{").replace(b"\n", b"\r\n")
    for message, line in zip(read_recording(indented).messages, indented.splitlines(), strict=True):
        assert indented[message.offset :].startswith(line)
    assert (
        spdus(b'{"where": "K\xc3\xb6ln", "spdu": "0x' + MESSAGES[0].hex().upper().encode() + b'"}')
        == MESSAGES[:1]
    )


def test_hexadecimal_text() -> None:
    text = MESSAGES[0].hex()
    wrapped = "\n".join(text[start : start + 32] for start in range(0, len(text), 32))
    spaced = MESSAGES[0].hex(":").upper()
    for written in (text, text + "\n", wrapped, spaced):
        recording = read_recording(written.encode())
        assert recording.kind == "hex"
        assert [m.spdu for m in recording.messages] == MESSAGES[:1]
    assert octets_of(wrapped.encode()) == MESSAGES[0]
    assert octets_of(MESSAGES[0]) == MESSAGES[0]


def test_hexadecimal_lines() -> None:
    lines = [message.hex() for message in MESSAGES]
    recording = read_recording("\n".join(lines).encode())
    assert [(m.spdu, m.line) for m in recording.messages] == list(
        zip(MESSAGES, [1, 2, 3], strict=True)
    )
    lines.insert(1, lines[0][:-1])
    broken = read_recording("\n".join(lines).encode())
    assert [m.line for m in broken.messages if m.broken] == [2]
    assert [m.spdu for m in broken.messages if not m.broken] == MESSAGES


def test_hexadecimal_of_a_log() -> None:
    log = b"\x01\x02" + MESSAGES[0] + b"\xff"
    assert spdus(log.hex().encode()) == MESSAGES[:1]


def test_capture_and_its_truncation() -> None:
    whole = pcap([ethernet(35036, b"\x0b\x00\x00$" + b"\x00"), MESSAGES[0]], linktype=147)
    recording = read_recording(whole)
    assert recording.kind == "capture"
    assert recording.frames == 2
    (message,) = recording.messages
    assert (message.spdu, message.frame, message.network) == (MESSAGES[0], 2, "bare")
    assert whole[message.offset :].startswith(MESSAGES[0])
    cut = read_recording(whole[:-1])
    assert cut.damage
    assert cut.messages == ()


def test_capture_of_an_older_protocol() -> None:
    gn_secured = bytes([0x12, 0x00, 0x1A, 0x01]) + b"\x02\x01" + bytes(60)
    recording = read_recording(pcap([ethernet(0x8947, gn_secured)]))
    (message,) = recording.messages
    assert message.note == LEGACY_NOTE


@pytest.mark.parametrize(
    "data",
    [MESSAGES[0], json_lines(MESSAGES), MESSAGES[0].hex().encode(), pcap(MESSAGES, linktype=147)],
    ids=["message", "json-lines", "hexadecimal", "capture"],
)
def test_gzip_of_anything(data: bytes) -> None:
    plain = read_recording(data)
    for packed in (gzip.compress(data), gzip.compress(gzip.compress(data))):
        assert read_recording(packed) == plain
    members = gzip.compress(data[:20]) + gzip.compress(data[20:])
    assert read_recording(members) == plain


def test_damaged_gzip_gives_what_came_before() -> None:
    log = b"".join(b"gap" + message for message in MESSAGES) + os.urandom(4000)
    packed = gzip.compress(log)
    cut = read_recording(packed[:-2000])
    assert [m.spdu for m in cut.messages] == MESSAGES
    assert "breaks off" in str(cut.damage)
    damaged = read_recording(packed[:-8] + bytes(8))
    assert [m.spdu for m in damaged.messages] == MESSAGES
    assert "damaged" in str(damaged.damage)


def test_a_bomb_is_not_unfolded() -> None:
    packed = gzip.compress(MESSAGES[0] + bytes(10_000_000))
    recording = read_recording(packed, max_bytes=1_000_000)
    assert "more than 1000000 bytes" in str(recording.damage)
    assert len(recording.data) == 1_000_000
    assert [m.spdu for m in recording.messages] == MESSAGES[:1]
    assert MAX_RECORDING_BYTES > 1 << 20


@field
@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("bsmTx_commsignia.gz", "log", 33),
        ("rxMsg_commsignia_map.gz", "log", 103),
        ("spdus.jsonl", "json-lines", 136),
    ],
)
def test_field_recordings(name: str, kind: str, count: int) -> None:
    rows = [json.loads(line) for line in (FIELD / "spdus.jsonl").read_text().splitlines()]
    expected = [row["spdu"] for row in rows if kind == "json-lines" or row["src"] == name]
    recording = read_recording((FIELD / name).read_bytes())
    assert (recording.kind, recording.damage) == (kind, None)
    assert [message.spdu.hex() for message in recording.messages] == expected
    assert len(expected) == count


STARTS = st.sampled_from(
    [b"", b"\x1f\x8b\x08", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x0a\x0d\x0d\x0a"]
) | st.sampled_from(
    [b"\x03\x81\x00", b"\x03\x82", b"0381", b"\x80\x03\x00", b'{"spdu": "', b'{"spdu": "0381"}\n']
)


@settings(deadline=None)
@given(STARTS, st.binary(max_size=300))
def test_garbage_never_raises(start: bytes, rest: bytes) -> None:
    for data in (start + rest, gzip.compress(start + rest)):
        recording = read_recording(data)
        for message in recording.messages:
            assert message.broken or message.spdu


@settings(deadline=None)
@given(st.data())
def test_mutated_files_never_raise(data: st.DataObject) -> None:
    kinds = [
        json_lines(MESSAGES),
        pcap(MESSAGES, 147),
        b"log" + MESSAGES[0],
        MESSAGES[0].hex().encode(),
        json.dumps([{"spdu": MESSAGES[0].hex()}], indent=1).encode(),
        b"rx," + MESSAGES[0].hex().encode(),
    ]
    whole = bytearray(data.draw(st.sampled_from([*kinds, *map(gzip.compress, kinds)])))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    recording = read_recording(cut)
    assert all(message.offset <= len(recording.data) for message in recording.messages)


def test_what_begins_like_a_message() -> None:
    assert begins_like_message(MESSAGES[0])
    assert not begins_like_message(VEHICLE.certificate)
    assert not begins_like_message(b"\x03")
