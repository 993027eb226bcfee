"""What changed between two registers, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from roadseal.assess.register.document import AnyRegister, Row

_FACTS: Final = (
    "kind", "exposure", "update_path", "installed", "end_of_life", "services", "vendor", "model",
    "firmware",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One asset whose standing changed.

    Args:
        id: of the asset.
        name: of the asset.
        before: tier and median, or ``None`` if it is new.
        after: tier and median, or ``None`` if it is gone.
        reasons: why, most direct first.
    """

    id: str
    name: str
    before: tuple[str, float] | None
    after: tuple[str, float] | None
    reasons: tuple[str, ...]


def difference(old: AnyRegister, new: AnyRegister) -> Iterator[Change]:
    """Every asset that came, went, or whose tier, score or evidence changed; by id.

    Both are read once, side by side: neither has to fit into memory.
    """
    common = _common_reasons(old.document, new.document)
    known: dict[tuple[int, int], tuple[str, ...]] = {}
    for was, now in _side_by_side(old.by_name(), new.by_name()):
        asset = now or was or {}
        before = (old.tier(was), old.headline(was)[1]) if was else None
        after = (new.tier(now), new.headline(now)[1]) if now else None
        if was is None or now is None:
            reason = "not in the new register" if was else "not in the old register"
            yield Change(asset["id"], asset["name"], before, after, (reason,))
            continue
        cases = was["case"], now["case"]
        if cases not in known:
            known[cases] = _use_reasons(old, was, new, now)
        reasons = (*_fact_reasons(was, now), *known[cases])
        if before != after or reasons:
            yield Change(asset["id"], asset["name"], before, after, reasons or common)


def _side_by_side(
    old: Iterator[Row], new: Iterator[Row]
) -> Iterator[tuple[Row | None, Row | None]]:
    """The assets of both by their ids; ``None`` where one of them has none of it."""
    was, now = next(old, None), next(new, None)
    while was or now:
        if was and now and was["id"] == now["id"]:
            yield was, now
            was, now = next(old, None), next(new, None)
        elif now is None or (was and was["id"] < now["id"]):
            yield was, None
            was = next(old, None)
        else:
            yield None, now
            now = next(new, None)


def _common_reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    pairs = (
        ("time went on", old["as_of"], new["as_of"]),
        ("another CRQC profile", old["crqc"]["name"], new["crqc"]["name"]),
        ("another version of the score", old["score"]["sha256"], new["score"]["sha256"]),
    )
    found = tuple(f"{what}: {_short(a)} → {_short(b)}" for what, a, b in pairs if a != b)
    return found or ("another asset shares its anchor",)


def _fact_reasons(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{fact.replace('_', ' ')}: {_say(was[fact])} → {_say(now[fact])}"
        for fact in _FACTS
        if was[fact] != now[fact]
    )


def _use_reasons(old: AnyRegister, was: Row, new: AnyRegister, now: Row) -> tuple[str, ...]:
    before, after = (
        {(use["role"], use["algorithm"], use["basis"]) for _, use in register.parts(asset)}
        for register, asset in ((old, was), (new, now))
    )
    gone = [f"no longer {_name(each)}" for each in sorted(before - after)]
    come = [f"now {_name(each)}" for each in sorted(after - before)]
    return (*gone, *come)


def _name(use: tuple[str, str, str]) -> str:
    role, algorithm, basis = use
    return f"{algorithm} for {role} ({basis})"


def _say(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "unknown"
    return "unknown" if value is None else str(value)


def _short(text: str) -> str:
    return text if len(text) < 32 else text[:12]
