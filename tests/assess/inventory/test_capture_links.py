"""What carries a handshake does not hide it: tunnels, local networks, EAP, old records."""

from __future__ import annotations

import os
import random
import struct

import packets
import pytest
from packets import ber, ipv4, ipv6, pcap, server_hello, tcp, tls_record, udp, udp_datagram, vector

from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Gap, Role
from roadseal.assess.inventory.probe.hello import Hello
from roadseal.assess.inventory.wire import collect_capture

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))
HELLO = Hello(bytes(64), groups=(0x11EC, 0x001D), server_name="rsu.example").record()
STATIONS = bytes.fromhex("020000000002") + bytes.fromhex("020000000001")
IP_TYPE, IP6_TYPE, ETHERNET_IN_GRE = b"\x08\x00", b"\x86\xdd", b"\x65\x58"
SEGMENT = packets.tcp_segment(8443, 1, 1, packets.PUSH_ACK, HELLO, from_client=True)
INNER = ipv4(6, SEGMENT)
FRAME = STATIONS + IP_TYPE + INNER
TAGGED = STATIONS + b"\x81\x00\x00\x05" + IP_TYPE + INNER


def read(capture: bytes) -> tuple[list[Finding], list[Gap]]:
    seen = list(collect_capture(capture, "x"))
    return (
        [one for one in seen if isinstance(one, Finding)],
        [one for one in seen if isinstance(one, Gap)],
    )


def in_udp(port: int, data: bytes) -> bytes:
    return ipv4(17, udp_datagram(port, data, from_client=True))


