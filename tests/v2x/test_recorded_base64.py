"""Messages in base64 are found: wrapped, armoured, a line each, in JSON, among other words."""

from __future__ import annotations

import base64
import json
import os
import random
import textwrap
from pathlib import Path

import pytest
from test_recorded_text import MESSAGES, found_in

from roadseal.v2x.recorded_base64 import octets_of_base64
from roadseal.v2x.recording import octets_of, read_recording
from roadseal.v2x.testing import Authority
from roadseal.v2x.trust import load_trust

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))
ONE = MESSAGES[0]


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@pytest.mark.parametrize(
    "text",
    [
        encoded(ONE),
        base64.urlsafe_b64encode(ONE).decode().rstrip("="),
        "\r\n".join(textwrap.wrap(encoded(ONE), 64)) + "\r\n",
        base64.encodebytes(ONE).decode(),
        f"-----BEGIN SPDU-----\n{encoded(ONE)}\n-----END SPDU-----\n",
    ],
    ids=["one line", "URL-safe, no padding", "CRLF", "MIME", "armour"],
)
def test_a_whole_file(text: str) -> None:
    assert found_in(text) == ("text", [ONE], [1])


def test_a_line_each() -> None:
    text = "\n".join(["", *map(encoded, MESSAGES)])
    assert found_in(text) == ("text", MESSAGES, [2, 3, 4, 5])


def test_json_may_say_it_in_base64() -> None:
    lines = [json.dumps({"spdu": encoded(message)}) for message in MESSAGES]
    assert found_in("\n".join(lines))[:2] == ("json-lines", MESSAGES)
    array = json.dumps([{"spdu": encoded(message)} for message in MESSAGES])
    assert found_in(array)[:2] == ("json", MESSAGES)


def test_among_other_words_with_its_line() -> None:
    log = "\n".join(f"08:00:0{n} INFO rx spdu={encoded(m)};" for n, m in enumerate(MESSAGES))
    assert found_in(log) == ("text", MESSAGES, [1, 2, 3, 4])


def test_other_base64_is_no_message() -> None:
    text = f"token: {encoded(bytes(range(200)))}\n"
    assert read_recording(text.encode()).messages == ()
    assert octets_of(encoded(b"other").encode()) == encoded(b"other").encode()


def test_certificates(tmp_path: Path) -> None:
    authority = Authority("ecdsa-p256", now=700_000_000_000_000)
    wrapped = "\n".join(textwrap.wrap(encoded(authority.root.certificate), 64))
    (tmp_path / "root.pem").write_text(f"-----BEGIN ITS-----\n{wrapped}\n-----END ITS-----\n")
    (tmp_path / "aa.b64").write_text(encoded(authority.authorisation.certificate))
    store = load_trust(tmp_path)
    assert [file.certificate for file in store.roots] == [authority.root.certificate]
    assert len(store.certificates) == 1


def test_no_mutant_raises() -> None:
    rng = random.Random(1)
    texts = [encoded(ONE), json.dumps({"spdu": encoded(ONE)}), f"x {encoded(ONE)} y\n"]
    for _ in range(MUTANTS):
        text = bytearray(rng.choice(texts).encode())
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(text))
            text[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(3))
        read_recording(bytes(text))
        octets_of(bytes(text))


@pytest.mark.parametrize("text", [b"", b"=", b"A", b"AAAAA", b"AA=A", b"\xff\xfe", b"a b!"])
def test_what_is_none(text: bytes) -> None:
    assert octets_of_base64(text) is None
