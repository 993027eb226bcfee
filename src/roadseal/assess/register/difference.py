"""What changed between two registers, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roadseal.assess.register.document import Register

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


def difference(old: Register, new: Register) -> tuple[Change, ...]:
    """Every asset that came, went, or whose tier, score or evidence changed; by id."""
    common = _common_reasons(old.document, new.document)
    changes = []
    for asset_id in sorted(old.by_id.keys() | new.by_id.keys()):
        was, now = old.by_id.get(asset_id), new.by_id.get(asset_id)
        before = (old.tier(was), old.headline(was)[1]) if was else None
        after = (new.tier(now), new.headline(now)[1]) if now else None
        name = (now or was or {}).get("name", "")
        if was is None or now is None:
            reason = "not in the new register" if was else "not in the old register"
            changes.append(Change(asset_id, name, before, after, (reason,)))
            continue
        reasons = (*_fact_reasons(was, now), *_use_reasons(old, was, new, now))
        if before != after or reasons:
            changes.append(Change(asset_id, name, before, after, reasons or common))
    return tuple(changes)


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


def _use_reasons(
    old: Register, was: Mapping[str, Any], new: Register, now: Mapping[str, Any]
) -> tuple[str, ...]:
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
