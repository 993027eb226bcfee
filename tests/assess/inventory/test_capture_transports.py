"""SCTP, DCCP and UDP-Lite: what runs over them is read as over TCP and UDP."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import dpkt
import packets
import pytest
from ndpi import CAPTURES, DATA
from packets import ipv4, pcap, server_hello, tls_record

from roadseal.assess.inventory.finding import Finding, Gap, Role
from roadseal.assess.inventory.probe.hello import Hello
from roadseal.assess.inventory.wire import collect_capture

HELLO = Hello(bytes(64), groups=(0x11EC, 0x001D), server_name="rsu.example").record()
ANSWER = tls_record(22, server_hello(0x1301, [(43, b"\x03\x04"), (51, b"\x11\xec\0\0")]))
SCTP, DCCP, UDP_LITE = 132, 33, 136
PORT = 38412
BEGINS, ENDS = 2, 1

needs_captures = pytest.mark.skipif(
    not CAPTURES, reason="no field captures under ROADSEAL_TESTDATA"
)


def read(capture: bytes) -> tuple[list[Finding], list[str]]:
    seen = list(collect_capture(capture, "x"))
    gaps = [one.detail for one in seen if isinstance(one, Gap)]
    return [one for one in seen if isinstance(one, Finding)], gaps


def chunk(
    number: int, data: bytes, *, protocol: int = 0, flags: int = BEGINS | ENDS, kind: int = 0
) -> bytes:
    """A DATA chunk (RFC 9260 clause 3.3.1), or of kind 64 an I-DATA chunk (RFC 8260 clause 2.1)."""
    head = struct.pack(">IHH", number, 0, 0) + (bytes(4) if kind else b"")
    count = number + 1 & 0xFFFF_FFFF  # of the fragment, behind the first of an I-DATA message
    body = head + struct.pack(">I", count if kind and not flags & BEGINS else protocol) + data
    return bytes([kind, flags]) + (4 + len(body)).to_bytes(2, "big") + body + bytes(-len(body) % 4)


def ports(from_client: bool) -> bytes:
    return struct.pack(">HH", *((40000, PORT) if from_client else (PORT, 40000)))


def sctp(*chunks: bytes, from_client: bool) -> bytes:
    packet = ports(from_client) + struct.pack(">II", 7, 0) + b"".join(chunks)
    return ipv4(SCTP, packet, from_client=from_client)


def dccp(data: bytes, *, from_client: bool) -> bytes:
    """A DataAck packet with long sequence numbers (RFC 4340 clause 5.1)."""
    header = ports(from_client) + bytes([6, 0, 0, 0, 4 << 1 | 1]) + bytes(15)
    return ipv4(DCCP, header + data, from_client=from_client)


def udp_lite(data: bytes, *, from_client: bool) -> bytes:
    packet = ports(from_client) + struct.pack(">HH", 8, 0) + data
    return ipv4(UDP_LITE, packet, from_client=from_client)


def hybrid(capture: bytes) -> Finding:
    (finding,) = read(capture)[0]
    assert finding.facts["protocol"] == "tls"
    assert finding.facts["endpoint"] == f"10.0.0.1:{PORT}"
    assert next(use.name for use in finding.algorithms if use.preferred) == "x25519mlkem768"
    return finding


@pytest.mark.parametrize("kind", [0, 64])
def test_tls_over_sctp_is_read_in_whole_messages_and_in_fragments(kind: int) -> None:
    answer = sctp(chunk(1, ANSWER, kind=kind), from_client=False)
    hybrid(pcap([sctp(chunk(1, HELLO, kind=kind), from_client=True), answer]))
    parts = [HELLO[:90], HELLO[90:150], HELLO[150:]]
    flags = [BEGINS, 0, ENDS]
    fragments = [
        sctp(chunk(0xFFFF_FFFF + at & 0xFFFF_FFFF, part, flags=flag, kind=kind), from_client=True)
        for at, (part, flag) in enumerate(zip(parts, flags, strict=True))
    ]
    hybrid(pcap([*fragments, answer]))
    hybrid(pcap([*fragments[::-1], answer]))
    _, gaps = read(pcap(fragments[:2]))
    assert any("not recognised" in gap for gap in gaps)


def test_a_client_whose_hello_was_not_captured_is_known_by_the_opening() -> None:
    opening = bytes([1, 0, 0, 20]) + bytes(16)  # INIT
    (finding,), gaps = read(
        pcap([sctp(opening, from_client=True), sctp(chunk(1, ANSWER), from_client=False)])
    )
    assert finding.facts["endpoint"] == f"10.0.0.1:{PORT}"
    assert any("client's part" in gap for gap in gaps)


@pytest.mark.parametrize(
    ("protocol", "name"), [(60, "ngap"), (18, "s1ap"), (46, "diameter"), (3, "m3ua")]
)
def test_what_sctp_carries_in_clear_is_named_by_its_payload_protocol(
    protocol: int, name: str
) -> None:
    message = chunk(1, b"\0\x15\0\x3e" + bytes(58), protocol=protocol)
    ((finding,), _) = read(pcap([sctp(message, from_client=True)]))
    assert finding.facts["protocol"] == name
    assert {use.role for use in finding.algorithms} == {Role.PLAINTEXT}


def test_an_association_without_a_known_protocol_is_a_gap() -> None:
    found, gaps = read(pcap([sctp(chunk(1, bytes(40)), from_client=True)]))
    assert found == []
    assert gaps == [
        f"1 flows in protocols that are not recognised; by server port: sctp/{PORT} (1)"
    ]


# --- real DTLS in other wrappings -----------------------------------------------------------------


def datagrams(capture: Path) -> list[tuple[bool, bytes]]:
    """Payloads of the UDP datagrams of a capture, and whether the client of its first sent them."""
    found: list[tuple[bool, bytes]] = []
    client = None
    with capture.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            udp = dpkt.ethernet.Ethernet(frame).data.data
            client = client or udp.sport
            found.append((udp.sport == client, bytes(udp.data)))
    return found


WRAPPINGS: dict[str, Callable[[Iterable[tuple[bool, bytes]]], list[bytes]]] = {
    "sctp": lambda turns: [
        sctp(chunk(number, data, protocol=66), from_client=from_client)
        for number, (from_client, data) in enumerate(turns)
    ],
    "dccp": lambda turns: [dccp(data, from_client=from_client) for from_client, data in turns],
    "udp-lite": lambda turns: [
        udp_lite(data, from_client=from_client) for from_client, data in turns
    ],
}


@needs_captures
@pytest.mark.parametrize("name", WRAPPINGS)
def test_dtls_says_the_same_in_every_wrapping(name: str) -> None:
    """RFC 6083, RFC 5238: datagrams of a field capture, taken out of UDP."""
    turns = datagrams(DATA / "dtls_certificate_fragments.pcap")
    plain = pcap(packets.udp(PORT, [("c" if client else "s", data) for client, data in turns]))
    wrapped = pcap(WRAPPINGS[name](turns))
    assert [one.algorithms for one in read(wrapped)[0]] == [
        one.algorithms for one in read(plain)[0]
    ]
    assert read(wrapped)[0][0].facts["cipher_suite"]


AS_WIRESHARK_READS_THEM = {  # it has no way from DCCP to DTLS: there it gives the octets
    "sctp": ["-d", "sctp.ppi==66,dtls", "-e", "dtls.handshake.type"],
    "udp-lite": ["-d", f"udp.port=={PORT},dtls", "-e", "dtls.handshake.type"],
    "dccp": ["-e", "data.data"],
}


@needs_captures
@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
@pytest.mark.parametrize("name", WRAPPINGS)
def test_wireshark_takes_the_wrappings_for_what_they_are(tmp_path: Path, name: str) -> None:
    turns = datagrams(DATA / "dtls_certificate_fragments.pcap")[:1]
    (tmp_path / "x.pcap").write_bytes(pcap(WRAPPINGS[name](turns)))
    command = ["tshark", "-r", str(tmp_path / "x.pcap"), "-T", "fields"]
    command += AS_WIRESHARK_READS_THEM[name]
    seen = subprocess.run(command, capture_output=True, check=True, text=True)
    client_hello = "1"
    assert seen.stdout.strip() == (turns[0][1].hex() if name == "dccp" else client_hello)
