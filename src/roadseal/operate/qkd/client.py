"""An asyncio client of ETSI GS QKD 014 V1.1.1, for any KME."""

from __future__ import annotations

import codecs
from binascii import a2b_base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

import orjson

from roadseal.clock import Clock
from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, Response, TlsContext
from roadseal.operate.qkd.etsi014 import Key


class Etsi014Error(RoadsealError):
    """What a KME answered instead of keys.

    Args:
        status: of HTTP.
        message: the KME's.
        details: the KME's names and values.
    """

    def __init__(self, status: int, message: str, details: Mapping[str, Any]) -> None:
        advice = {
            400: "Compare the request with the KME's status: sizes, numbers, SAE IDs, key_IDs.",
            401: "Use the certificate of an SAE that this KME serves and that was named.",
            503: "Wait for fresh keys or for the peer KME, then ask again.",
        }.get(status, "This status is not one of ETSI GS QKD 014; ask the KME's maker.")
        super().__init__(
            f"qkd-kme-{status}",
            f"The KME answered {status}{': ' if message else ''}{message.rstrip('.')}.",
            advice=advice,
        )
        self.status = status
        self.details = dict(details)


class Etsi014Client:
    """One SAE at its KME.

    Args:
        host: address of the KME.
        port: its TCP port.
        context: the SAE's TLS configuration, with its certificate.
        expect: the KME ID, as its certificate names it.
        clock: for the validity of certificates.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: TlsContext,
        *,
        expect: Collection[str],
        clock: Clock,
    ) -> None:
        self.http = HttpClient(host, port, context, clock=clock, expect=expect)

    @classmethod
    def over(cls, http: HttpClient) -> Self:
        """A client over a connection of the caller's, in the clear for a test or a proxy."""
        client = cls.__new__(cls)
        client.http = http
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def status(self, slave: str) -> dict[str, Any]:
        """Clause 6.1: what there is for keys with `slave`.

        Raises:
            Etsi014Error: another status than 200.
            TlsRefusedError: no session with the KME.
            RoadsealError: ``qkd-kme-malformed``.
        """
        answer = await self.http.request("GET", f"/api/v1/keys/{quote(slave, safe='')}/status")
        return _object(answer)

    async def enc_keys(
        self,
        slave: str,
        *,
        number: int = 1,
        size: int | None = None,
        additional: Sequence[str] = (),
        mandatory: Sequence[Mapping[str, Any]] = (),
    ) -> list[Key]:
        """Get fresh keys, for which `slave` and `additional` may ask their own KME.

        Args:
            slave: SAE ID.
            number: of keys.
            size: of each, in bits; the KME's default if None.
            additional: further slave SAE IDs.
            mandatory: extensions that the KME must meet or refuse.

        Raises:
            Etsi014Error, TlsRefusedError, RoadsealError: as `status`.
        """
        fields: dict[str, Any] = {"number": number}
        if size is not None:
            fields["size"] = size
        if additional:
            fields["additional_slave_SAE_IDs"] = list(additional)
        if mandatory:
            fields["extension_mandatory"] = [dict(entry) for entry in mandatory]
        keys = await self._keys(slave, "enc_keys", fields)
        ids = {key.key_id for key in keys}
        sizes = {8 * len(key.octets) for key in keys}
        if len(keys) != number or len(ids) != number or (size is not None and sizes != {size}):
            raise _malformed()
        return keys

    async def dec_keys(self, master: str, key_ids: Sequence[str]) -> list[Key]:
        """Get the keys that `master` was given under `key_ids`, all or none, in this order.

        Raises:
            Etsi014Error, TlsRefusedError, RoadsealError: as `status`.
        """
        fields = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        keys = await self._keys(master, "dec_keys", fields)
        if [key.key_id for key in keys] == list(key_ids):
            return keys
        found = {_same(key.key_id): key for key in keys}
        if len(keys) != len(key_ids) or found.keys() != {_same(key_id) for key_id in key_ids}:
            raise _malformed()
        return [found[_same(key_id)] for key_id in key_ids]

    async def _keys(self, other: str, action: str, fields: Mapping[str, Any]) -> list[Key]:
        target = f"/api/v1/keys/{quote(other, safe='')}/{action}"
        body = Response.of_json(200, fields).body
        headers = {"content-type": "application/json"}
        answer = await self.http.request("POST", target, body=body, headers=headers)
        try:
            return [_key(entry) for entry in _object(answer)["keys"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _malformed() from None


def _key(entry: Mapping[str, Any]) -> Key:
    extension = entry.get("key_extension")  # any JSON: only ours is looked into
    provenance = extension.get("roadseal_provenance") if isinstance(extension, dict) else None
    text, key_id = entry["key"], entry["key_ID"]
    if not isinstance(text, str) or not isinstance(key_id, str):
        raise TypeError
    octets = bytearray(a2b_base64("".join(text.split()), strict_mode=True))
    if not octets or not key_id:
        raise ValueError
    return Key(key_id, octets, None if provenance is None else str(provenance))


def _same(key_id: str) -> str:
    """What two spellings of one UUID have in common (RFC 9562 section 4)."""
    try:
        return UUID(key_id).hex
    except ValueError:
        return key_id


def _object(answer: Response) -> dict[str, Any]:
    if answer.status == 200:
        found = _json(answer.body)
        if not isinstance(found, dict):
            raise _malformed()
        return found
    try:
        found = _json(answer.body)
    except RoadsealError:
        found = None  # a page for people, of something in between
    said = found if isinstance(found, dict) else {}
    words = str(said.get("message") or said.get("error") or "")[:200]
    message = "".join(letter for letter in words if letter.isprintable())
    if answer.status == 401:
        message = message or "not authorised"
    details = said.get("details")
    pairs: dict[str, Any] = {}
    for entry in details if isinstance(details, list) else [details]:
        pairs.update(entry if isinstance(entry, dict) else {})
    raise Etsi014Error(answer.status, message, pairs)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        raise _malformed() from None


def _malformed() -> RoadsealError:
    return RoadsealError(
        "qkd-kme-malformed",
        "The KME's answer is not one of ETSI GS QKD 014.",
        advice="Check the address; `roadseal qkd doctor` says what is wrong with a KME.",
    )
