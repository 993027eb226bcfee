"""What the doctor asks about Get status."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from roadseal.operate.qkd.doctor.probe import (
    Check,
    Probe,
    need,
    read_object,
)

_STRINGS: Final = ("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID")
_INTEGERS: Final = (
    *("key_size", "stored_key_count", "max_key_count", "max_key_per_request"),
    *("max_key_size", "min_key_size", "max_SAE_ID_count"),
)


async def _status_answers(p: Probe) -> str:
    p.state = read_object(await p.ask("GET", p.patient.slave_id, "status"), 200)
    return ""


async def _strings(p: Probe) -> None:
    for name in _STRINGS:
        need(isinstance(p.state.get(name), str), f"{name} is no string")


async def _integers(p: Probe) -> None:
    for name in _INTEGERS:
        value = p.state.get(name)
        need(isinstance(value, int) and not isinstance(value, bool), f"{name} is no integer")
        need(p.state[name] >= 0, f"{name} is negative")


async def _status_names(p: Probe) -> None:
    need(p.state.get("slave_SAE_ID") == p.patient.slave_id, "slave_SAE_ID is not the one asked")
    need(p.state.get("master_SAE_ID") == p.patient.master_id, "master_SAE_ID is not the caller")


async def _sizes_in_order(p: Probe) -> None:
    low, mid, high = (p.limit(n) for n in ("min_key_size", "key_size", "max_key_size"))
    need(low <= mid <= high, f"{low} ≤ {mid} ≤ {high} does not hold")


async def _counts_in_order(p: Probe) -> None:
    stored, most = p.limit("stored_key_count"), p.limit("max_key_count")
    need(stored <= most, f"stored {stored} > max {most}")


async def _extension_object(p: Probe) -> None:
    extension = p.state.get("status_extension")
    need(extension is None or isinstance(extension, dict), "status_extension is no object")


async def _status_of_nobody(p: Probe) -> str:
    answer = await p.ask("GET", f"nobody-{uuid4()}", "status")
    need(answer.status in (400, 401), f"status {answer.status}")
    return str(answer.status)


STATUS_CHECKS: Final[tuple[Check, ...]] = (
    ("5.2", "Get status answers 200 with a JSON object", _status_answers),
    ("6.1", "Status has its four identifiers as strings", _strings),
    ("6.1", "Status has its seven numbers as integers", _integers),
    ("6.1", "Status names the slave asked for and the calling master", _status_names),
    ("6.1", "min_key_size ≤ key_size ≤ max_key_size", _sizes_in_order),
    ("6.1", "stored_key_count ≤ max_key_count", _counts_in_order),
    ("6.1", "status_extension, if there, is an object", _extension_object),
    ("5.2", "Status of an unknown slave is refused", _status_of_nobody),
)
