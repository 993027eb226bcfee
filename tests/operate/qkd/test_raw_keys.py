"""Raw keys in the forms in which they are kept elsewhere."""

from __future__ import annotations

import base64
import os
import random

import pytest

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.raw_keys import Encoding, decode_keys, likely_encoding

KEY = random.Random(1).randbytes(5000)
BITS = "".join(f"{octet:08b}" for octet in KEY)
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))

FORMS = {
    "raw": (Encoding.RAW, KEY),
    "hex": (Encoding.HEX, KEY.hex().encode()),
    "hex, capitals in lines": (Encoding.HEX, KEY.hex("\n", 32).upper().encode() + b"\r\n"),
    "hex with 0x": (Encoding.HEX, b"0x" + KEY.hex().encode()),
    "base64": (Encoding.BASE64, base64.b64encode(KEY)),
    "base64 in lines": (Encoding.BASE64, base64.encodebytes(KEY)),
    "bits": (Encoding.BITS, BITS.encode()),
    "bits as a column": (Encoding.BITS, "\n".join(BITS).encode()),
    "bits as a list": (Encoding.BITS, ", ".join(BITS).encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_octets_and_is_recognised(form) -> None:
    encoding, content = FORMS[form]
    assert decode_keys(content, encoding) == KEY
    assert likely_encoding(content) is encoding


def test_bits_beyond_whole_octets_are_left_out() -> None:
    assert decode_keys(b"11111111 0000000", Encoding.BITS) == b"\xff"


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        (Encoding.HEX, b"abc"),
        (Encoding.HEX, b""),
        (Encoding.HEX, b"0xzz"),
        (Encoding.BITS, b"012"),
        (Encoding.BITS, b""),
        (Encoding.BASE64, b"AAA"),
        (Encoding.BASE64, b"A===="),
        (Encoding.BASE64, KEY),
    ],
)
def test_what_is_not_in_the_form_is_refused(encoding, content) -> None:
    with pytest.raises(RoadsealError) as raised:
        decode_keys(content, encoding)
    assert raised.value.code == "qkd-raw-keys"


def test_mutants_are_read_or_refused() -> None:
    draw = random.Random(2)
    for _ in range(MUTANTS):
        encoding, content = draw.choice(list(FORMS.values()))
        mutant = bytearray(content[: draw.randrange(200)])
        for _ in range(draw.randrange(3)):
            mutant[draw.randrange(len(mutant) + 1) :] = draw.randbytes(draw.randrange(4))
        try:
            decode_keys(bytes(mutant), encoding)
        except RoadsealError as error:
            assert error.code == "qkd-raw-keys"  # noqa: PT017 - refused or read, both are right
        assert likely_encoding(bytes(mutant)) in Encoding
