"""How a KME is asked, and how its answers are read: what the doctor's checks share."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from roadseal.net import HttpClient, Response


class FailedError(Exception):
    """A check does not hold; its text says what was seen."""


class SkippedError(Exception):
    """A check cannot be made; its text says what is missing."""


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


class Probe:
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
        """Send a request as the master, or as the slave, and remember the answer's status."""
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
            raise SkippedError("the KME has no keys left")
        return self.container(answer)

    def container(self, answer: Response) -> list[dict[str, Any]]:
        """The keys of an answer that must be a key container."""
        keys = read_object(answer, 200).get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise FailedError("no array `keys`")
        for key in keys:
            need(isinstance(key.get("key_ID"), str), "a key_ID is no string")
            need(isinstance(key.get("key"), str), "a key is no string")
        return keys

    def limit(self, name: str) -> int:
        """A number of the status."""
        value = self.state.get(name)
        if not isinstance(value, int):
            raise SkippedError(f"the status has no {name}")
        return value

    async def refused(self, fields: Any, *message: str) -> str:
        """Ask for keys that must be refused; returns the message."""
        answer = await self.ask("POST", self.patient.slave_id, "enc_keys", fields)
        return read_error(answer, 400, *message)

    async def fetch(self, ids: list[str], *, slave: bool = True) -> Response:
        """Ask for keys by their IDs."""
        fields = {"key_IDs": [{"key_ID": each} for each in ids]}
        return await self.ask("POST", self.patient.master_id, "dec_keys", fields, slave=slave)

    async def fresh(self, number: int) -> list[dict[str, Any]]:
        """Fresh keys, as many as one request may ask for."""
        return await self.enc({"number": min(number, self.limit("max_key_per_request"))})


Check = tuple[str, str, Callable[[Probe], Awaitable[str | None]]]
"""Clause, what must hold, and how it is asked."""


def need(holds: bool, otherwise: str) -> None:
    """Fail the check with `otherwise` unless it holds."""
    if not holds:
        raise FailedError(otherwise)


def read_object(answer: Response, status: int) -> dict[str, Any]:
    """The JSON object of an answer that must have this status."""
    need(answer.status == status, f"status {answer.status}")
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise FailedError("the body is no JSON") from None
    if not isinstance(value, dict):
        raise FailedError("the body is no object")
    return value


def read_error(answer: Response, status: int, *message: str) -> str:
    """The message of an error, which must be one of these if some are given."""
    said = str(read_object(answer, status).get("message"))
    need(not message or said in message, f"message {said[:80]!r}")
    return said[:80]


def key_bits(key: Mapping[str, Any]) -> int:
    """Size of a key as it came."""
    try:
        return 8 * len(base64.b64decode(key["key"], validate=True))
    except (ValueError, binascii.Error):
        raise FailedError("a key is no Base64") from None
