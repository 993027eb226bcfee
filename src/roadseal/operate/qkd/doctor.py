"""Does a KME keep to ETSI GS QKD 014 V1.1.1? Asked with two identities, clause by clause.

Works on any server of the standard; it consumes some keys. A check whose precondition is missing
is *skipped* and says so: it never counts as passed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid4

from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, Response

_STRINGS: Final = ("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID")
_INTEGERS: Final = (
    *("key_size", "stored_key_count", "max_key_count", "max_key_per_request"),
    *("max_key_size", "min_key_size", "max_SAE_ID_count"),
)
_STATUSES: Final = (200, 400, 401, 503)


class Outcome(StrEnum):
    """Of one check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one clause.

    Args:
        clause: of ETSI GS QKD 014 V1.1.1.
        title: what must hold.
        outcome: whether it does.
        detail: what was seen, never key bits.
    """

    clause: str
    title: str
    outcome: Outcome
    detail: str = ""


class _FailedError(Exception):
    pass


class _SkippedError(Exception):
    pass


@dataclass(slots=True)
class Patient:
    """A server under test.

    Args:
        master: speaks with the master's certificate to the master's KME.
        slave: speaks with the slave's certificate to the slave's KME, which may be the same.
        master_id: SAE ID of the master.
        slave_id: SAE ID of the slave.
    """

    master: HttpClient
    slave: HttpClient
    master_id: str
    slave_id: str


async def examine(
    patient: Patient, progress: Callable[[Finding], None] | None = None
) -> list[Finding]:
    """Run every check in order.

    Args:
        patient: the server and the two identities.
        progress: told each finding.

    Raises:
        TlsRefusedError: the server cannot be reached at all.
    """
    await patient.master.request("GET", "/")
    probe = _Probe(patient)
    findings = []
    for clause, title, check in CHECKS:
        try:
            detail = await check(probe) or ""
            finding = Finding(clause, title, Outcome.PASSED, detail)
        except _SkippedError as error:
            finding = Finding(clause, title, Outcome.SKIPPED, str(error))
        except _FailedError as error:
            finding = Finding(clause, title, Outcome.FAILED, str(error))
        except RoadsealError as error:
            finding = Finding(clause, title, Outcome.FAILED, error.code)
        findings.append(finding)
        if progress is not None:
            progress(finding)
    return findings


class _Probe:
    """What the checks share: requests, and what earlier answers said."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.state: dict[str, Any] = {}
        self.statuses: dict[int, int] = {}
        self.errors: list[Response] = []
        self.successes: list[Response] = []
        self.keys: list[str] = []

    async def ask(
        self, method: str, other: str, action: str, body: Any = None, *, slave: bool = False
    ) -> Response:
        client = self.patient.slave if slave else self.patient.master
        path, _, query = action.partition("?")
        target = f"/api/v1/keys/{quote(other, safe='')}/{path}" + (f"?{query}" if query else "")
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if method == "POST" else {}
        answer = await client.request(
            method, target, body=data if method == "POST" else b"", headers=headers
        )
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if answer.status == 200:
            self.successes.append(answer)
        elif answer.status in (400, 503):
            self.errors.append(answer)
        return answer

    async def enc(self, fields: Any = None, *, query: str | None = None) -> list[dict[str, Any]]:
        """Keys for the slave, however asked for."""
        slave = self.patient.slave_id
        if query is not None:
            answer = await self.ask("GET", slave, "enc_keys" + query)
        else:
            answer = await self.ask("POST", slave, "enc_keys", fields)
        if answer.status == 503:
            raise _SkippedError("the KME has no keys left")
        return self.container(answer)

    def container(self, answer: Response) -> list[dict[str, Any]]:
        keys = _object(answer, 200).get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise _FailedError("no array `keys`")
        for key in keys:
            _need(isinstance(key.get("key_ID"), str), "a key_ID is no string")
            _need(isinstance(key.get("key"), str), "a key is no string")
        return keys

    def limit(self, name: str) -> int:
        value = self.state.get(name)
        if not isinstance(value, int):
            raise _SkippedError(f"the status has no {name}")
        return value

    async def refused(self, fields: Any, *message: str) -> str:
        answer = await self.ask("POST", self.patient.slave_id, "enc_keys", fields)
        return _error(answer, 400, *message)

    async def fetch(self, ids: list[str], *, slave: bool = True) -> Response:
        fields = {"key_IDs": [{"key_ID": each} for each in ids]}
        return await self.ask("POST", self.patient.master_id, "dec_keys", fields, slave=slave)

    async def fresh(self, number: int) -> list[dict[str, Any]]:
        return await self.enc({"number": min(number, self.limit("max_key_per_request"))})


# --- the checks ----------------------------------------------------------------------------------


