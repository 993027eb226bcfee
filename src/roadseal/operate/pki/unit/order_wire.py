"""Orders and answers as JSON, for the way between centre and unit.

    {"do": "trust", "root": "MIIB…", "fence": 1795801234, "time": 722877300000000}
    {"serial": "4f2a…"}          {"refused": "not-prepared"}

Octets are base64. Both ends are hostile to the other: what does not read is refused as a whole.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from dataclasses import fields
from typing import Any, Final

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.operate.pki.unit.orders import (
    Answer,
    Body,
    DropTrust,
    Enrol,
    Install,
    Message,
    Prepare,
    Probe,
    Refused,
    Retire,
    Switch,
    SwitchBack,
    Trust,
)

MAX_BYTES: Final = 128 << 10
"""Of one order or answer; a certificate with its chain and a request stay far below."""

MAX_ELSEWHERE: Final = 1 << 30
"""Bytes that a unit may say it has exchanged with others for one order."""

_KINDS: Final[dict[str, type[Body]]] = {
    "trust": Trust,
    "drop-trust": DropTrust,
    "prepare": Prepare,
    "install": Install,
    "enrol": Enrol,
    "switch": Switch,
    "switch-back": SwitchBack,
    "probe": Probe,
    "retire": Retire,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_MAX_FENCE: Final = 2**31 - 1
_MAX_TIME: Final = 2**62


def encode_body(body: Body) -> str:
    """What is to be done, without fence and time: the same text for the same order."""
    values = {one.name: _plain(getattr(body, one.name)) for one in fields(body)}
    return json.dumps({"do": _NAMES[type(body)], **values}, sort_keys=True)


def encode_message(message: Message) -> bytes:
    """An order for the wire; whom it is for is known from the session."""
    values = json.loads(encode_body(message.body))
    return json.dumps({**values, "fence": message.fence, "time": message.time}).encode()


def read_message(octets: bytes, device: str) -> Message:
    """Read an order to `device`.

    Raises:
        RoadsealError: ``order-malformed``.
    """
    try:
        values = _object(octets)
        fence, time = (values.pop(name) for name in ("fence", "time"))
        if not _within(fence, _MAX_FENCE) or not _within(time, _MAX_TIME):
            raise ValueError
        return Message(device, fence, Time64(time), _body(values))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _malformed("The order") from None


def read_body(text: str) -> Body:
    """Read what `encode_body` wrote.

    Raises:
        RoadsealError: ``order-malformed``.
    """
    try:
        return _body(_object(text.encode()))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _malformed("The order") from None


def encode_answer(answer: Answer) -> bytes:
    """An answer for the wire; what is empty is left out."""
    values = {one.name: _plain(getattr(answer, one.name)) for one in fields(answer)}
    return json.dumps({name: value for name, value in values.items() if value}).encode()


def read_answer(octets: bytes, *, own: bool = False) -> Answer:
    """Read an answer.

    Args:
        octets: as `encode_answer` wrote them.
        own: it is from our own database, and may say what a unit may not.

    Raises:
        RoadsealError: ``order-malformed``.
    """
    try:
        values = _object(octets)
        refused = values.pop("refused", None)
        is_witnessed = own and values.pop("is_witnessed", False) is True
        kinds = {one.name: str(one.type) for one in fields(Answer)}
        given = {name: _read(value, kinds[name]) for name, value in values.items()}
        return Answer(
            Refused(refused) if refused is not None else None, is_witnessed=is_witnessed, **given
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _malformed("The answer") from None


def _body(values: dict[str, Any]) -> Body:
    kind = _KINDS[values.pop("do")]
    given = {one.name: _read(values.pop(one.name), str(one.type)) for one in fields(kind)}
    if values:
        raise ValueError
    return kind(**given)


def _object(octets: bytes) -> dict[str, Any]:
    if len(octets) > MAX_BYTES:
        raise ValueError
    values = json.loads(octets)
    if not isinstance(values, dict):
        raise TypeError
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _read(value: Any, kind: str) -> Any:
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "int" and _within(value, MAX_ELSEWHERE):
        return value
    if kind == "bytes" and isinstance(value, str):
        return _octets(value)
    if kind == "tuple[bytes, ...]" and isinstance(value, list):
        return tuple(_octets(one) for one in value)
    raise TypeError


def _octets(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None


def _within(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _malformed(what: str) -> RoadsealError:
    return RoadsealError(
        "order-malformed",
        f"{what} cannot be read.",
        advice="Check that centre and unit run versions that know each other.",
    )
