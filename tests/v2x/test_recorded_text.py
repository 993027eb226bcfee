"""Messages written down as text are found, whatever stands around them."""

import base64
import json
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.v2x import Header, Identification, service, sign
from roadseal.v2x.recording import octets_of, read_recording
from roadseal.v2x.testing import Authority

NOW = 700_000_000_000_000
VEHICLE = Authority("ecdsa-p256", now=NOW).vehicle()
MESSAGES = [
    sign(b"payload", Header(psid=service.CAM, generation_time=NOW + n), VEHICLE, how)
    for n, how in enumerate([Identification.CERTIFICATE, *3 * [Identification.DIGEST]])
]
FORWARD = "Version=0.7\nType=MAP\nPSID=0x204097\nSignature=True\nEncryption=False\nPayload={}\n"


def found_in(text: str | bytes) -> tuple[str, list[bytes], list[int | None]]:
    data = text.encode() if isinstance(text, str) else text
    recording = read_recording(data)
    assert recording.damage is None
    assert not any(message.broken for message in recording.messages)
    spdus = [message.spdu for message in recording.messages]
    return recording.kind, spdus, [message.line for message in recording.messages]


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_of_objects(indent: int | None) -> None:
    text = "\n" + json.dumps(
        [{"n": n, "spdu": m.hex()} for n, m in enumerate(MESSAGES)], indent=indent
    )
    assert found_in(text)[:2] == ("json", MESSAGES)
    for message in read_recording(text.encode()).messages:
        value = json.JSONDecoder().raw_decode(text[message.offset :])[0]
        assert value["spdu"] == message.spdu.hex()
        assert text[: message.offset].count("\n") + 1 == message.line


def test_objects_over_several_lines() -> None:
    texts = [
        json.dumps({"ß": "é", "spdu": m.hex()}, indent=2, ensure_ascii=False) for m in MESSAGES
    ]
    for between in ("\n", ",\n", ""):
        kind, spdus, lines = found_in(text := between.join(texts))
        assert (kind, spdus) == ("json", MESSAGES)
        starts = [match.start() for match in re.finditer(r"\{", text)]
        assert lines == [text[:start].count("\n") + 1 for start in starts]


@pytest.mark.parametrize("prefix", ["0x", "0X", " 0x"])
def test_hexadecimal_may_say_what_it_is(prefix: str) -> None:
    lines = [json.dumps({"spdu": prefix + m.hex().upper()}) for m in MESSAGES]
    assert found_in("\n".join(lines))[:2] == ("json-lines", MESSAGES)


def test_an_array_names_what_is_no_hexadecimal() -> None:
    text = json.dumps([{"spdu": "xyz"}, {"spdu": MESSAGES[0].hex()}, 7, {"other": 1}])
    first, second = read_recording(text.encode()).messages
    assert first.broken == "line 1: 'spdu' is not hexadecimal"
    assert second.spdu == MESSAGES[0]


def test_a_table() -> None:
    rows = [f'{n},"0x{m.hex().upper()}",7.5' for n, m in enumerate(MESSAGES)]
    assert found_in("n;spdu;x\r\n" + "\r\n".join(rows)) == ("text", MESSAGES, [2, 3, 4, 5])


def test_the_text_that_roadside_units_forward() -> None:
    kind, spdus, lines = found_in(FORWARD.format(MESSAGES[0].hex().upper()))
    assert (kind, spdus, lines) == ("text", MESSAGES[:1], [6])


def test_json_lines_of_systems_with_other_names() -> None:
    lines = [json.dumps({"metadata": {"asn1": m.hex()}, "n": 1}) for m in MESSAGES]
    assert found_in("\n".join(lines)) == ("text", MESSAGES, [1, 2, 3, 4])


@pytest.mark.parametrize("between", [" ", ":", "-"])
def test_octets_apart_among_other_words(between: str) -> None:
    log = "\n".join(f"12:07:0{n} rx 3 {m.hex(between)} ok" for n, m in enumerate(MESSAGES))
    assert found_in(log) == ("text", MESSAGES, [1, 2, 3, 4])


def test_a_message_cut_short_in_a_text_is_still_one() -> None:
    assert found_in(f"rx {MESSAGES[0][:-9].hex()};") == ("text", [MESSAGES[0][:-9]], [1])