async def _status_answers(p: _Probe) -> str:
    p.state = _object(await p.ask("GET", p.patient.slave_id, "status"), 200)
    return ""


async def _strings(p: _Probe) -> None:
    for name in _STRINGS:
        _need(isinstance(p.state.get(name), str), f"{name} is no string")


async def _integers(p: _Probe) -> None:
    for name in _INTEGERS:
        value = p.state.get(name)
        _need(isinstance(value, int) and not isinstance(value, bool), f"{name} is no integer")
        _need(p.state[name] >= 0, f"{name} is negative")


async def _status_names(p: _Probe) -> None:
    _need(p.state.get("slave_SAE_ID") == p.patient.slave_id, "slave_SAE_ID is not the one asked")
    _need(p.state.get("master_SAE_ID") == p.patient.master_id, "master_SAE_ID is not the caller")


async def _sizes_in_order(p: _Probe) -> None:
    low, mid, high = (p.limit(n) for n in ("min_key_size", "key_size", "max_key_size"))
    _need(low <= mid <= high, f"{low} ≤ {mid} ≤ {high} does not hold")


async def _counts_in_order(p: _Probe) -> None:
    stored, most = p.limit("stored_key_count"), p.limit("max_key_count")
    _need(stored <= most, f"stored {stored} > max {most}")


async def _extension_object(p: _Probe) -> None:
    extension = p.state.get("status_extension")
    _need(extension is None or isinstance(extension, dict), "status_extension is no object")


async def _status_of_nobody(p: _Probe) -> str:
    answer = await p.ask("GET", f"nobody-{uuid4()}", "status")
    _need(answer.status in (400, 401), f"status {answer.status}")
    return str(answer.status)


async def _get_default(p: _Probe) -> None:
    keys = await p.enc(query="")
    _need(len(keys) == 1, f"{len(keys)} keys")
    p.state["first"] = keys[0]


async def _default_size(p: _Probe) -> str:
    bits = _bits(_first(p))
    _need(bits == p.limit("key_size"), f"{bits} bits")
    return f"{bits} bits"


async def _uuid(p: _Probe) -> None:
    try:
        UUID(_first(p)["key_ID"])
    except ValueError:
        raise _FailedError("the key_ID is no UUID") from None


async def _not_of_the_key(p: _Probe) -> None:
    key = _first(p)
    octets = base64.b64decode(key["key"])
    digests = _digests(octets)
    identifier = key["key_ID"].replace("-", "").lower()
    guess = [
        name
        for name, d in digests.items()
        if sum(a == b for a, b in zip(d[:32], identifier, strict=False)) > 24
    ]
    _need(not guess, f"it is {', '.join(guess)} of the key")


async def _get_number(p: _Probe) -> None:
    if p.limit("max_key_per_request") < 2:
        raise _SkippedError("one key a request")
    keys = await p.enc(query="?number=2")
    _need(len(keys) == 2, f"{len(keys)} keys")


async def _get_size(p: _Probe) -> None:
    size = p.limit("max_key_size") // 8 * 8
    keys = await p.enc(query=f"?number=1&size={size}")
    _need(_bits(keys[0]) == size, f"{_bits(keys[0])} bits instead of {size}")


async def _post_empty(p: _Probe) -> None:
    _need(len(await p.enc({})) == 1, "not one key")


async def _post_number(p: _Probe) -> None:
    number = min(3, p.limit("max_key_per_request"))
    _need(len(await p.enc({"number": number})) == number, "another number of keys")


