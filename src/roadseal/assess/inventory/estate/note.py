"""What cleaning did to a row, by which declared rule: nothing is changed or dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What became of the row."""

    REJECTED = "rejected"  # it is not in the estate
    REPAIRED = "repaired"  # it is, with a value that was changed
    DOUBTED = "doubted"  # it is, unchanged; somebody should look


@dataclass(frozen=True, slots=True)
class Note:
    """One row, one rule.

    Args:
        row: row of the source, from 1; 0 concerns the whole file.
        field: what was concerned: a field of `Asset`, or ``row``, ``file``.
        action: what became of it.
        rule: a key of `RULES`.
        before: what the file said, cut to 80 characters.
        after: what it became.
    """

    row: int
    field: str
    action: Action
    rule: str
    before: str = ""
    after: str = ""


MAX_QUOTE_CHARS: Final = 80

RULES: Final = {
    # the file
    "title-line": "Lines before the row of column names are skipped.",
    "no-header": "A table without column names gets numbers for names.",
    "encoding": "Text that is not Unicode is read in the encoding in which its columns have names, "
    "else as Windows-1252, where `--encoding` says nothing.",
    "second-header": "A second row of column names, or of their units, is no row.",
    "repeated-column": "A column name that occurs twice gets a number.",
    "outside-selection": "Elements that are no road equipment are left out and counted.",
    "other-sheets": "The sheet with the most filled cells is read, of a database the table with "
    "the most rows; the others are named.",
    "other-files": "Of an archive one file is read, the likeliest; the others are named.",
    "projection": "Coordinates in a system that is not said or not known are not converted.",
    "serial-by-order": "Rows of a dump without their serial key are numbered in order.",
    # rows
    "empty-row": "A row without any value is rejected.",
    "lone-cell": "A row with one value where there are four columns or more is rejected.",
    "repeated-header": "A repetition of the column names is rejected.",
    "long-row": "A row with more values than columns is rejected; empty ones are cut off.",
    "open-quote": "The line of a quotation mark that is never closed, or by another cell's, is "
    "read without it.",
    "short-row": "A row with fewer values than columns is filled with unknown.",
    "duplicate-row": "A row equal to an earlier one in every cell is rejected.",
    "not-in-service": "A row that the mapping says is planned, pending or removed is rejected.",
    "total-row": "A row called a total that stands at no place is rejected.",
    "says-nothing": "A row with neither reference, name nor place is rejected.",
    # values
    "duplicate-reference": "A reference used by an earlier row gets a number.",
    "no-reference": "Rows without a reference are named by a hash of kind, name and place.",
    "unknown-value": "A value that the mapping does not know leaves the fact unknown.",
    "not-a-place": "Text that is no coordinate leaves the place unknown.",
    "ambiguous-letter": "O behind degrees is east in German and Dutch, west in French, Spanish, "
    "Italian and Portuguese: where neither the file nor the mapping tells, the place is unknown.",
    "ambiguous-zone": "A zone without N or S is taken as north of the equator; doubted once.",
    "null-island": "0° north 0° east means that the place is unknown.",
    "out-of-range": "A coordinate beyond the globe leaves the place unknown.",
    "swapped": "Latitude and longitude are exchanged where only that gives a place on the globe, "
    "or one near the rest of the estate.",
    "far-away": "A place more than 5° from the middle of the estate is kept and doubted.",
    "same-place": "Several assets stand at exactly one place; kept and doubted.",
    "not-a-date": "Text that is no date leaves the date unknown.",
    "serial-date": "A number of five digits for a date counts days as a spreadsheet does.",
    "year-zero": "Year 0 means that the year is unknown.",
    "year-out-of-range": "A year before 1860 or after 2100 leaves the date unknown.",
    "no-date": "The first day of spreadsheets and databases, such as 1 January 1900, is no date.",
    "ambiguous-date": "Where day and month cannot be told apart only the year is kept.",
}
"""Every rule, in one sentence. The documentation prints this table."""


def note(
    row: int, field: str, action: Action, rule: str, before: str = "", after: str = ""
) -> Note:
    """Make a note; `rule` has to be declared."""
    if rule not in RULES:
        raise KeyError(rule)
    return Note(row, field, action, rule, before[:MAX_QUOTE_CHARS], after[:MAX_QUOTE_CHARS])
