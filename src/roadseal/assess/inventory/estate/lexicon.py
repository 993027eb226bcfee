"""Words of the field in several languages, for proposals only; they are in ``lexicon.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

_SEPARATORS: Final = re.compile(r"(?:[^\w@.]|_)+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z][a-z]|(?:ID|NR|NO)\b)")
_SIGNS: Final = {"٫": ".", "．": ".", "٬": "", "，": ",", "،": ",", "º": "°", "˚": "°", "−": "-"}
_REFERENCE: Final = 0.9
"""So well does the number of a thing fit: better than a portal's OBJECTID."""
_CUT_CHARS: Final = 10
"""So long is a name of dBASE, which cuts the longer ones."""
_TELLING_CHARS: Final = 4
"""So long a hint is one inside of a word, too: ``coord`` is no hint of the Dutch ``rd``."""


@lru_cache(maxsize=65_536)
def normal(text: str) -> str:
    """Compare texts by this: no case, accents or punctuation, single blanks.

    >>> normal("Geogr. Länge (WGS84)"), normal("streetName"), normal("INT_TYPE")
    ('geogr. lange wgs84', 'street name', 'int type')
    >>> normal("Широта, №"), normal("京三製作所")
    ('широта no', '京三製作所')
    """
    text = _CAMEL.sub(" ", text).replace("ß", "ss")
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _SEPARATORS.sub(" ", plain).strip(" .")


def western(text: str) -> str:
    """Text with the digits, points and degree signs that a number is read by.

    >>> western("٣٣٫٥١"), western("３５．６８"), western("40º 30˚")
    ('33.51', '35.68', '40° 30°')
    """
    if text.isascii():
        return text
    return "".join(
        char if char.isascii() else _SIGNS.get(char) or str(unicodedata.decimal(char, char))
        for char in text
    )


@cache
def words(section: str) -> Mapping[str, tuple[str, ...]]:
    """The words of a section, normal, by what they stand for."""
    rows: Mapping[str, Any] = _lexicon()[section]
    return {meaning: tuple(map(normal, each)) for meaning, each in rows.items()}


@cache
def unknown_words() -> frozenset[str]:
    """Cells, normal, that say nothing; the empty one among them."""
    return frozenset(words("unknown")["words"]) | {""}


def column_likeness(column: str, meaning: str) -> float:
    """How well a column's name fits a field, 0 to 1; a name cut short at ten characters counts."""
    if column.startswith("_"):
        return column_likeness(column.lstrip("_"), meaning) / 2  # a portal's own count: CKAN's _id
    name = normal(column).replace(".", "")
    joined = name.replace(" ", "")
    known = words("columns")[meaning]
    for rank, word in enumerate(known):
        if name == word or joined == word.replace(" ", ""):
            return 1.0 - rank / 1000  # the words of a field stand in order of preference
    if meaning == "name" and (bare := name.rstrip(" 0123456789")) != name and bare in known:
        return 0.9  # the first and second of several
    for rank, word in enumerate(known):
        if len(column.strip()) >= _CUT_CHARS and word.replace(" ", "").startswith(joined):
            return 0.8 - rank / 1000
    tokens = set(name.split())
    if meaning == "id" and (likeness := _reference_likeness(tokens)):
        return likeness
    for rank, word in enumerate(known):
        if _runs_on(word) and word in joined:
            return 0.7 - rank / 1000
        if len(word) > 2 and set(word.split()) <= tokens:
            beside = tokens - set(word.split())
            return (0.6 if _says_it_of_the_thing(meaning, beside) else 0.3) - rank / 1000
    return 0.0


def _reference_likeness(tokens: set[str]) -> float:
    """``Signal-Nr``, ``AmpelId``: the number of a thing; ``Semáforo``: the thing itself."""
    kinds = _tokens("kind") - set(words("title")["dumb"]) | {"traffic"}
    references = {"id", "no", "nr", "num", "number", "code", "ref", "key"}
    if len(tokens) == 1 and (joined := next(iter(tokens))) not in kinds:
        return _REFERENCE if joined.endswith("id") and joined[:-2] in kinds else 0.0  # VMSID
    if tokens & kinds and tokens <= kinds | references:
        return _REFERENCE if tokens & references else 0.5
    return 0.0