async def _post_least(p: _Probe) -> None:
    size = -(-p.limit("min_key_size") // 8) * 8
    keys = await p.enc({"size": size})
    _need(_bits(keys[0]) == size, f"{_bits(keys[0])} bits instead of {size}")


async def _all_different(p: _Probe) -> str:
    keys = await p.fresh(8)
    identifiers = [key["key_ID"] for key in keys]
    _need(len(set(identifiers)) == len(keys), "a key_ID is given twice")
    _need(len({key["key"] for key in keys}) == len(keys), "a key is given twice")
    p.state["batch"] = keys
    return f"{len(keys)} keys"


async def _no_octets(p: _Probe) -> str:
    return await p.refused({"size": p.limit("min_key_size") + 1}, "size shall be a multiple of 8")


async def _too_long(p: _Probe) -> str:
    return await p.refused({"size": p.limit("max_key_size") + 8})


async def _too_many(p: _Probe) -> str:
    return await p.refused({"number": p.limit("max_key_per_request") + 1})


async def _no_json(p: _Probe) -> str:
    return await p.refused(b'{"number": 1')


async def _wrong_type(p: _Probe) -> str:
    return await p.refused({"number": "one"})


async def _too_many_slaves(p: _Probe) -> str:
    most = p.limit("max_SAE_ID_count")
    return await p.refused(
        {"additional_slave_SAE_IDs": [f"nobody-{i}-{uuid4()}" for i in range(most + 1)]}
    )


async def _strange_mandatory(p: _Probe) -> str:
    return await p.refused(
        {"extension_mandatory": [{"roadsealdoctor_unheard_of": 1}]},
        "not all extension_mandatory parameters are supported",
    )


async def _strange_optional(p: _Probe) -> str:
    fields = {"extension_optional": [{"roadsealdoctor_unheard_of": 1}]}
    answer = await p.ask("POST", p.patient.slave_id, "enc_keys", fields)
    if answer.status == 200:
        p.container(answer)
        return "ignored"
    return _error(answer, 400, "not all extension_optional request options handled")


async def _enc_for_nobody(p: _Probe) -> str:
    answer = await p.ask("POST", f"nobody-{uuid4()}", "enc_keys", {})
    _need(answer.status in (400, 401), f"status {answer.status}")
    return str(answer.status)


async def _slave_gets_it(p: _Probe) -> None:
    keys = _batch(p)
    back = p.container(await p.fetch([key["key_ID"] for key in keys]))
    _need({k["key_ID"]: k["key"] for k in back} == {k["key_ID"]: k["key"] for k in keys}, "differs")
    p.state["fetched"] = keys


async def _once(p: _Probe) -> str:
    if "fetched" not in p.state:
        raise _SkippedError("no key was fetched")
    answer = await p.fetch([p.state["fetched"][0]["key_ID"]])
    return _error(answer, 400, "one or more keys specified are not found on KME")


async def _get_by_id(p: _Probe) -> None:
    key = (await p.fresh(1))[0]
    action = f"dec_keys?key_ID={key['key_ID']}"
    back = p.container(await p.ask("GET", p.patient.master_id, action, slave=True))
    _need([k["key"] for k in back] == [key["key"]], "another key")


async def _unknown_id(p: _Probe) -> str:
    answer = await p.fetch([str(uuid4())])
    return _error(answer, 400, "one or more keys specified are not found on KME")


async def _all_or_nothing(p: _Probe) -> None:
    keys = await p.fresh(2)
    ids = [key["key_ID"] for key in keys]
    _error(await p.fetch([*ids, str(uuid4())]), 400)
    back = p.container(await p.fetch(ids))
    _need(len(back) == len(keys), "a refused request consumed a key")


async def _not_for_others(p: _Probe) -> str:
    if p.patient.master_id == p.patient.slave_id:
        raise _SkippedError("master and slave are the same SAE")
    keys = await p.fresh(1)
    answer = await p.fetch([keys[0]["key_ID"]], slave=False)
    _need(answer.status in (400, 401), f"status {answer.status}: the master got a slave's key")
    same = p.container(await p.fetch([keys[0]["key_ID"]]))
    _need(same[0]["key"] == keys[0]["key"], "the slave lost its key")
    return str(answer.status)


async def _master_must_be_right(p: _Probe) -> str:
    keys = await p.fresh(1)
    fields = {"key_IDs": [{"key_ID": keys[0]["key_ID"]}]}
    other = f"nobody-{uuid4()}"
    answer = await p.ask("POST", other, "dec_keys", fields, slave=True)
    _need(answer.status in (400, 401), f"status {answer.status}")
    return str(answer.status)


async def _no_id(p: _Probe) -> str:
    answer = await p.ask("POST", p.patient.master_id, "dec_keys", {}, slave=True)
    return _error(answer, 400)


async def _id_is_no_uuid(p: _Probe) -> str:
    return _error(await p.fetch(["not-a-uuid"]), 400)


async def _reverse(p: _Probe) -> None:
    """The slave may be a master too."""
    answer = await p.ask("POST", p.patient.master_id, "enc_keys", {}, slave=True)
    if answer.status == 503:
        raise _SkippedError("the slave's KME has no keys")
    key = p.container(answer)[0]
    fields = {"key_IDs": [{"key_ID": key["key_ID"]}]}
    back = p.container(await p.ask("POST", p.patient.slave_id, "dec_keys", fields))
    _need(back[0]["key"] == key["key"], "another key")


async def _only_these(p: _Probe) -> str:
    strange = sorted(set(p.statuses) - set(_STATUSES))
    _need(not strange, f"also answered {', '.join(map(str, strange))}")
    return f"{sum(p.statuses.values())} answers"


async def _json_type(p: _Probe) -> None:
    for answer in (*p.successes, *p.errors):
        kind = answer.headers.get("content-type", "")
        _need(kind.split(";")[0].strip() == "application/json", f"content-type {kind[:40]!r}")


async def _error_model(p: _Probe) -> None:
    if not p.errors:
        raise _SkippedError("no error was seen")
    for answer in p.errors:
        body = _object(answer, answer.status)
        _need(isinstance(body.get("message"), str), "an error without a message")
        details = body.get("details", [])
        _need(
            isinstance(details, list) and all(isinstance(entry, dict) for entry in details),
            "details is no array of objects",
        )


Check = Callable[[_Probe], Awaitable[str | None]]

CHECKS: Final[tuple[tuple[str, str, Check], ...]] = (
    ("5.2", "Get status answers 200 with a JSON object", _status_answers),
    ("6.1", "Status has its four identifiers as strings", _strings),
    ("6.1", "Status has its seven numbers as integers", _integers),
    ("6.1", "Status names the slave asked for and the calling master", _status_names),
    ("6.1", "min_key_size ≤ key_size ≤ max_key_size", _sizes_in_order),
    ("6.1", "stored_key_count ≤ max_key_count", _counts_in_order),
    ("6.1", "status_extension, if there, is an object", _extension_object),
    ("5.2", "Status of an unknown slave is refused", _status_of_nobody),
    ("5.3", "GET Get key without parameters gives one key", _get_default),
    ("6.2", "The default size is key_size", _default_size),
    ("6.3", "A key_ID is a UUID", _uuid),
    ("6.3", "A key_ID is not a digest of the key", _not_of_the_key),
    ("5.3", "GET Get key with number", _get_number),
    ("5.3", "GET Get key with number and size", _get_size),
    ("5.3", "POST Get key with an empty object gives one key", _post_empty),
    ("6.2", "POST Get key with number", _post_number),
    ("6.2", "POST Get key with min_key_size", _post_least),
    ("5.3", "No key_ID and no key is given twice", _all_different),
    ("5.3", "A size that is no multiple of 8 is refused, with the fixed message", _no_octets),
    ("6.2", "A size above max_key_size is refused", _too_long),
    ("6.2", "A number above max_key_per_request is refused", _too_many),
    ("5.3", "A body that is no JSON is refused", _no_json),
    ("6.2", "A number that is a string is refused", _wrong_type),
    ("6.2", "More additional slaves than max_SAE_ID_count are refused", _too_many_slaves),
    (
        "5.3",
        "An unknown mandatory extension is refused, by the fixed message",
        _strange_mandatory,
    ),
    ("5.3", "An unknown optional extension is ignored or named", _strange_optional),
    ("5.3", "Keys for an unknown slave are refused", _enc_for_nobody),
    ("5.4", "The slave gets the same keys by their key_IDs", _slave_gets_it),
    ("5.4", "A key is given to the slave once", _once),
    ("5.4", "GET Get key with key IDs gives that key", _get_by_id),
    ("5.4", "An unknown key_ID is refused, with the fixed message", _unknown_id),
    ("5.4", "Several key_IDs are all or nothing", _all_or_nothing),
    ("5.4", "Whom the master did not name gets no key", _not_for_others),
    ("5.4", "The path must name the master of the key", _master_must_be_right),
    ("6.4", "Key IDs without key_IDs is refused", _no_id),
    ("6.4", "A key_ID that is no UUID is refused", _id_is_no_uuid),
    ("5.1", "The slave may be a master as well", _reverse),
    ("5.1", "Only 200, 400, 401 and 503 are answered", _only_these),
    ("5.1", "Bodies are application/json", _json_type),
    ("6.5", "Errors have a message, and details as an array of objects", _error_model),
)
"""Clause, what must hold, and how it is asked."""


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _FailedError(otherwise)


def _object(answer: Response, status: int) -> dict[str, Any]:
    _need(answer.status == status, f"status {answer.status}")
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _FailedError("the body is no JSON") from None
    if not isinstance(value, dict):
        raise _FailedError("the body is no object")
    return value


def _error(answer: Response, status: int, *message: str) -> str:
    said = str(_object(answer, status).get("message"))
    _need(not message or said in message, f"message {said[:80]!r}")
    return said[:80]


def _first(p: _Probe) -> dict[str, Any]:
    if "first" not in p.state:
        raise _SkippedError("no key was given")
    found: dict[str, Any] = p.state["first"]
    return found


def _batch(p: _Probe) -> list[dict[str, Any]]:
    if "batch" not in p.state:
        raise _SkippedError("no keys were given")
    found: list[dict[str, Any]] = p.state["batch"]
    return found


def _bits(key: Mapping[str, Any]) -> int:
    try:
        return 8 * len(base64.b64decode(key["key"], validate=True))
    except (ValueError, binascii.Error):
        raise _FailedError("a key is no Base64") from None


def _digests(octets: bytes) -> dict[str, str]:
    names = ("md5", "sha1", "sha256", "sha384", "sha512", "sha3_256", "blake2b")
    found = {n: hashlib.new(n, octets, usedforsecurity=False).hexdigest() for n in names}
    return {**found, "the beginning": octets.hex().ljust(32, "0")}
