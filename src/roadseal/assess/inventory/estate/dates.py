"""Dates in the spellings of city files, cut to what is certain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from roadseal.assess.inventory.estate.lexicon import western

FIRST_YEAR: Final = 1860  # the first traffic signal stood in 1868
LAST_YEAR: Final = 2100
NO_DATES: Final = {(1899, 12, 30), (1899, 12, 31), (1900, 1, 1)}
"""The first day of spreadsheets and databases: what they write for no date."""

_YEAR_FIRST: Final = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[T ].*)?")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4,6})(?:[T ,].*)?")
_MONTH_YEAR: Final = re.compile(r"(\d{1,2})[-/.](\d{4})")
_YEAR: Final = re.compile(r"(\d{1,4})(?:\.0+)?")
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL: Final = re.compile(r"[1-5]\d{4}(?:\.\d+)?")
_SPREADSHEET_EPOCH: Final = date(1899, 12, 30)  # of Excel's system of 1900, past its 29 February
_EPOCH_MS: Final = re.compile(r"-?\d{11,13}")
_NAMED: Final = re.compile(
    r"(?:(\d{1,2})[-\s.]*)?([A-Za-zéûä]{3,})[-\s.,]*(?:(\d{1,2}),?\s+)?(\d{4})"
)
_MONTH_STARTS: Final = (
    "jan ene gen",
    "feb fév fev",
    "mar mär mrt",
    "apr avr abr",
    "may mai mei mag maj",
    "jun juin giu",
    "jul juil lug",
    "aug aoû ago",
    "sep set",
    "oct okt ott out",
    "nov",
    "dec dez déc dic",
)
_MONTHS: Final = {
    start: number for number, starts in enumerate(_MONTH_STARTS, 1) for start in starts.split()
}


class Order(StrEnum):
    """Which of the two small numbers of a date comes first."""

    DAY = "dmy"
    MONTH = "mdy"
    UNKNOWN = "unknown"


class Parsed(NamedTuple):
    """A date cut to what is certain, and the rule that cut or refused it."""

    iso: str | None
    rule: str | None = None


def parse_date(text: str, order: Order = Order.UNKNOWN) -> Parsed:
    """Read a date, year and month, or year; an empty text is an unknown date."""
    text = western(text.strip())
    if not text:
        return Parsed(None)
    if match := _YEAR.fullmatch(text):
        return _year(int(match[1]))
    if match := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        return _calendar(int(match[1]), int(match[2]), int(match[3] or 0))
    if match := _YEAR_LAST.fullmatch(text):
        return _year_last(int(match[1]), int(match[2]), int(match[3]), order)
    if _SERIAL.fullmatch(text):
        day = _SPREADSHEET_EPOCH + timedelta(days=int(float(text)))
        return Parsed(day.isoformat(), "serial-date")
    if match := _MONTH_YEAR.fullmatch(text):
        return _calendar(int(match[2]), int(match[1]), 0)
    if _EPOCH_MS.fullmatch(text):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
        return _calendar(moment.year, moment.month, moment.day)
    if (match := _NAMED.match(text)) and (month := _month(match[2])):
        return _calendar(int(match[4]), month, int(match[1] or match[3] or 0))
    return Parsed(None, "not-a-date")


def order_of(texts: Iterable[str]) -> Order:
    """Which order a column uses, from the dates in it that leave no doubt."""
    for text in texts:
        if match := _YEAR_LAST.fullmatch(text.strip()):
            first, second = int(match[1]), int(match[2])
            if 12 < first <= 31 and second <= 12:
                return Order.DAY
            if 12 < second <= 31 and first <= 12:
                return Order.MONTH
    return Order.UNKNOWN


def _year(year: int) -> Parsed:
    if year == 0:
        return Parsed(None, "year-zero")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return Parsed(None, "year-out-of-range")
    return Parsed(f"{year:04}")


def _year_last(first: int, second: int, year: int, order: Order) -> Parsed:
    if first == second:
        return _calendar(year, first, second)
    if order is Order.DAY or first > 12:
        return _calendar(year, second, first)
    if order is Order.MONTH or second > 12:
        return _calendar(year, first, second)
    known = _year(year)
    return known if known.rule else Parsed(known.iso, "ambiguous-date")


def _calendar(year: int, month: int, day: int) -> Parsed:
    known = _year(year)
    if known.rule:
        return known
    if (year, month, day) in NO_DATES:
        return Parsed(None, "no-date")
    if not 1 <= month <= 12:
        return Parsed(known.iso, "ambiguous-date") if month == 0 else Parsed(None, "not-a-date")
    if not day:
        return Parsed(f"{year:04}-{month:02}")
    try:
        return Parsed(date(year, month, day).isoformat())
    except ValueError:
        return Parsed(None, "not-a-date")


def _month(word: str) -> int | None:
    word = word.casefold()
    return _MONTHS.get(word[:4]) or _MONTHS.get(word[:3])
