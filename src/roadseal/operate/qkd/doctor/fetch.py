"""What the doctor asks about Get key with key IDs, and of all answers together."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from roadseal.operate.qkd.doctor.probe import (
    Check,
    Probe,
    SkippedError,
    need,
    read_error,
    read_object,
)

_STATUSES: Final = (200, 400, 401, 503)


async def _slave_gets_it(p: Probe) -> None:
    keys = _batch(p)
    back = p.container(await p.fetch([key["key_ID"] for key in keys]))
    need({k["key_ID"]: k["key"] for k in back} == {k["key_ID"]: k["key"] for k in keys}, "differs")
    p.state["fetched"] = keys


async def _once(p: Probe) -> str:
    if "fetched" not in p.state:
        raise SkippedError("no key was fetched")
    answer = await p.fetch([p.state["fetched"][0]["key_ID"]])
    return read_error(answer, 400, "one or more keys specified are not found on KME")


async def _get_by_id(p: Probe) -> None:
    key = (await p.fresh(1))[0]
    action = f"dec_keys?key_ID={key['key_ID']}"
    back = p.container(await p.ask("GET", p.patient.master_id, action, slave=True))
    need([k["key"] for k in back] == [key["key"]], "another key")


async def _unknown_id(p: Probe) -> str:
    answer = await p.fetch([str(uuid4())])
    return read_error(answer, 400, "one or more keys specified are not found on KME")


async def _all_or_nothing(p: Probe) -> None:
    keys = await p.fresh(2)
    ids = [key["key_ID"] for key in keys]
    read_error(await p.fetch([*ids, str(uuid4())]), 400)
    back = p.container(await p.fetch(ids))
    need(len(back) == len(keys), "a refused request consumed a key")


async def _not_for_others(p: Probe) -> str:
    if p.patient.master_id == p.patient.slave_id:
        raise SkippedError("master and slave are the same SAE")
    keys = await p.fresh(1)
    answer = await p.fetch([keys[0]["key_ID"]], slave=False)
    need(answer.status in (400, 401), f"status {answer.status}: the master got a slave's key")
    same = p.container(await p.fetch([keys[0]["key_ID"]]))
    need(same[0]["key"] == keys[0]["key"], "the slave lost its key")
    return str(answer.status)


async def _master_must_be_right(p: Probe) -> str:
    keys = await p.fresh(1)
    fields = {"key_IDs": [{"key_ID": keys[0]["key_ID"]}]}
    other = f"nobody-{uuid4()}"
    answer = await p.ask("POST", other, "dec_keys", fields, slave=True)
    need(answer.status in (400, 401), f"status {answer.status}")
    return str(answer.status)


async def _no_id(p: Probe) -> str:
    answer = await p.ask("POST", p.patient.master_id, "dec_keys", {}, slave=True)
    return read_error(answer, 400)


async def _id_is_no_uuid(p: Probe) -> str:
    return read_error(await p.fetch(["not-a-uuid"]), 400)


async def _reverse(p: Probe) -> None:
    """The slave may be a master too."""
    answer = await p.ask("POST", p.patient.master_id, "enc_keys", {}, slave=True)
    if answer.status == 503:
        raise SkippedError("the slave's KME has no keys")
    key = p.container(answer)[0]
    fields = {"key_IDs": [{"key_ID": key["key_ID"]}]}
    back = p.container(await p.ask("POST", p.patient.slave_id, "dec_keys", fields))
    need(back[0]["key"] == key["key"], "another key")


async def _only_these(p: Probe) -> str:
    strange = sorted(set(p.statuses) - set(_STATUSES))
    need(not strange, f"also answered {', '.join(map(str, strange))}")
    return f"{sum(p.statuses.values())} answers"


async def _json_type(p: Probe) -> None:
    for answer in (*p.successes, *p.errors):
        kind = answer.headers.get("content-type", "")
        need(kind.split(";")[0].strip() == "application/json", f"content-type {kind[:40]!r}")


async def _error_model(p: Probe) -> None:
    if not p.errors:
        raise SkippedError("no error was seen")
    for answer in p.errors:
        body = read_object(answer, answer.status)
        need(isinstance(body.get("message"), str), "an error without a message")
        details = body.get("details", [])
        need(
            isinstance(details, list) and all(isinstance(entry, dict) for entry in details),
            "details is no array of objects",
        )


def _batch(p: Probe) -> list[dict[str, Any]]:
    if "batch" not in p.state:
        raise SkippedError("no keys were given")
    found: list[dict[str, Any]] = p.state["batch"]
    return found


FETCH_CHECKS: Final[tuple[Check, ...]] = (
    ("5.4", "The slave gets the same keys by their key_IDs", _slave_gets_it),
    ("5.4", "A key is given to the slave once", _once),
    ("5.4", "GET Get key with key IDs gives that key", _get_by_id),
    ("6.4", "An unknown key_ID is refused, with the fixed message", _unknown_id),
    ("5.4", "Several key_IDs are all or nothing", _all_or_nothing),
    ("5.4", "Whom the master did not name gets no key", _not_for_others),
    ("5.4", "The path must name the master of the key", _master_must_be_right),
    ("6.4", "Key IDs without key_IDs is refused", _no_id),
    ("6.4", "A key_ID that is no UUID is refused", _id_is_no_uuid),
    ("5.3", "The slave may be a master as well", _reverse),
    ("5.2–5.4", "Only 200, 400, 401 and 503 are answered", _only_these),
    ("5.1", "Bodies are application/json", _json_type),
    ("6.5", "Errors have a message, and details as an array of objects", _error_model),
)
