"""In which encoding a text is: by its mark, as Unicode, or by the words that it then holds."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Final

from roadseal.assess.inventory.estate.lexicon import normal, words
from roadseal.assess.inventory.estate.note import Action, Note, note
from roadseal.errors import RoadsealError

_HEAD_LINES: Final = 5
_HEAD_BYTES: Final = 1 << 16
_CELLS: Final = re.compile(r"[,;\t|\"]+")
_DEFAULT: Final = "cp1252"
_GUESSED: Final = (
    *(_DEFAULT, "cp932", "gb18030", "big5", "cp949", "euc_jp"),
    *("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp1250", "cp1254", "cp874"),
)
"""What a file that is not in Unicode may be in; the first where none speaks better than it."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def tell_encoding(path: Path) -> tuple[str, tuple[Note, ...]]:
    """The encoding of a file, and a note where it is not Unicode."""
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding, ()
    at = _undecodable(path, "utf-8")
    if at is None:
        return "utf-8", ()
    best = max(_GUESSED, key=lambda encoding: _speaking(start, encoding))
    if best != _DEFAULT and _undecodable(path, best) is not None:
        best = _DEFAULT
    return best, (note(0, "file", Action.REPAIRED, "encoding", at, best),)


def _undecodable(path: Path, encoding: str) -> str | None:
    """The first octets that are not of this encoding, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return error.object[error.start : error.start + 8].hex(" ")
    return None


def _speaking(start: bytes, encoding: str) -> int:
    """How many words of the lexicon stand in the first lines, read so."""
    lines = start.decode(encoding, errors="replace").splitlines()[:_HEAD_LINES]
    known = {word for each in words("columns").values() for word in each}
    return len(known & {normal(cell) for line in lines for cell in _CELLS.split(line)})


def check_encoding(name: str) -> None:
    """Refuse a name that is no encoding of text.

    Raises:
        RoadsealError: ``estate-encoding``.
    """
    try:
        b"a".decode(name)
    except (LookupError, ValueError):
        raise RoadsealError(
            "estate-encoding",
            f"{name!r} is no encoding of text that is known here.",
            advice="Such as cp1251, shift_jis, gb18030, iso8859-2, utf-16.",
        ) from None
