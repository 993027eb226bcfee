"""Which columns say in words where a thing stands: one name, or the streets that meet."""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory.estate.lexicon import column_likeness, normal
from roadseal.assess.inventory.estate.sample import Choice, Column

_NAME_COLUMNS: Final = 3
_STREETS: Final = (
    "street", "crossst", "road", "calle", "rue", "straat", "ulica", "via", "rua", "strasse", "main",
    "side", "midblock",
)  # fmt: skip


def propose_name(choice: Choice) -> None:
    """Choose the column of a name, or those of the streets that meet; the corridor with them."""
    used = choice.used - set(choice.chosen.get("corridor", ()))
    unused = [each for each in choice.columns.values() if each.name not in used and each.filled]
    likely = [
        (likeness, each)
        for each in unused
        if (likeness := column_likeness(each.name, "name")) >= 0.5
        # What is called a name may be a number here and there.
        and each.share(is_words) > (0.2 if likeness > 0.99 else 0.5)
    ]
    best = sorted(likely, key=lambda item: (-item[0], item[1].at))[:_NAME_COLUMNS]
    if not best:
        _by_value(choice, unused)
        return
    streets = [item for item in best if _street(item[1].name)]
    best = streets if best[0] in streets else best[:1]
    for _, column in sorted(best, key=lambda item: item[1].at):
        choice.choose("name", column, "its name")
    if "corridor" not in choice.chosen and len(best) > 1:
        choice.chosen["corridor"] = choice.chosen["name"][:1]
        choice.reasons["corridor"] = "the first street, for want of better"


def _by_value(choice: Choice, unused: list[Column]) -> None:
    """The column of several words whose values are most often one of a kind."""
    wordy = [each for each in unused if each.share(_is_phrase) > 0.6]
    best = max(wordy, key=lambda each: (each.distinct_share, -each.at), default=None)
    if best and best.distinct_share > 0.5:
        choice.choose("name", best, "its values are several words, seldom the same")


def is_words(cell: str) -> bool:
    """Whether a cell holds words, and no JSON."""
    return any(char.isalpha() for char in cell) and "{" not in cell


def _is_phrase(cell: str) -> bool:
    return is_words(cell) and len(cell.split()) > 1 and "://" not in cell


def _street(name: str) -> bool:
    """Whether a column holds one of the streets that meet, rather than a whole name."""
    if normal(name)[-1:].isdigit():
        return True  # the first or second of several
    return any(word in normal(name).replace(" ", "") for word in _STREETS)
