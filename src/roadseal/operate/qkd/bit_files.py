"""Files of single bits as experiments and other software write them: sifted keys, seeds, inputs."""

from __future__ import annotations

import csv
import io
import math
import re
from enum import StrEnum
from tokenize import TokenError
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roadseal.errors import RoadsealError
from roadseal.operate.qkd.distil.wire import Bits
from roadseal.operate.qkd.raw_keys import Encoding, decode_keys, likely_encoding

MOST_BITS: Final = 1 << 28

_Order: TypeAlias = Literal["little", "big"]
_MAGIC: Final = b"\x93NUMPY"
_BETWEEN: Final = b" \t\r\n,;[]()"
_COMMENT: Final = re.compile(rb"^\s*#[^\n]*$", re.MULTILINE)
_TABLE: Final = re.compile(
    rb"[\xef\xbb\xbf]*[^\x00-\x08\x80-\xff\n]*[,;\t][^\x00-\x08\x80-\xff\n]*\n"
)
_VALUES: Final = {"0": False, "1": True, "false": False, "true": True}


class BitForm(StrEnum):
    """How a file holds bits."""

    BITS = "bits"
    CSV = "csv"
    NPY = "npy"
    HEX = "hex"
    BASE64 = "base64"
    PACKED = "packed"


def read_bits(
    content: bytes,
    form: BitForm | None = None,
    *,
    column: str | None = None,
    little: bool = False,
) -> Bits:
    """The bits of a file.

    `bits` is text of 0 and 1, with anything between them that separates (``0 1``, ``[0, 1]``, one a
    line); `csv` one column of a table; `npy` a numpy array of 0 and 1, or of packed octets if other
    values are in it; the rest is packed, eight bits an octet.

    Args:
        content: of the file.
        form: None to see it from the content.
        column: of a CSV file: its head, or its number from 1.
        little: whether the first bit of an octet is its lowest; else its highest.

    Raises:
        RoadsealError: ``qkd-bit-file``.
    """
    found = form or likely_form(content, column)
    try:
        bits = _read(content, found, column, "little" if little else "big")
    except (ValueError, IndexError, RoadsealError, csv.Error) as error:
        why = error.message if isinstance(error, RoadsealError) else error
        raise RoadsealError(
            "qkd-bit-file",
            f"The file holds no bits as {found}: {why}",
            advice="Say its form: text of bits, CSV with a column, npy, hex, base64 or packed.",
        ) from None
    if not 0 < len(bits) <= MOST_BITS:
        raise RoadsealError(
            "qkd-bit-file",
            f"The file has {len(bits):,} bits.",
            advice=f"Give 1 to {MOST_BITS:,} bits; cut a longer file.",
        )
    return bits


def likely_form(content: bytes, column: str | None = None) -> BitForm:
    """What a file looks like."""
    if content.startswith(_MAGIC):
        return BitForm.NPY
    if column is not None:
        return BitForm.CSV
    head = _digits(content[:4096])
    if head and not head.strip(b"01"):
        return BitForm.BITS
    if _TABLE.match(content[:4096]):
        return BitForm.CSV
    encoding = likely_encoding(content)
    return BitForm.PACKED if encoding is Encoding.RAW else BitForm(encoding.value)


def _read(content: bytes, form: BitForm, column: str | None, order: _Order) -> Bits:
    match form:
        case BitForm.NPY:
            return _array(content, order)
        case BitForm.CSV:
            return _column(content, column)
        case BitForm.BITS:
            digits = _digits(content)
            if digits.strip(b"01"):
                raise ValueError("something else than 0 and 1 is in it.")
            return (np.frombuffer(digits, dtype=np.uint8) & 1).astype(bool)
    encoding = Encoding.RAW if form is BitForm.PACKED else Encoding(form.value)
    octets = np.frombuffer(bytes(decode_keys(content, encoding)), dtype=np.uint8)
    return np.unpackbits(octets, bitorder=order).astype(bool)


def _digits(content: bytes) -> bytes:
    bare = content.removeprefix(b"\xef\xbb\xbf")
    return (_COMMENT.sub(b"", bare) if b"#" in bare else bare).translate(None, _BETWEEN)


def _array(content: bytes, order: _Order) -> Bits:
    """A numpy array; read in place, so that its head cannot ask for more than is there."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        heads = {(1, 0): np.lib.format.read_array_header_1_0}
        shape, _, kind = heads.get(version, np.lib.format.read_array_header_2_0)(file)
    except (SyntaxError, TokenError, TypeError, RecursionError, MemoryError):  # of its parser
        raise ValueError("the head of the array cannot be read.") from None
    count = math.prod(shape)
    if kind.kind not in "buif" or not 0 <= count * kind.itemsize <= len(content):
        raise ValueError("the array holds no numbers, or not as many as its head says.")
    values: NDArray[np.generic] = np.frombuffer(content, kind, count, file.tell())
    if ((values == 0) | (values == 1)).all():
        return values.astype(bool)
    if kind != np.uint8:
        raise ValueError("something else than 0 and 1 is in the array.")
    return np.unpackbits(values.astype(np.uint8), bitorder=order).astype(bool)


def _column(content: bytes, column: str | None) -> Bits:
    text = content.decode("utf-8-sig")
    rows = [row for row in text.splitlines() if row.strip() and not row.lstrip().startswith("#")]
    separator = max(",;\t ", key=rows[0].count) if rows else ","
    head, *body = csv.reader(rows, delimiter=separator, skipinitialspace=True)
    names = [name.strip().lower() for name in head]
    if column is None and len(head) > 1:
        raise ValueError(f"name a column; there are {', '.join(names)}.")
    wanted = (column or "1").strip()
    if wanted.lower() in names and wanted not in _VALUES:
        at = names.index(wanted.lower())
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(head):
        at = int(wanted) - 1
        if names[at] in _VALUES or _number(names[at]) is not None:
            body.insert(0, head)
    else:
        raise ValueError(f"no column is {wanted!r}; there are {', '.join(names)}.")
    return np.array([_bit(row[at]) for row in body], dtype=bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _bit(text: str) -> bool:
    value = _VALUES.get(text.strip().lower())
    if value is not None:
        return value
    number = _number(text)
    if number not in (0.0, 1.0):
        raise ValueError(f"{text[:20]!r} is no bit.")
    return number == 1.0
