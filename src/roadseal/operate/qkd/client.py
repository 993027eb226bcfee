"""An asyncio client of ETSI GS QKD 014 V1.1.1, for any KME."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

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
            f"qkd-kme-{status}", f"The KME answered {status}: {message}.", advice=advice
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
        return await self._keys(slave, "enc_keys", fields)

    async def dec_keys(self, master: str, key_ids: Sequence[str]) -> list[Key]:
        """Get the keys that `master` was given under `key_ids`, all or none.

        Raises:
            Etsi014Error, TlsRefusedError, RoadsealError: as `status`.
        """
        fields = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        return await self._keys(master, "dec_keys", fields)

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
    extension = entry.get("key_extension") or {}
    provenance = extension.get("roadseal_provenance")
    octets = bytearray(base64.b64decode(entry["key"], validate=True))
    return Key(str(entry["key_ID"]), octets, None if provenance is None else str(provenance))


def _object(answer: Response) -> dict[str, Any]:
    if answer.status == 401:
        raise Etsi014Error(401, "not authorised", {})
    found = answer.json()
    if not isinstance(found, dict):
        raise _malformed()
    if answer.status != 200:
        details = found.get("details")
        pairs: dict[str, Any] = {}
        for entry in details if isinstance(details, list) else []:
            pairs.update(entry if isinstance(entry, dict) else {})
        raise Etsi014Error(answer.status, str(found.get("message", ""))[:200], pairs)
    return found


def _malformed() -> RoadsealError:
    return RoadsealError(
        "qkd-kme-malformed",
        "The KME's answer is not one of ETSI GS QKD 014.",
        advice="Check the address; `roadseal qkd doctor` says what is wrong with a KME.",
    )
