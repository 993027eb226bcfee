"""Captures made octet by octet: conversations between two hosts, in a pcap file.

Field captures rarely hold a negotiation that fails; these do, message for message as the standards
have them. Checksums are left at zero: no reader of captures may rely on them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, Literal

CLIENT: Final = bytes([10, 0, 0, 2])
SERVER: Final = bytes([10, 0, 0, 1])
CLIENT_PORT: Final = 40000
ETHERNET: Final = 1
RAW: Final = 101

FIN_ACK, SYN, SYN_ACK, RST, PUSH_ACK = 0x11, 0x02, 0x12, 0x14, 0x18

Turn = tuple[Literal["c", "s"], bytes]
"""Who sends, and what."""


def pcap(frames: Iterable[bytes], link_type: int = RAW) -> bytes:
    """A capture of these frames (microseconds, least significant octet first)."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)
    return head + b"".join(
        struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame
        for number, frame in enumerate(frames)
    )


def ipv4(protocol: int, payload: bytes, *, from_client: bool = True) -> bytes:
    ends = CLIENT + SERVER if from_client else SERVER + CLIENT
    return (
        struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + ends + payload
    )


def ipv6(protocol: int, payload: bytes, *, from_client: bool = True) -> bytes:
    ends = [bytes(12) + CLIENT, bytes(12) + SERVER]
    return (
        struct.pack(">IHBB", 0x6000_0000, len(payload), protocol, 64)
        + b"".join(ends if from_client else ends[::-1])
        + payload
    )


def tcp_segment(
    port: int, sequence: int, acknowledged: int, flags: int, data: bytes = b"", *, from_client: bool
) -> bytes:
    ports = (CLIENT_PORT, port) if from_client else (port, CLIENT_PORT)
    return struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 0x50, flags, 512, 0, 0) + data


def tcp(
    port: int, turns: Sequence[Turn], *, closed_by: str = "", opened: bool = True
) -> list[bytes]:
    """IP packets of a TCP connection, opened and closed as TCP does."""
    at = {"c": 1000, "s": 5000}
    packets = []

    def send(side: str, flags: int, data: bytes = b"") -> None:
        other = "s" if side == "c" else "c"
        acknowledged = 0 if flags == SYN else at[other]
        segment = tcp_segment(port, at[side], acknowledged, flags, data, from_client=side == "c")
        packets.append(ipv4(6, segment, from_client=side == "c"))
        at[side] += len(data) + bool(flags & 0x03)

    if opened:
        send("c", SYN)
        send("s", SYN_ACK)
    for side, data in turns:
        for begin in range(0, len(data), 1400):
            send(side, PUSH_ACK, data[begin : begin + 1400])
    if closed_by:
        send(closed_by, FIN_ACK)
    return packets


def udp_datagram(port: int, data: bytes, *, from_client: bool) -> bytes:
    ports = (CLIENT_PORT, port) if from_client else (port, CLIENT_PORT)
    return struct.pack(">HHHH", *ports, 8 + len(data), 0) + data


def udp(port: int, turns: Iterable[Turn]) -> list[bytes]:
    """IP packets of datagrams between two sockets."""
    return [
        ipv4(17, udp_datagram(port, data, from_client=side == "c"), from_client=side == "c")
        for side, data in turns
    ]


def vector(value: bytes, length_bytes: int) -> bytes:
    """A value behind its length."""
    return len(value).to_bytes(length_bytes, "big") + value


def tls_record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + vector(body, 2)


def server_hello(
    suite: int, extensions: Sequence[tuple[int, bytes]] = (), *, random: bytes = bytes(32)
) -> bytes:
    """A ServerHello message (RFC 8446 clause 4.1.3)."""
    body = b"\x03\x03" + random + vector(b"", 1) + suite.to_bytes(2, "big") + b"\0"
    if extensions:
        listed = b"".join(kind.to_bytes(2, "big") + vector(value, 2) for kind, value in extensions)
        body += vector(listed, 2)
    return b"\x02" + vector(body, 3)


def ber(tag: int, *parts: bytes) -> bytes:
    """An element of BER with a definite length."""
    value = b"".join(parts)
    length = bytes([len(value)]) if len(value) < 128 else b"\x82" + len(value).to_bytes(2, "big")
    return bytes([tag]) + length + value
