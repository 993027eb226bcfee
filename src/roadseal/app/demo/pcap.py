"""Recorded bytes as capture files, with headers written around them.

The payload is what really passed; the IP and TCP headers are ours, since a relay on loopback sees
none. Source: the libpcap file format (draft-ietf-opsawg-pcap), RFC 791, RFC 9293.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import Final

from roadseal.net import Recording

_RAW_IP, _ETHERNET = 101, 1
_SEGMENT_BYTES: Final = 1_400
_SYN, _ACK, _PUSH_ACK, _FIN_ACK = 0x02, 0x10, 0x18, 0x11
_GEONETWORKING: Final = 0x8947
_SECURED_BASIC_HEADER: Final = bytes.fromhex("12000501")  # ETSI EN 302 636-4-1 clause 9.6
_PORT_UP: Final = 49_152


def tls_capture(recording: Recording, client: str, server: str, port: int) -> bytes:
    """A recorded connection between two addresses as a pcap of raw IPv4."""
    packets = list(_conversation(recording, _Ends(client, server, port)))
    return _file(_RAW_IP, packets)


def air_capture(messages: list[bytes]) -> bytes:
    """Secured messages as a pcap of GeoNetworking frames."""
    broadcast, sender = b"\xff" * 6, bytes.fromhex("020000000001")
    header = broadcast + sender + _GEONETWORKING.to_bytes(2) + _SECURED_BASIC_HEADER
    return _file(_ETHERNET, [header + message for message in messages])


class _Ends:
    """Two ends of a connection, and how far each has spoken."""

    def __init__(self, client: str, server: str, port: int) -> None:
        self.addresses = tuple(ipaddress.IPv4Address(each).packed for each in (client, server))
        self.ports = (_PORT_UP, port)
        self.next = [1_000, 2_000]

    def packet(self, sender: int, flags: int, payload: bytes = b"") -> bytes:
        """The next packet from one of them (0 client, 1 server)."""
        receiver = 1 - sender
        acknowledged = self.next[receiver] if flags & _ACK else 0
        tcp = struct.pack(
            "!HHIIBBHHH",
            *(self.ports[sender], self.ports[receiver], self.next[sender], acknowledged),
            *(5 << 4, flags, 65_535, 0, 0),
        )
        pseudo = self.addresses[sender] + self.addresses[receiver]
        pseudo += struct.pack("!BBH", 0, 6, len(tcp) + len(payload))
        tcp = tcp[:16] + _checksum(pseudo + tcp + payload).to_bytes(2) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp) + len(payload), 0, 0x4000, 64, 6, 0)
        ip += self.addresses[sender] + self.addresses[receiver]
        ip = ip[:10] + _checksum(ip).to_bytes(2) + ip[12:]
        self.next[sender] += len(payload) + bool(flags & (_SYN | 0x01))
        return ip + tcp + payload


def _conversation(recording: Recording, ends: _Ends) -> Iterator[bytes]:
    yield ends.packet(0, _SYN)
    yield ends.packet(1, _SYN | _ACK)
    yield ends.packet(0, _ACK)
    # Who spoke when was not recorded: a segment of each in turn keeps the hellos in order.
    streams = (recording.up, recording.down)
    for start in range(0, max(map(len, streams)), _SEGMENT_BYTES):
        for sender, stream in enumerate(streams):
            if payload := stream[start : start + _SEGMENT_BYTES]:
                yield ends.packet(sender, _PUSH_ACK, payload)
    yield ends.packet(0, _FIN_ACK)
    yield ends.packet(1, _FIN_ACK)


def _file(link_type: int, packets: list[bytes]) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link_type)
    rows = [
        struct.pack("<IIII", 0, number, len(packet), len(packet)) + packet
        for number, packet in enumerate(packets)
    ]
    return head + b"".join(rows)


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
