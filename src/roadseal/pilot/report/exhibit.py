"""An exhibit: one chart with its words, its data as a table, or the reason why it is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_NOTHING = Markup("")


@dataclass(frozen=True, slots=True)
class DataTable:
    """What a chart shows, to be read: texts, one row of `rows` under `head`."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One chart of the page.

    Args:
        title: for people.
        picture: an inline SVG, or `None` where there is nothing to draw.
        caption: what to see in it, or empty.
        data: the same as a table.
        absent: why there is no picture; set exactly when `picture` is `None`.
        key: what its signs mean, where the approaches' key does not say it.
    """

    title: str
    picture: Markup | None
    caption: str = ""
    data: DataTable | None = None
    absent: str = ""
    key: Markup = _NOTHING


def absent(title: str, why: str) -> Exhibit:
    """An exhibit that says why there is nothing to show."""
    return Exhibit(title, None, absent=why)