def _says_it_of_the_thing(meaning: str, beside: set[str]) -> bool:
    """Whether the other words of a column's name leave its meaning what it is.

    ``SCOOT_STATUS`` is a programme's, and ``COMM_STATUS`` is no medium.
    """
    if meaning in ("status", "installed", "end_of_life"):
        return beside <= _tokens("kind") | _tokens("thing")
    if meaning in ("kind", "exposure", "vendor", "model", "firmware", "owner", "update_path"):
        return not beside & _tokens("aside")
    return True


@cache
def _tokens(section: str) -> frozenset[str]:
    return frozenset(
        token for known in words(section).values() for word in known for token in word.split()
    )


@lru_cache(maxsize=65_536)
def meaning_of(value: str, section: str) -> str | None:
    """What a value stands for: the longest known word in it decides, whole words only."""
    text = f" {normal(value)} "
    if "." in text:
        text += text.replace(".", " ")  # Veic.C/Ped.
    best, length = None, 0
    for meaning, known in words(section).items():
        for word in known:
            if len(word) > length and (
                f" {word} " in text or f" {word}s " in text or (_runs_on(word) and word in text)
            ):
                best, length = meaning, len(word)
    return best


def kind_of_title(title: str) -> str | None:
    """The kind of thing that a file or layer is called after: the last one named.

    >>> kind_of_title("Traffic_Camera_Locations_En"), kind_of_title("Ampeln der Stadt")
    ('camera', 'signal')
    >>> kind_of_title("intersections_2024") is None
    True
    """
    text = f" {normal(title)} "
    dumb = set(words("title")["dumb"])
    found = [
        (at + len(word), len(word), meaning)
        for meaning, known in words("kind").items()
        for word in known
        if word not in dumb and (at := _last(word, text)) >= 0
    ]
    return max(found)[2] if found else None


def _last(word: str, text: str) -> int:
    if _runs_on(word):
        return text.rfind(word)
    return max(text.rfind(f" {word}{ending} ") for ending in ("", "s", "n"))


@cache
def _runs_on(word: str) -> bool:
    """Whether a word is of a script that joins words: Chinese, Japanese, Korean."""
    return len(word) > 1 and all(
        "\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3" for char in word
    )


def is_absent(value: str) -> bool:
    """Whether a status or type says that the thing, all of it, is not there."""
    absent = words("absent")["words"]
    parts = [f" {normal(part)} " for part in value.split("/")]
    return all(any(f" {word} " in part for word in absent) for part in parts)


def is_answer(cell: str) -> bool:
    """Whether a cell says only yes or no."""
    return is_yes(cell) or normal(cell) in words("answer")["no"]


def is_other(value: str) -> bool:
    """Whether a kind says that it is none of those that the file is about."""
    return any(word in words("other")["words"] for word in normal(value).split())


def is_yes(cell: str) -> bool:
    """Whether a cell says only yes."""
    return normal(cell) in words("answer")["yes"] or cell.strip() == "-1"


@dataclass(frozen=True, slots=True)
class System:
    """A projected system, by the ranges of its numbers.

    Args:
        epsg: its code.
        name: for people.
        x: least and greatest easting.
        y: least and greatest northing.
        hints: what speaks for it in a column's name, normal: a word of its own, or, from four
            characters on, a part of the joined name.
        words: words of column names in the language of where it is used.
    """

    epsg: int
    name: str
    x: tuple[float, float]
    y: tuple[float, float]
    hints: tuple[str, ...]
    words: frozenset[str]

    def is_hinted(self, columns: Iterable[str]) -> bool:
        """Whether a column's name speaks for it."""
        for column in map(normal, columns):
            joined, tokens = column.replace(" ", ""), column.split()
            for hint in self.hints:
                if hint in tokens or (len(hint) >= _TELLING_CHARS and hint in joined):
                    return True
        return False

    def holds(self, x: float, y: float) -> bool:
        """Whether a point may be one of it."""
        return self.x[0] <= x <= self.x[1] and self.y[0] <= y <= self.y[1]


@cache
def projected_systems() -> tuple[System, ...]:
    """The systems that cities publish in."""
    return tuple(
        System(
            row["epsg"],
            row["name"],
            tuple(row["x"]),
            tuple(row["y"]),
            (str(row["epsg"]), *row["hints"]),
            frozenset(row.get("words", ())),
        )
        for row in _lexicon()["projected"]
    )


@cache
def _lexicon() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("lexicon.toml").read_text("utf-8"))
