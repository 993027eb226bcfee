"""ETSI GS QKD 014 V1.1.1 as values: what a request asks, judged; what an answer says.

Only the status codes of the standard (clauses 5.2 to 5.4): 200, 400, 401, 503.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography import x509
from cryptography.x509.oid import NameOID

from roadseal.net import Request, Response

SIZE_NOT_OCTETS: Final = "size shall be a multiple of 8"
MANDATORY_UNSUPPORTED: Final = "not all extension_mandatory parameters are supported"
MANDATORY_UNMET: Final = "not all extension_mandatory request options could be met"
NOT_FOUND: Final = "one or more keys specified are not found on KME"
_MOST_BYTES: Final = 1 << 18
_MOST_IDS: Final = 10_000
_VERSION_4: Final = bytes(octet & 0x0F | 0x40 for octet in range(256))  # RFC 9562, 4.2
_VARIANT: Final = bytes(octet & 0x3F | 0x80 for octet in range(256))  # RFC 9562, 4.1
_FIELDS: Final = frozenset(
    ("number", "size", "additional_slave_SAE_IDs", "extension_mandatory", "extension_optional")
)


class Etsi014Error(Exception):
    """An answer that is not 200.

    Args:
        status: 400, 401 or 503.
        message: the standard's, where it has one.
        details: names and values (clause 6.5).
    """

    def __init__(self, status: int, message: str = "", **details: str | int) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details

    def response(self) -> Response:
        """As it goes to the SAE; a 401 has no body (clauses 5.2 to 5.4)."""
        if self.status == 401:
            return Response(401)
        body: dict[str, Any] = {"message": self.message}
        if self.details:
            body["details"] = [{name: value} for name, value in self.details.items()]
        return Response.of_json(self.status, body)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a KME offers (clause 6.1); sizes in bits."""

    key_size: int = 256
    min_key_size: int = 64
    max_key_size: int = 4096
    max_key_per_request: int = 128
    max_sae_id_count: int = 8


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """Clause 6.2.

    Args:
        number: of keys.
        size: of each, in bits.
        additional: slaves beside the one in the path.
    """

    number: int
    size: int
    additional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a container (clause 6.3); its octets are shown in no repr."""

    key_id: str
    octets: bytes | bytearray = field(repr=False)
    provenance: str | None = None


@dataclass(frozen=True, slots=True)
class KeyRun:
    """Keys of one size, one after the other.

    Args:
        key_ids: their UUIDs, 16 octets each.
        octets: the keys, each followed by what fills it up to `stride`; shown in no repr.
        stride: octets from the start of a key to that of the next.
        size: octets of a key.
        provenance: where the bits come from.
    """

    key_ids: bytes
    octets: bytes | bytearray = field(repr=False)
    stride: int
    size: int
    provenance: str | None = None

    @property
    def number(self) -> int:
        """How many."""
        return len(self.key_ids) // 16


def sae_identity(certificate: x509.Certificate | None) -> str | None:
    """The SAE ID a certificate speaks for: its one SAN URI, else its one common name.

    The standard leaves the field open (clause 5.1); a certificate with two speaks for nobody.
    """
    if certificate is None:
        return None
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    except (x509.DuplicateExtension, ValueError):
        return None
    if not uris:
        uris = [
            str(a.value) for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
    return uris[0] if len(uris) == 1 else None


def read_key_request(request: Request, capability: Capability) -> KeyRequest:
    """Read the body or query of Get key.

    Raises:
        Etsi014Error: 400.
    """
    if request.method == "GET":
        fields: dict[str, Any] = {}
        for name, value in request.query:
            if name not in ("number", "size") or name in fields or not _is_decimal(value):
                raise Etsi014Error(400, "bad request format", parameter=name[:64])
            fields[name] = int(value)
    else:
        fields = read_object(request.body)
    if unknown := set(fields) - _FIELDS:
        raise Etsi014Error(400, "bad request format", parameter=sorted(unknown)[0][:64])
    number = _integer(fields, "number", 1)
    size = _integer(fields, "size", capability.key_size)
    _extensions(fields)
    additional = fields.get("additional_slave_SAE_IDs", [])
    if not isinstance(additional, list) or not all(isinstance(a, str) and a for a in additional):
        raise Etsi014Error(400, "bad request format", parameter="additional_slave_SAE_IDs")
    if len(additional) > capability.max_sae_id_count:
        raise Etsi014Error(
            400, "too many additional_slave_SAE_IDs", max_SAE_ID_count=capability.max_sae_id_count
        )
    if size % 8:
        raise Etsi014Error(400, SIZE_NOT_OCTETS)
    if not capability.min_key_size <= size <= capability.max_key_size:
        raise Etsi014Error(
            400,
            "size is out of range",
            min_key_size=capability.min_key_size,
            max_key_size=capability.max_key_size,
        )
    if not 1 <= number <= capability.max_key_per_request:
        raise Etsi014Error(
            400, "number is out of range", max_key_per_request=capability.max_key_per_request
        )
    return KeyRequest(number, size, tuple(dict.fromkeys(additional)))


def read_key_ids(request: Request) -> tuple[bytes, ...]:
    """Read the body or query of Get key with key IDs (clause 6.4).

    Raises:
        Etsi014Error: 400.
    """
    if request.method == "GET":
        if [name for name, _ in request.query] != ["key_ID"]:
            raise Etsi014Error(400, "bad request format", parameter="key_ID")
        texts: list[Any] = [request.query[0][1]]
    else:
        entries = read_object(request.body).get("key_IDs")
        if not isinstance(entries, list) or not 1 <= len(entries) <= _MOST_IDS:
            raise Etsi014Error(400, "bad request format", parameter="key_IDs")
        texts = [entry.get("key_ID") if isinstance(entry, dict) else None for entry in entries]
    try:
        found = tuple(UUID(text).bytes for text in texts)
    except (ValueError, AttributeError, TypeError):
        raise Etsi014Error(400, "bad request format", parameter="key_ID") from None
    if len(set(found)) != len(found):
        raise Etsi014Error(400, "bad request format", parameter="key_IDs")
    return found


def container(runs: Iterable[KeyRun]) -> Response:
    """Clause 6.3, with the provenance of each key in its extension."""
    entries: list[str] = []
    for run in runs:
        extension = ""
        if run.provenance is not None:
            fields = orjson.dumps({"roadseal_provenance": run.provenance}).decode()
            extension = f',"key_extension":{fields}'
        digits = run.key_ids.hex()
        with memoryview(run.octets) as octets:
            for i in range(run.number):
                one = digits[32 * i : 32 * i + 32]
                key_id = f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"
                at = run.stride * i
                key = b2a_base64(octets[at : at + run.size], newline=False).decode()
                entries.append(f'{{"key_ID":"{key_id}","key":"{key}"{extension}}}')
    body = f'{{"keys":[{",".join(entries)}]}}'.encode()
    return Response(200, {"content-type": "application/json"}, body)


def random_key_ids(octets: bytes) -> bytes:
    """Random UUIDs (RFC 9562 version 4), one from each 16 octets."""
    found = bytearray(octets)
    found[6::16] = found[6::16].translate(_VERSION_4)
    found[8::16] = found[8::16].translate(_VARIANT)
    return bytes(found)


def read_object(body: bytes, most_bytes: int = _MOST_BYTES) -> dict[str, Any]:
    """Read a JSON object in UTF-8; an empty body is an empty one.

    Raises:
        Etsi014Error: 400.
    """
    try:
        if len(body) > most_bytes:
            raise ValueError
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique) if body else {}
        if not isinstance(value, dict):
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        raise Etsi014Error(400, "bad request format", body="not a JSON object") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _is_decimal(text: str) -> bool:
    return 0 < len(text) < 10 and text.isascii() and text.isdigit()


def _integer(fields: dict[str, Any], name: str, default: int) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Etsi014Error(400, "bad request format", parameter=name)
    return value


def _extensions(fields: dict[str, Any]) -> None:
    for name in ("extension_mandatory", "extension_optional"):
        value = fields.get(name, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise Etsi014Error(400, "bad request format", parameter=name)
    for entry in fields.get("extension_mandatory", []):
        for name, value in entry.items():
            if name != "roadseal_route_type":
                raise Etsi014Error(400, MANDATORY_UNSUPPORTED, parameter=name[:64])
            if value != "direct":  # this KME serves the links that end at it
                raise Etsi014Error(400, MANDATORY_UNMET, roadseal_route_type="direct")
