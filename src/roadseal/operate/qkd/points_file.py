"""Published points of a link from CSV, with the column names, units and marks that others use."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from roadseal.errors import RoadsealError

MOST_POINTS: Final = 10_000

_SEPARATORS: Final = ",;\t"
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {  # names in the order in which they are tried
    "loss": ("loss", "attenuation", "channelloss", "linkloss", "totalloss"),
    "length": ("length", "distance", "fibrelength", "fiberlength", "fibre", "fiber", "link"),
    "rate": (
        *("rate", "skr", "securekeyrate", "secretkeyrate", "keyrate", "secretrate", "securerate"),
        *("securebitrate", "secretbitrate", "finalkeyrate", "kr"),
    ),
    "clock": ("clock", "clockrate", "repetitionrate", "reprate", "pulserate", "frequency"),
    "use": ("use",),
}
_PREFIXES: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}  # no rate is told in millibits
_RATE_UNIT: Final = re.compile(
    r"(?P<prefix>[kmg]?)(bps|bits?/s|b/s|bits?s-?1|bs-?1|bits?persecond)", re.ASCII
)
_CLOCK_UNIT: Final = re.compile(r"(?P<prefix>[kmg]?)hz", re.ASCII)
_MOST_SYMBOL: Final = 3  # letters of `R`, `L`, `SKR`: then the unit says what it is
_BY_UNIT: Final = {
    "loss": re.compile("db"),
    "length": re.compile("km"),
    "rate": _RATE_UNIT,
    "clock": _CLOCK_UNIT,
}
_TAIL: Final = re.compile(
    r"(.+?)[\s_]+(db|km|[kmg]?bps|[kmg]?b(?:its?)?[/_]s|[kmg]?hz)", re.IGNORECASE
)
_USES: Final = {"": True, "fit": True, "predict": False}


@dataclass(frozen=True, slots=True)
class Point:
    """A published point of a link.

    Args:
        loss_db: of the fibre.
        rate_bps: secret bits a second.
        clock_hz: pulses a second.
        fitted: whether the fit sees it; the others are predicted.
    """

    loss_db: float
    rate_bps: float
    clock_hz: float = 1e9
    fitted: bool = True


def read_points(lines: Iterable[str], *, db_per_km: float | None = None) -> tuple[Point, ...]:
    """Read points from CSV with a head.

    Columns: the loss in dB, or with `db_per_km` the length in km; the rate of secret bits; at will
    the clock, and `use` (``fit`` or ``predict``). A unit in the name of a column counts (``SKR
    [kbit/s]``, ``rate_bps``, ``loss (dB)``); without one dB, km, bit/s and Hz are meant. Commas,
    semicolons or tabs separate; where they are no commas, a number may have a decimal comma.
    Columns that say nothing of these are not looked at.

    Args:
        lines: of the file; those that are blank or begin with `#` are not looked at.
        db_per_km: attenuation of the fibre, for files that give lengths.

    Raises:
        RoadsealError: ``qkd-fit-points``, with the row.
    """
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(rows) < 2:
        raise _unreadable("The file has no head with points under it.")
    separator = max(_SEPARATORS, key=rows[0].count)
    head, *body = csv.reader(rows, delimiter=separator, skipinitialspace=True)
    if len(body) > MOST_POINTS:
        raise _unreadable(f"There are {len(body)} rows; {MOST_POINTS} are read at most.")
    places = _places(head, lengths=db_per_km is not None)
    points = []
    for number, row in enumerate(body, 2):
        try:
            points.append(_point(row, places, db_per_km, decimal_comma=separator != ","))
        except (ValueError, IndexError, KeyError):
            raise _unreadable(f"Row {number} is not a point of a link.") from None
    return tuple(points)


def _places(head: list[str], *, lengths: bool) -> dict[str, tuple[int, float]]:
    """What each column that we know is, where it stands, and the factor of its unit."""
    found: dict[str, tuple[int, float]] = {}
    for at, title in enumerate(head):
        name, unit = _split(title)
        for what, names in _COLUMNS.items():
            if name in names and what not in found and (factor := _factor(what, unit)) is not None:
                found[what] = at, factor
    for what, units in _BY_UNIT.items():
        symbols = [
            (at, factor)
            for at, (name, unit) in enumerate(map(_split, head))
            if len(name) <= _MOST_SYMBOL
            and units.fullmatch(unit)
            and (factor := _factor(what, unit)) is not None
        ]
        if what not in found and len(symbols) == 1:
            found[what] = symbols[0]
    if "rate" not in found:
        raise _unreadable("No column is the rate of secret bits, or its unit is not known.")
    if "loss" not in found and not (lengths and "length" in found):
        why = " It gives lengths: say the fibre's dB a kilometre." if "length" in found else ""
        raise _unreadable(f"No column is the loss in dB.{why}")
    return found


def _split(title: str) -> tuple[str, str]:
    """A column's name, and its unit, in small letters."""
    text = title.strip().strip("\ufeff\"'")
    if bracketed := re.fullmatch(r"(.*?)[\s_]*[(\[]([^)\]]*)[)\]]\s*", text):
        name, unit = bracketed.groups()
    elif tailed := _TAIL.fullmatch(text):
        name, unit = tailed.groups()
    else:
        name, unit = text, ""
    unit = re.sub(r"[\s·^*]", "", unit.lower()).replace("_", "/")
    return re.sub(r"[^a-z0-9]", "", name.lower()), unit


def _factor(what: str, unit: str) -> float | None:
    """By what a number of this unit is multiplied; None if the unit is not one of it."""
    if what == "use":
        return 1.0
    if what in ("loss", "length"):
        wanted = "db" if what == "loss" else "km"
        return 1.0 if unit in ("", wanted) else None
    if not unit:
        return 1.0
    match = (_RATE_UNIT if what == "rate" else _CLOCK_UNIT).fullmatch(unit)
    return None if match is None else _PREFIXES[match["prefix"]]


def _point(
    row: list[str],
    places: Mapping[str, tuple[int, float]],
    db_per_km: float | None,
    *,
    decimal_comma: bool,
) -> Point:
    def number(what: str) -> float:
        at, factor = places[what]
        text = row[at].strip()
        return factor * float(text.replace(",", ".") if decimal_comma else text)

    loss = number("loss") if "loss" in places else number("length") * (db_per_km or 0.0)
    clock = 1e9
    if "clock" in places and row[places["clock"][0]].strip():
        clock = number("clock")
    use = row[places["use"][0]].strip().lower() if "use" in places else ""
    point = Point(loss, number("rate"), clock, _USES[use])
    if not (0 <= loss < 300 and 0 < point.rate_bps < 1e12 and 0 < clock <= 1e12):
        raise ValueError
    return point


def _unreadable(what: str) -> RoadsealError:
    return RoadsealError(
        "qkd-fit-points",
        what,
        advice="Give columns as loss_db and rate_bps with numbers above 0, and if wanted clock_hz, "
        "and use with `fit` or `predict`.",
    )
