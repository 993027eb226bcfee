"""Cisco SKIP: a router's encryptor gets its keys from a KME and names them to the other router.

Source: draft-cisco-skip-02 (3 September 2025), section 4 with tables 2 to 9. An Internet-Draft, no
standard: what it says may change.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Final, Protocol
from uuid import UUID

from roadseal.errors import RoadsealError
from roadseal.net.http import Handler, Request, Response
from roadseal.operate.qkd.client import Etsi014Client, Etsi014Error
from roadseal.operate.qkd.etsi014 import Key

_KEY_ID: Final = re.compile("[0-9A-Fa-f]{32}")  # section 4.2.1: hexadecimal, by default 128 bits
_DEFAULT_BITS: Final = 256  # of a key (4.2.2) and of entropy (4.3)
_MOST_BITS: Final = 65_536


class SkipSource(Protocol):
    """Where the keys come from that SKIP gives out."""

    async def fresh(self, bits: int) -> Key:
        """Take a new key."""
        ...

    async def fetch(self, key_id: str) -> Key:
        """Take the key that the other end was given under this ID, a UUID."""
        ...


class KmeSource:
    """Keys from a KME of ETSI GS QKD 014, which gives each once.

    Args:
        client: of this end's SAE; not closed here.
        peer: SAE ID of the other end's key provider.
    """

    def __init__(self, client: Etsi014Client, peer: str) -> None:
        self._client = client
        self._peer = peer

    async def fresh(self, bits: int) -> Key:
        """Get key.

        Raises:
            RoadsealError: as `Etsi014Client.enc_keys`.
        """
        (key,) = await self._client.enc_keys(self._peer, number=1, size=bits)
        return key

    async def fetch(self, key_id: str) -> Key:
        """Get key with key IDs.

        Raises:
            RoadsealError: as `Etsi014Client.dec_keys`.
        """
        (key,) = await self._client.dec_keys(self._peer, [key_id])
        return key


def skip_handler(
    local: str,
    remote: str,
    source: SkipSource,
    *,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Handler:
    """Serve SKIP for one pair of key providers; give it to `serve_http`.

    Args:
        local: this key provider's system ID.
        remote: the other's.
        source: of the keys.
        random_bytes: for `GET /entropy`; used for nothing else.
    """

    async def handle(request: Request) -> Response:
        if (path := _path(request)) is None:
            return _refusal(404, "there is no such path")
        if request.method != "GET":
            return _refusal(405, "only GET is supported")
        try:
            if path == "capabilities":
                return Response.of_json(200, _capabilities(local, remote))
            if path == "entropy":
                return _entropy(request, random_bytes)
            if dict(request.query).get("remoteSystemID") != remote:
                return _refusal(400, "that remote system is not known")
            return await _key(request, source)
        except Etsi014Error as error:
            status = 400 if error.status in (400, 401) else 500
            return _refusal(status, error.code)
        except RoadsealError as error:
            return _refusal(500, error.code)

    return handle


def _path(request: Request) -> str | None:
    match request.segments:
        case ("capabilities" | "entropy" | "key" as name,):
            return name
        case ("key", _):
            return "key"
    return None


def _capabilities(local: str, remote: str) -> dict[str, Any]:
    return {
        "entropy": True,
        "key": True,
        "algorithm": "QKD",
        "localSystemID": local,
        "remoteSystemID": [remote],
    }


async def _key(request: Request, source: SkipSource) -> Response:
    if len(request.segments) == 2:
        digits = request.segments[1]
        if _KEY_ID.fullmatch(digits) is None:
            return _refusal(400, "a keyId is 32 hexadecimal digits")
        key = await source.fetch(str(UUID(hex=digits)))
    else:
        if (bits := _bits(request, "size")) is None:
            return _refusal(400, "size is a multiple of 8")
        key = await source.fresh(bits)
    key_id = UUID(key.key_id).hex
    answer = Response.of_json(200, {"keyId": key_id, "key": bytes(key.octets).hex()})
    if isinstance(key.octets, bytearray):
        key.octets[:] = bytes(len(key.octets))  # section 4.2.2: zeroize the local copy
    return answer


def _entropy(request: Request, random_bytes: Callable[[int], bytes]) -> Response:
    if (bits := _bits(request, "minentropy")) is None:
        return _refusal(400, "minentropy is a multiple of 8")
    sample = random_bytes(bits // 8)
    return Response.of_json(200, {"randomStr": sample.hex(), "minentropy": bits})


def _bits(request: Request, name: str) -> int | None:
    text = dict(request.query).get(name, str(_DEFAULT_BITS))
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        return None
    bits = int(text)
    return bits if 0 < bits <= _MOST_BITS and bits % 8 == 0 else None


def _refusal(status: int, message: str) -> Response:
    return Response.of_json(status, {"message": message})