@pytest.mark.parametrize("tool", [["xxd"], ["hexdump", "-C"], ["od", "-A", "x", "-t", "x1"]])
@pytest.mark.parametrize("before", [b"", b"header"])
def test_hex_dumps(tool: list[str], before: bytes) -> None:
    try:
        ran = subprocess.run(tool, input=before + MESSAGES[0], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip(f"{tool[0]} is not installed")
    rows = ran.stdout.splitlines()
    ends_with_its_length = len(rows[-1].split()) == 1
    text = b"\n".join(rows[:-1] if ends_with_its_length else rows)
    assert found_in(text)[1] == MESSAGES[:1]
    assert found_in(ran.stdout)[1] == MESSAGES[:1]


def test_a_dump_without_characters() -> None:
    octets = MESSAGES[0]
    rows = [f"{at:06x}  {octets[at : at + 16].hex(' ')}" for at in range(0, len(octets), 16)]
    assert found_in("\n".join(rows)) == ("text", MESSAGES[:1], [1])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_the_encoding_of_other_shells(encoding: str) -> None:
    mark = "\ufeff".encode(encoding)
    lines = "\r\n".join(m.hex() for m in MESSAGES)
    assert found_in(mark + lines.encode(encoding))[1] == MESSAGES
    assert octets_of(mark + MESSAGES[0].hex().encode(encoding)) == MESSAGES[0]


def test_octets_in_source_code() -> None:
    rows = [[f"0x{octet:02X}" for octet in m] for m in MESSAGES[:2]]
    array = "const uint8_t cam_{}[] = {{ {} }};"
    text = "\n".join(array.format(n, ",\n  ".join(row)) for n, row in enumerate(rows))
    spdus = found_in(text)
    assert spdus == ("text", MESSAGES[:2], [1, 1 + len(MESSAGES[0])])
    escaped = "".join(f"\\x{octet:02x}" for octet in MESSAGES[0])
    broken_up = '"\n    "'.join((escaped[:400], escaped[400:]))
    assert found_in(f'char *cam = "{broken_up}";\n')[1] == MESSAGES[:1]
    assert octets_of(array.format(0, ", ".join(rows[0])).encode()) == MESSAGES[0]
    certificate = [f"0x{octet:x}" for octet in VEHICLE.certificate]
    assert octets_of(", ".join(certificate).encode()) == VEHICLE.certificate


def test_an_array_as_xxd_writes_it() -> None:
    try:
        ran = subprocess.run(["xxd", "-i"], input=MESSAGES[0], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("xxd is not installed")
    assert found_in(ran.stdout) == ("text", MESSAGES[:1], [1])


@pytest.mark.parametrize("width", [4096, 64])
def test_an_odd_number_of_digits_is_named(width: int) -> None:
    digits = MESSAGES[0].hex()[:-1]
    lines = [digits[at : at + width] for at in range(0, len(digits), width)]
    (found,) = read_recording("\n".join(lines).encode()).messages
    assert found.broken == (
        "it has an odd number of hexadecimal digits: one is missing, or one too many"
    )


def test_text_without_messages_has_none() -> None:
    digests = "\n".join("ab" * 32 + "  file" for _ in range(9))
    encoded = "\n".join(base64.b64encode(m[2:]).decode() for m in MESSAGES)
    for text in ("", "hello", "[]", "[1, 2", '["spdu"]', digests, encoded, "00" * 500):
        assert found_in(text)[1] == []


WORDS = st.sampled_from(
    [m.hex() for m in MESSAGES]
    + [
        MESSAGES[0][:60].hex(),
        "{",
        "}",
        "[",
        "]",
        '"spdu":',
        '"',
        ",",
        "\n",
        "00000000: ",
        "0x",
        "é",
    ]
)


@settings(deadline=None)
@given(st.lists(WORDS | st.text(max_size=5), max_size=20))
def test_no_text_raises(words: list[str]) -> None:
    data = "".join(words).encode(errors="surrogatepass")
    for message in read_recording(data).messages:
        assert message.broken or message.spdu
        assert 0 <= message.offset <= len(data)
        assert message.line is None or data.count(b"\n") + 1 >= message.line


def test_a_long_text_takes_time_in_proportion() -> None:
    """What almost is a message, over and over: no pattern goes back and forth in it."""
    almost = ("ab" * 39 + " x ") * 20_000
    assert found_in(almost)[1] == []
    assert found_in("0000 " + "ab " * 100_000)[1] == []
    assert re.search("x", almost)
