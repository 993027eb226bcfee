"""Files of bits are read as others write them, or refused with a sentence."""

from __future__ import annotations

import base64
import io
import json
import os
import random
from contextlib import suppress

import numpy as np
import pytest

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.bit_files import BitForm, read_bits

BITS = np.random.default_rng(1).integers(0, 2, 4096).astype(bool)
TEXT = "".join(str(int(bit)) for bit in BITS)
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))


def saved(array, save=np.save) -> bytes:
    file = io.BytesIO()
    save(file, array)
    return file.getvalue()


def table(head: str, separator: str = ",") -> bytes:
    rows = (separator.join((str(i), str(int(b)), str(int(not b)))) for i, b in enumerate(BITS))
    return "\n".join([head, *rows]).encode()


PACKED = np.packbits(BITS).tobytes()
FORMS = {
    "text": TEXT.encode(),
    "text with line ends": "\r\n".join(TEXT[i : i + 64] for i in range(0, 4096, 64)).encode(),
    "text with blanks and a comment": b"# sifted\n" + " ".join(TEXT).encode(),
    "a JSON list": json.dumps(BITS.astype(int).tolist()).encode(),
    "npy of bool": saved(BITS),
    "npy of int64": saved(BITS.astype(int)),
    "npy of floats": saved(BITS.astype(float)),
    "npy of packed octets": saved(np.packbits(BITS)),
    "packed octets": PACKED,
    "hex": PACKED.hex().encode(),
    "base64": base64.encodebytes(PACKED),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_form_of_a_file_is_seen(name):
    assert (read_bits(FORMS[name]) == BITS).all()


def test_what_savetxt_writes_is_a_column():
    assert (read_bits(saved(BITS, np.savetxt), BitForm.CSV) == BITS).all()


@pytest.mark.parametrize(
    ("head", "separator", "column"),
    [
        ("index,Alice,Bob", ",", "alice"),
        ("index;key;other", ";", "2"),
        ("i\tkey\tother", "\t", "KEY"),
        ("# no head\n", ",", "2"),
    ],
)
def test_a_column_of_a_table_goes_by_its_head_or_its_number(head, separator, column):
    assert (read_bits(table(head, separator), column=column) == BITS).all()


def test_packed_octets_may_begin_with_the_lowest_bit():
    octets = np.packbits(BITS, bitorder="little").tobytes()
    assert (read_bits(octets, BitForm.PACKED, little=True) == BITS).all()


@pytest.mark.parametrize(
    ("content", "form", "column"),
    [
        (b"", None, None),
        (b"0102", BitForm.BITS, None),
        (b"\x93NUMPY\x01\x00v\x00{", None, None),
        (saved(np.array([0.5, 1.0])), None, None),
        (saved(np.array(["a", "b"])), None, None),
        (saved(np.zeros(8, bool))[:-1], None, None),
        (saved(np.zeros(8, bool)).replace(b"(8,), }", b"(8,(, }"), None, None),
        (saved(np.zeros(8, bool)).replace(b"(8,), }", b"(-8,),}"), None, None),
        (table("index,Alice,Bob"), None, "carol"),
        (table("index,Alice,Bob"), None, "1"),
        (table("index,Alice,Bob"), None, None),
        (b"a,b\n1\n", None, "b"),
        (b"\xff\xfe", BitForm.CSV, "1"),
        (b"xyz", BitForm.HEX, None),
    ],
)
def test_what_holds_no_bits_is_refused_with_advice(content, form, column):
    with pytest.raises(RoadsealError) as raised:
        read_bits(content, form, column=column)
    assert raised.value.code == "qkd-bit-file"
    assert raised.value.advice


def test_a_head_that_promises_more_than_there_is_costs_no_memory():
    content = saved(np.zeros(8, bool)).replace(b"(8,), }", b"(1<<9,)}").replace(b"1<<9", b"9" * 4)
    with pytest.raises(RoadsealError):
        read_bits(content)


@pytest.mark.fuzz
def test_no_changed_file_gets_anything_but_bits_or_a_refusal():
    draw = random.Random(2)
    seeds = [*FORMS.values(), table("index,Alice,Bob"), table("i;key;other", ";")]
    for _ in range(MUTANTS):
        content = bytearray(draw.choice(seeds)[: draw.choice((60, 200, 3000))])
        for _ in range(draw.randrange(1, 5)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        form, column = draw.choice([None, *BitForm]), draw.choice([None, "alice", "2"])
        with suppress(RoadsealError):
            bits = read_bits(bytes(content), form, column=column)
            assert bits.dtype == bool
            assert bits.ndim == 1
