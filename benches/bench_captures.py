"""Captures: how fast flows are read, beside bare reading and beside dpkt.

    python benches/bench_captures.py [--json]

CPU time, the smallest of several rounds, in one thread. The captures: nDPI's field captures under
ROADSEAL_TESTDATA many times over with fresh addresses, alone and among bulk, and one long download.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import dpkt
from rich.console import Console
from rich.table import Table

from roadseal._core import FlowReader, read_capture
from roadseal.assess.inventory.wire import collect_capture
from roadseal.clock import SystemClock

DATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "inventory/ndpi"
ROUNDS = 3
COPIES = 40
TARGET_MB_S = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()

    rows = [row for name, capture in workloads() for row in measure(name, capture)]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("capture", "MB", "reader", "MB/s of CPU", "times the bare read", "target")
    for row in rows:
        table.add_row(
            row["capture"],
            f"{row['mb']:.0f}",
            row["reader"],
            f"{row['mb_s']:.0f}",
            f"{row['ratio']:.2f}",
            row["target"],
        )
    Console().print(table)


def workloads() -> Iterator[tuple[str, bytes]]:
    frames = list(field_frames())
    yield "handshakes only", pcap(readdressed(frames, COPIES))
    yield "handshakes and bulk", pcap(with_bulk(frames, COPIES))
    yield "one download", pcap(download(40_000))


def measure(name: str, capture: bytes) -> Iterator[dict[str, object]]:
    readers: dict[str, Callable[[], object]] = {
        "bare read": lambda: capture.count(b"\0"),
        "frames only": lambda: read_capture(capture),
        "dpkt, to TCP and UDP": lambda: walk(capture),
        "flows": lambda: sum(len(batch) for batch in FlowReader(capture)),
        "findings": lambda: sum(1 for _ in collect_capture(capture, "x")),
    }
    bare_s = cheapest(readers["bare read"])
    for reader, run in readers.items():
        cost_s = cheapest(run)
        target = f"≥ {TARGET_MB_S}" if reader in {"flows", "findings"} else ""
        yield {
            "capture": name,
            "mb": len(capture) / 1e6,
            "reader": reader,
            "mb_s": len(capture) / 1e6 / cost_s,
            "ratio": cost_s / bare_s,
            "target": target,
        }


def cheapest(run: Callable[[], object]) -> float:
    clock, best = SystemClock(), float("inf")
    for _ in range(ROUNDS):
        before = clock.cpu_s()
        run()
        best = min(best, clock.cpu_s() - before)
    return max(best, 1e-6)


def walk(capture: bytes) -> int:
    """What dpkt does for every packet before anybody looks into it."""
    count = 0
    for _, frame in dpkt.pcap.Reader(io.BytesIO(capture)):
        packet = dpkt.ethernet.Ethernet(frame).data
        if isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
            count += isinstance(packet.data, dpkt.tcp.TCP | dpkt.udp.UDP)
    return count


def field_frames() -> Iterator[bytes]:
    """The Ethernet frames with IPv4 of all field captures."""
    for path in sorted(DATA.glob("*.pcap*")):
        if path.suffix == ".out":
            continue
        with path.open("rb") as file:
            try:
                reader = dpkt.pcap.UniversalReader(file)
            except ValueError:
                continue
            if reader.datalink() != dpkt.pcap.DLT_EN10MB:
                continue
            for _, frame in reader:
                if frame[12:14] == b"\x08\x00" and len(frame) >= 34:
                    yield bytes(frame)


def readdressed(frames: list[bytes], copies: int) -> Iterator[bytes]:
    """The same traffic between fresh pairs of hosts: the third octet of both addresses moves on."""
    for copy in range(copies):
        for frame in frames:
            octets = bytearray(frame)
            octets[28] = (octets[28] + copy) & 0xFF
            octets[32] = (octets[32] + copy) & 0xFF
            yield bytes(octets)


def with_bulk(frames: list[bytes], copies: int) -> Iterator[bytes]:
    """Between the handshakes, records of application data: what most of a capture is."""
    bulk = list(download(50))
    for at, frame in enumerate(readdressed(frames, copies)):
        yield frame
        if at % 50 == 0:
            yield from bulk


def download(segments: int) -> Iterator[bytes]:
    """TCP segments of 1,400 octets of TLS application data, in order."""
    addresses = socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.2")
    body = b"\x17\x03\x03\x05\x73" + bytes(range(256)) * 5 + bytes(115)
    for segment in range(segments):
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(body), 0, 0, 64, 6, 0) + addresses
        sequence = (1 + segment * len(body)) & 0xFFFF_FFFF
        tcp = struct.pack(">HHIIBBHHH", 443, 50_000, sequence, 1, 0x50, 0x10, 1000, 0, 0)
        yield bytes(12) + b"\x08\x00" + ip + tcp + body


def pcap(frames: Iterator[bytes]) -> bytes:
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for number, frame in enumerate(frames):
        parts.append(struct.pack("<IIII", number, 0, len(frame), len(frame)))
        parts.append(frame)
    return b"".join(parts)


if __name__ == "__main__":
    main()