TUNNELS = {
    "gre": ipv4(47, b"\0\0" + IP_TYPE + INNER),
    "gre with key, checksum, number": ipv4(47, b"\xb0\0" + IP_TYPE + bytes(12) + INNER),
    "gre with Ethernet": ipv4(47, b"\x20\0" + ETHERNET_IN_GRE + bytes(4) + FRAME),
    "gre with a tagged frame": ipv4(47, b"\0\0" + ETHERNET_IN_GRE + TAGGED),
    "erspan I": ipv4(47, b"\0\0\x88\xbe" + FRAME),
    "erspan II": ipv4(47, b"\x10\0\x88\xbe" + bytes(4) + b"\x10" + bytes(7) + FRAME),
    "erspan III": ipv4(47, b"\x10\0\x22\xeb" + bytes(4) + b"\x20" + bytes(11) + FRAME),
    "pptp": ipv4(47, b"\x30\x01\x88\x0b" + bytes(8) + b"\xff\x03\0\x21" + INNER),
    "vxlan": in_udp(4789, b"\x08\0\0\0\0\0\x05\0" + FRAME),
    "vxlan with a tagged frame": in_udp(4789, b"\x08\0\0\0\0\0\x05\0" + TAGGED),
    "geneve": in_udp(6081, b"\x01\0\x65\x58\0\0\x05\0" + bytes(4) + FRAME),
    "l2tp": in_udp(1701, b"\0\x02\0\x01\0\x01\xff\x03\0\x21" + INNER),
    "gtp-u": in_udp(2152, b"\x30\xff" + len(INNER).to_bytes(2, "big") + bytes(4) + INNER),
    "mpls": in_udp(6635, b"\0\x01\x11\x40" + INNER),
    "teredo": in_udp(3544, ipv6(6, SEGMENT)),
    "mpls in IP": ipv4(137, b"\0\x01\x11\x40" + INNER),
    "ip-in-ip": ipv6(4, INNER),
    "ethernet-in-ip": ipv6(143, FRAME),
    "ethernet-in-ip as of RFC 3378": ipv4(97, b"\x30\0" + TAGGED),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_hello_in_a_tunnel_is_read_and_the_tunnel_named(name: str) -> None:
    ((finding,), _) = read(pcap([TUNNELS[name]]))
    assert finding.facts["client_groups"] == "X25519MLKEM768,x25519"
    assert finding.facts["tunnel"] == name.split(" ")[0]


def test_tunnels_are_followed_four_deep_and_no_further() -> None:
    packet = INNER
    for depth in range(6):
        assert len(read(pcap([packet]))[0]) == (1 if depth <= 4 else 0)
        packet = ipv4(4, packet)


def test_ipsec_authentication_header_is_seen_and_what_it_carries_read() -> None:
    header = bytes([6, 4, 0, 0]) + struct.pack(">II", 5, 1) + bytes(12)
    for packet in (ipv4(51, header + SEGMENT), ipv6(51, header + SEGMENT)):
        found, _ = read(pcap([packet]))
        assert {one.facts["protocol"] for one in found} == {"ipsec ah", "tls"}


def test_protocols_that_are_not_read_are_a_gap() -> None:
    _, gaps = read(pcap([ipv4(46, bytes(40)), ipv4(46, bytes(40)), ipv4(1, bytes(8))]))
    assert [gap.detail for gap in gaps] == ["2 packets of IP protocol 46 (RSVP) are not read"]


def test_frames_that_a_radio_network_encrypts_are_a_gap() -> None:
    frame = b"\x08\x41" + bytes(22) + b"\1\2\3\x20" + bytes(60)
    found, gaps = read(pcap([frame], link_type=105))
    assert found == []
    assert "encrypted by their radio network" in gaps[0].detail


# --- access control -------------------------------------------------------------------------------

PEER, SWITCH = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
PORTS = bytes.fromhex("0180c2000003")


def eap(code: int, identifier: int, kind: int | None = None, data: bytes = b"") -> bytes:
    body = b"" if kind is None else bytes([kind]) + data
    return bytes([code, identifier]) + (4 + len(body)).to_bytes(2, "big") + body


def eap_tls(last: bytes = eap(3, 9)) -> list[tuple[bool, bytes]]:
    """EAP-TLS (RFC 5216) with fragments; whether the peer sends, and what."""
    answer = tls_record(
        22,
        server_hello(0xC02B)
        + b"\x0c\0\0\x2e\x03\0\x17"
        + vector(bytes(33), 1)
        + b"\x04\x03"
        + vector(bytes(5), 2)
        + b"\x0e\0\0\0",
    )
    total = len(HELLO).to_bytes(4, "big")
    return [
        (False, eap(1, 1, 1)),
        (True, eap(2, 1, 1, b"rsu")),
        (False, eap(1, 2, 13, b"\x20")),
        (True, eap(2, 2, 13, b"\xc0" + total + HELLO[:80])),
        (True, eap(2, 2, 13, b"\xc0" + total + HELLO[:80])),  # sent again
        (False, eap(1, 3, 13, b"\0")),
        (True, eap(2, 3, 13, b"\0" + HELLO[80:])),
        (False, eap(1, 4, 13, b"\0" + answer)),
        (True, eap(2, 4, 13, b"\0" + tls_record(20, b"\1"))),
        (False, eap(1, 5, 13, b"\0" + tls_record(20, b"\1"))),
        (False, last),
    ]


def eapol(conversation: list[tuple[bool, bytes]], *, group: bool) -> list[bytes]:
    frames = []
    for from_peer, packet in conversation:
        source, destination = (PEER, SWITCH) if from_peer else (SWITCH, PEER)
        head = (PORTS if group else destination) + source + b"\x88\x8e\x02\0"
        frames.append(head + vector(packet, 2) + bytes(10))
    return frames


@pytest.mark.parametrize("group", [True, False])
def test_eap_tls_on_a_local_network_is_read_through_its_fragments(group: bool) -> None:
    ((finding,), gaps) = read(pcap(eapol(eap_tls(), group=group), packets.ETHERNET))
    assert finding.title.startswith("EAP-TLS 1.2 at 01-80-c2-00-00-03: p256")
    assert finding.facts["client"] == "02-00-00-00-00-01"
    assert AlgorithmUse("ecdsa-p256", Role.LIVE_AUTHENTICATION) in finding.algorithms
    assert gaps == []


def test_eap_failure_is_no_agreement() -> None:
    frames = eapol(eap_tls(last=eap(4, 9)), group=False)
    ((finding,), _) = read(pcap(frames, packets.ETHERNET))
    assert not any(use.preferred for use in finding.algorithms)
    assert finding.facts["outcome"] == "refused by the authenticator: EAP Failure"


def radius(code: int, identifier: int, packet: bytes, state: bytes = b"") -> bytes:
    attributes = b"".join(
        bytes([79, 2 + len(part)]) + part
        for part in (packet[at : at + 253] for at in range(0, len(packet), 253))
    )
    attributes += bytes([80, 18]) + bytes(16)
    if state:
        attributes += bytes([24, 2 + len(state)]) + state
    return (
        bytes([code, identifier])
        + (20 + len(attributes)).to_bytes(2, "big")
        + bytes(16)
        + attributes
    )


def test_eap_in_radius_is_told_apart_by_station() -> None:
    """Two stations at once over one pair of sockets; one of them is refused."""
    challenge = b"\x10" + bytes(16)
    refused = [eap(2, 1, 1, b"obu"), eap(1, 2, 4, challenge), eap(2, 2, 4, challenge), eap(4, 2)]
    accepted = [packet for at, (_, packet) in enumerate(eap_tls()) if at not in {0, 4}]
    stations = [accepted, refused]
    turns: list[packets.Turn] = []
    identifier = 0
    for step in range(0, max(map(len, stations)), 2):
        for number, conversation in enumerate(stations):
            if step + 1 >= len(conversation):
                continue
            state = bytes([number]) * 8
            ask, answer = conversation[step], conversation[step + 1]
            code = {3: 2, 4: 3}.get(answer[0], 11)
            turns.append(("c", radius(1, identifier, ask, state if step else b"")))
            turns.append(("s", radius(code, identifier, answer, b"" if code != 11 else state)))
            identifier += 1
    found, gaps = read(pcap(udp(1812, turns)))
    by_protocol = {str(one.facts["protocol"]): one for one in found}
    assert by_protocol.keys() == {"radius", "eap-tls", "eap-md5"}
    assert AlgorithmUse("p256", Role.KEY_EXCHANGE) in by_protocol["eap-tls"].algorithms
    assert "EAP Failure" in by_protocol["eap-md5"].title
    assert AlgorithmUse("hmac-md5", Role.INTEGRITY) in by_protocol["radius"].algorithms
    assert gaps == []


MKA = (
    PORTS
    + SWITCH
    + b"\x88\x8e\x03\x05"
    + vector(
        bytes([3, 16, 0xE0, 32])
        + bytes(32)
        + bytes([4, 0x40, 0, 52])
        + b"\0\0\0\1"
        + bytes.fromhex("0080c20001000002")
        + bytes(56),
        2,
    )
)


def test_macsec_says_its_suite_where_its_keys_are_agreed_on() -> None:
    frame = PEER + SWITCH + b"\x88\xe5\x2c\0" + bytes(4) + bytes(40)
    found, gaps = read(pcap([MKA, frame, frame], packets.ETHERNET))
    agreed, seen = found
    assert agreed.algorithms == (AlgorithmUse("aes-256-gcm", Role.ENCRYPTION),)
    assert seen.facts["cipher"] == "agreed by MKA: not visible here"
    assert gaps == []


# --- records of other kinds -----------------------------------------------------------------------


def test_drafts_of_tls_1_3_had_their_key_share_elsewhere() -> None:
    """Until draft 23 it was extension 40."""
    answer = server_hello(0x1301, [(43, b"\x7f\x16"), (40, b"\0\x1d\0\0")])
    (finding,), _ = read(pcap(tcp(8443, [("c", HELLO), ("s", tls_record(22, answer))])))
    assert finding.facts["version"] == "1.3-draft-22"
    assert finding.facts["group"] == "x25519"


SSL_2_CIPHERS = bytes.fromhex("010080060040")
SSL_2_HELLO = packets.vector(
    b"\x01\0\x02" + struct.pack(">HHH", 6, 0, 16) + SSL_2_CIPHERS + bytes(16), 2
)
SSL_2_HELLO = bytes([SSL_2_HELLO[0] | 0x80]) + SSL_2_HELLO[1:]


def ssl_2_answer() -> bytes:
    certificate = b"\x30\x82\x01\x00" + bytes(256)
    answer = b"\x04\0\x01\0\x02" + struct.pack(">HHH", len(certificate), 3, 16)
    answer += certificate + SSL_2_CIPHERS[:3] + bytes(16)
    return struct.pack(">H", 0x8000 | len(answer)) + answer


def test_ssl_2_is_read_on_both_sides() -> None:
    turns: list[packets.Turn] = [("c", SSL_2_HELLO), ("s", ssl_2_answer())]
    ((finding,), gaps) = read(pcap(tcp(443, turns)))
    assert finding.facts["version"] == "SSL 2.0"
    names = {use.name for use in finding.algorithms}
    assert names == {"rsa", "rc4-128", "md5"}
    assert gaps == []


def test_tlcp_is_read_with_its_suites() -> None:
    body = b"\1\1" + bytes(32) + b"\0" + vector(b"\xe0\x13\xe0\x53", 2) + vector(b"\0", 1)
    hello = tls_record(22, b"\1" + vector(body, 3), version=0x0101)
    chosen = b"\1\1" + bytes(32) + b"\0\xe0\x13\0"
    answer = tls_record(22, b"\2" + vector(chosen, 3), version=0x0101)
    ((finding,), gaps) = read(pcap(tcp(443, [("c", hello), ("s", answer)])))
    assert finding.facts["version"] == "TLCP 1.1"
    assert AlgorithmUse("sm4-cbc", Role.ENCRYPTION) in finding.algorithms
    assert AlgorithmUse("sm2", Role.KEY_EXCHANGE) in finding.algorithms
    assert gaps == []


def test_dtls_1_3_is_read_up_to_its_encrypted_records() -> None:
    """Version and group stand in extensions, ciphertext begins with a unified header (RFC 9147)."""

    def handshake(kind: int, body: bytes) -> bytes:
        length = len(body).to_bytes(3, "big")
        message = bytes([kind]) + length + bytes(5) + length + body
        return b"\x16\xfe\xfd" + bytes(8) + vector(message, 2)

    groups, versions = vector(b"\x11\xec\0\x1d", 2), vector(b"\xfe\xfc\xfe\xfd", 1)
    extensions = b"\0\x0a" + vector(groups, 2) + b"\0\x2b" + vector(versions, 2)
    hello = b"\xfe\xfd" + bytes(32) + b"\0\0" + vector(b"\x13\x02", 2) + vector(b"\0", 1)
    share = b"\x11\xec" + vector(bytes(1120), 2)
    chosen = server_hello(0x1302, [(43, b"\xfe\xfc"), (51, share)])[4:]
    turns: list[packets.Turn] = [
        ("c", handshake(1, hello + vector(extensions, 2))),
        ("s", handshake(2, b"\xfe\xfd" + chosen[2:]) + b"\x2e\0\0" + vector(bytes(40), 2)),
        ("c", b"\x2e\0\0" + vector(bytes(40), 2)),
    ]
    ((finding,), gaps) = read(pcap(udp(4433, turns)))
    assert (finding.facts["version"], finding.facts["group"]) == ("1.3", "x25519mlkem768")
    assert gaps == []


def test_session_of_before_is_said_to_be_resumed() -> None:
    session = bytes(range(32))
    hello = Hello(bytes(32) + session, versions=(0x0303,)).record()
    answer = b"\x03\x03" + bytes(32) + vector(session, 1) + b"\xc0\x2f\0"
    turns: list[packets.Turn] = [
        ("c", hello),
        ("s", tls_record(22, b"\2" + vector(answer, 3)) + tls_record(20, b"\1")),
    ]
    ((finding,), _) = read(pcap(tcp(443, turns)))
    assert finding.facts["resumed"] is True


# --- radio networks -------------------------------------------------------------------------------


def key_frame(information: int, data: bytes, check_bytes: int = 16, kind: int = 2) -> bytes:
    """EAPOL-Key (IEEE 802.11-2020 clause 12.7.2)."""
    body = bytes([kind]) + information.to_bytes(2, "big") + bytes(74 + check_bytes)
    return b"\x02\x03" + vector(body + vector(data, 2), 2)


def rsn(pairwise: int, key_management: int) -> bytes:
    suites = bytes.fromhex("000fac04") + b"\1\0\0\x0f\xac" + bytes([pairwise])
    body = b"\1\0" + suites + b"\1\0\0\x0f\xac" + bytes([key_management]) + b"\0\0"
    return b"\x30" + vector(body, 1)


def on_the_air(packet: bytes, *, to_station: bool) -> bytes:
    """A data frame of an infrastructure network with LLC and SNAP."""
    head = b"\x08\x02" if to_station else b"\x08\x01"
    ends = PEER + SWITCH + SWITCH if to_station else SWITCH + PEER + SWITCH
    return head + bytes(2) + ends + bytes(2) + b"\xaa\xaa\x03\0\0\0\x88\x8e" + packet


@pytest.mark.parametrize(
    ("pairwise", "management", "check_bytes", "expected"),
    [
        (4, 2, 16, {"psk", "aes-128-ccm"}),
        (4, 8, 16, {"sae", "aes-128-ccm"}),
        (9, 12, 24, {"eap-tls-default", "aes-256-gcm"}),
        (8, 18, 16, {"ecdh", "aes-128-gcm"}),
        (2, 2, 16, {"psk", "tkip"}),
    ],
)
def test_wifi_says_what_a_station_chose(
    pairwise: int, management: int, check_bytes: int, expected: set[str]
) -> None:
    frames = [
        on_the_air(key_frame(0x008A, b"", check_bytes), to_station=True),
        on_the_air(key_frame(0x010A, rsn(pairwise, management), check_bytes), to_station=False),
        on_the_air(key_frame(0x13CA, bytes(56), check_bytes), to_station=True),
        on_the_air(key_frame(0x030A, b"", check_bytes), to_station=False),
    ]
    ((finding,), gaps) = read(pcap(frames, link_type=105))
    assert {use.name for use in finding.algorithms} == expected
    assert finding.facts["version"] == "RSN"
    assert finding.facts["endpoint"] == "02-00-00-00-00-02"
    assert gaps == []


def test_wifi_handshake_without_the_message_of_the_station_is_a_gap() -> None:
    frames = [on_the_air(key_frame(0x13CA, bytes(56)), to_station=True)]
    ((finding,), (gap,)) = read(pcap(frames, link_type=105))
    assert finding.algorithms == ()
    assert "client's part" in gap.detail


def test_wep_is_told_from_wpa_by_its_header() -> None:
    data = b"\x08\x41" + bytes(22)
    wep, wpa = data + b"\1\2\3\0" + bytes(40), data + b"\1\2\3\x20" + bytes(40)
    ((finding,), (gap,)) = read(pcap([wep, wpa, wpa], link_type=105))
    assert finding.algorithms == (AlgorithmUse("wep", Role.ENCRYPTION),)
    assert finding.facts["frames"] == 1
    assert gap.detail.startswith("3 frames")


def test_frames_of_a_link_type_that_is_not_read_name_it() -> None:
    _, (gap,) = read(pcap([bytes(40)], link_type=187))
    assert gap.detail == "1 frames of link type 187, which is not read"


@pytest.mark.parametrize("hint", [b"", b"a hint of more than thirty-two octets, as some are"])
def test_hint_of_a_pre_shared_key_is_no_malformed_key(hint: bytes) -> None:
    """RSA_PSK and PSK send a hint alone, ECDHE_PSK before the curve (RFC 4279, RFC 5489)."""
    for suite, body, group in (
        (0x00A8, vector(hint, 2), None),
        (0xC037, vector(hint, 2) + b"\3\0\x17" + vector(bytes(65), 1), "p256"),
    ):
        answer = server_hello(suite) + b"\x0c" + vector(body, 3) + b"\x0e\0\0\0"
        turns: list[packets.Turn] = [("c", HELLO), ("s", tls_record(22, answer))]
        ((finding,), gaps) = read(pcap(tcp(443, turns)))
        assert finding.facts.get("group") == group
        assert gaps == []


@pytest.mark.fuzz
def test_mutants_of_every_carrier_cost_a_gap_at_most() -> None:
    """What no field capture holds: every reader that is not reached by those is reached here."""
    asked = [("c" if from_peer else "s", packet) for from_peer, packet in eap_tls()]
    seeds = [
        pcap(eapol(eap_tls(), group=True), packets.ETHERNET),
        pcap([MKA, PEER + SWITCH + b"\x88\xe5\x2c\0" + bytes(48)], packets.ETHERNET),
        pcap(
            udp(1812, [("c", radius(1, 1, packet)) for side, packet in asked if side == "c"]),
        ),
        pcap([on_the_air(key_frame(0x010A, rsn(4, 8)), to_station=False)], link_type=105),
        pcap(tcp(443, [("c", SSL_2_HELLO), ("s", ssl_2_answer())])),
        pcap([*TUNNELS.values()]),
    ]
    choice = random.Random(4)
    for number in range(MUTANTS):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(choice.randrange(1, 8)):
            at = choice.randrange(24, len(data))
            data[at] = choice.choice((choice.randrange(256), 0xFF, 0, data[at] ^ 1 << at % 8))
        for one in collect_capture(bytes(data), "mutant"):
            assert isinstance(one, Finding | Gap)


# --- from clear text to TLS -----------------------------------------------------------------------

ANSWER = tls_record(22, server_hello(0xC02F) + b"\x0e\0\0\0")
UPGRADES: dict[str, tuple[int, list[packets.Turn]]] = {
    "smtp": (
        25,
        [
            ("s", b"220 mx ESMTP\r\n"),
            ("c", b"EHLO a\r\n"),
            ("s", b"250 STARTTLS\r\n"),
            ("c", b"STARTTLS\r\n"),
            ("s", b"220 go\r\n"),
        ],
    ),
    "imap": (143, [("s", b"* OK x\r\n"), ("c", b"a STARTTLS\r\n"), ("s", b"a OK\r\n")]),
    "pop3": (110, [("s", b"+OK x\r\n"), ("c", b"STLS\r\n"), ("s", b"+OK\r\n")]),
    "ftp": (21, [("s", b"220 ftpd\r\n"), ("c", b"AUTH TLS\r\n"), ("s", b"234 ok\r\n")]),
    "ldap": (
        389,
        [
            ("c", ber(0x30, ber(2, b"\1"), ber(0x77, ber(0x80, b"1.3.6.1.4.1.1466.20037")))),
            ("s", ber(0x30, ber(2, b"\1"), ber(0x78, ber(10, b"\0"), ber(4), ber(4)))),
        ],
    ),
    "postgresql": (5432, [("c", bytes.fromhex("0000000804d2162f")), ("s", b"S")]),
    "http-proxy": (
        3128,
        [("c", b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"), ("s", b"HTTP/1.1 200 ok\r\n\r\n")],
    ),
}


@pytest.mark.parametrize("name", UPGRADES)
def test_tls_that_takes_over_a_connection_is_read_on_both_sides(name: str) -> None:
    port, before = UPGRADES[name]
    ((finding,), gaps) = read(pcap(tcp(port, [*before, ("c", HELLO), ("s", ANSWER)])))
    assert finding.facts["upgraded_from"] == name
    assert finding.facts["cipher_suite"] == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert gaps == []


@pytest.mark.parametrize(
    ("port", "turns"),
    [
        (5432, [("c", bytes.fromhex("0000000804d2162f")), ("s", b"N"), ("c", b"\0\0\0\x10\0\3")]),
        (25, [("s", b"220 mx ESMTP\r\n"), ("c", b"STARTTLS\r\n"), ("s", b"454 no\r\n")]),
        (389, [("c", ber(0x30, ber(2, b"\1"), ber(0x60, ber(2, b"\3"), ber(4), ber(0x80, b"x"))))]),
    ],
)
def test_connection_that_stays_in_clear_is_plaintext(port: int, turns: list[packets.Turn]) -> None:
    ((finding,), _) = read(pcap(tcp(port, turns)))
    assert finding.algorithms == (AlgorithmUse("plaintext", Role.PLAINTEXT),)


def test_dtls_of_wireless_controllers_is_read_behind_its_header() -> None:
    """RFC 5415, clause 4.2: a version and a type, then DTLS."""
    hello = bytes.fromhex("fefd") + bytes(32) + b"\0\0" + bytes.fromhex("0002c02b0100")
    message = b"\x01" + len(hello).to_bytes(3) + b"\0\0\0\0\0" + len(hello).to_bytes(3) + hello
    record = b"\x16\xfe\xfd" + bytes(8) + len(message).to_bytes(2) + message
    for header, expected in ((b"\x01\0\0\0", "capture/dtls"), (b"\x02\0\0\0", None)):
        found, _ = read(pcap([in_udp(5246, header + record)]))
        assert [each.collector for each in found] == ([expected] if expected else [])
