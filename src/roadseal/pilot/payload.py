"""What messages say: the facts that receivers act upon, at the size messages have in the field.

The facts are packed by us and padded: the pilot measures security, not the ASN.1 of the facilities
layer. Sizes of CAM and MAP were measured on recorded field traffic; the others follow the structure
of ISO/TS 19091 (bytes a movement and a frame), and are therefore modelled.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

CAM_BYTES = 85
"""GeoNetworking single-hop header, BTP-B and CAM, as recorded in Europe."""

MAP_BYTES = 728
"""A MAP as recorded at a US intersection."""

_SPAT_FRAME_BYTES = 45
_SPAT_MOVEMENT_BYTES = 14
_PRIORITY_BYTES = 80
_LENGTH = struct.Struct(">H")


def cam(vehicle: int, x_m: float, y_m: float, speed_mps: float) -> bytes:
    """A vehicle's state."""
    return _padded(struct.pack(">Ifff", vehicle, x_m, y_m, speed_mps), CAM_BYTES)


def spat(signal: str, state: str) -> bytes:
    """What a signal shows, one letter a link."""
    size = _SPAT_FRAME_BYTES + _SPAT_MOVEMENT_BYTES * len(state)
    return _padded(_text(signal) + _text(state), size)


def map_data(signal: str, links: int) -> bytes:
    """The topology of a signal; more links than the field's MAP had make it longer."""
    return _padded(_text(signal) + _LENGTH.pack(links), max(MAP_BYTES, 30 * links))


@dataclass(frozen=True, slots=True)
class PriorityRequest:
    """A request for priority (SREM): which vehicle wants which link of which signal, and when."""

    vehicle: str
    signal: str
    link: int
    eta_s: float

    def to_bytes(self) -> bytes:
        """As it is signed."""
        facts = _text(self.vehicle) + _text(self.signal) + struct.pack(">Hf", self.link, self.eta_s)
        return _padded(facts, _PRIORITY_BYTES)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self | None:
        """Read a request; `None` if it is none."""
        try:
            vehicle, rest = _read_text(payload)
            signal, rest = _read_text(rest)
            link, eta_s = struct.unpack_from(">Hf", rest)
        except (struct.error, UnicodeDecodeError):
            return None
        return cls(vehicle, signal, link, eta_s)


def priority_answer(request: PriorityRequest, *, granted: bool) -> bytes:
    """The answer to a request (SSEM)."""
    return _padded(
        _text(request.vehicle) + _text(request.signal) + bytes([granted]), _PRIORITY_BYTES
    )


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def _read_text(data: bytes) -> tuple[str, bytes]:
    (length,) = _LENGTH.unpack_from(data)
    body = data[_LENGTH.size : _LENGTH.size + length]
    if len(body) != length:
        raise struct.error("shorter than it says")
    return body.decode(), data[_LENGTH.size + length :]


def _padded(facts: bytes, size: int) -> bytes:
    return facts.ljust(size, b"\0")
