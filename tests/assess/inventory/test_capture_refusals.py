"""A negotiation that failed is never shown as agreed, whatever the protocol."""

from __future__ import annotations

import struct

import packets
import pytest
from packets import ber, pcap, server_hello, tcp, tls_record, udp, vector

from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Gap, Role
from roadseal.assess.inventory.probe.hello import Hello
from roadseal.assess.inventory.wire import collect_capture

HELLO = Hello(bytes(64), groups=(0x11EC, 0x001D), server_name="rsu.example")
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def read(capture: bytes) -> tuple[Finding, list[Gap]]:
    seen = list(collect_capture(capture, "x"))
    (finding,) = (one for one in seen if isinstance(one, Finding))
    return finding, [one for one in seen if isinstance(one, Gap)]


def refused(capture: bytes) -> str:
    """The outcome of a capture that shows a failed negotiation whole."""
    finding, gaps = read(capture)
    assert not any(use.preferred for use in finding.algorithms), finding
    assert gaps == []
    outcome = finding.facts["outcome"]
    assert isinstance(outcome, str)
    assert outcome in finding.title
    return outcome


# --- SSH ---------------------------------------------------------------------------------------


def kexinit(**lists: str) -> bytes:
    """SSH_MSG_KEXINIT in its packet (RFC 4253 clause 6 and 7.1)."""
    names = {
        "kex": "mlkem768x25519-sha256,curve25519-sha256",
        "host_key": "ssh-ed25519",
        "cipher": "aes128-ctr",
        "cipher_back": "aes128-ctr",
        "mac": "hmac-sha2-256",
        "mac_back": "hmac-sha2-256",
        "compression": "none",
        "compression_back": "none",
        "language": "",
        "language_back": "",
    }
    names |= lists
    payload = b"\x14" + bytes(16) + b"".join(vector(name.encode(), 4) for name in names.values())
    return ssh_packet(payload + bytes(5))


def ssh_packet(payload: bytes) -> bytes:
    padding = 4 + (-(5 + len(payload) + 4)) % 8
    return vector(bytes([padding]) + payload + bytes(padding), 4)


def ssh(client: bytes, server: bytes, *after: packets.Turn) -> bytes:
    opening: list[packets.Turn] = [
        ("c", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("s", b"SSH-2.0-dropbear_2022.83\r\n"),
        ("c", client),
        ("s", server),
    ]
    return pcap(tcp(22, [*opening, *after]))


@pytest.mark.parametrize(
    ("differing", "missing"),
    [
        ({"kex": "diffie-hellman-group1-sha1,ext-info-c"}, "kex"),
        ({"host_key": "ssh-dss"}, "host key"),
        ({"cipher": "3des-cbc"}, "cipher to server"),
        ({"cipher_back": "3des-cbc"}, "cipher to client"),
        ({"mac": "hmac-md5"}, "mac to server"),
        ({"mac_back": "hmac-md5"}, "mac to client"),
        ({"kex": "x", "cipher": "y"}, "kex, cipher to server"),
    ],
)
def test_ssh_without_a_common_algorithm_of_any_kind_is_no_agreement(
    differing: dict[str, str], missing: str
) -> None:
    outcome = refused(ssh(kexinit(**differing), kexinit()))
    assert outcome == f"offered, no agreement: no common {missing}"


def test_ssh_markers_of_extensions_are_no_common_method() -> None:
    marked = kexinit(kex="ext-info-c,kex-strict-c-v00@openssh.com")
    assert "no common kex" in refused(ssh(marked, marked))


def test_ssh_needs_no_common_mac_beside_a_cipher_that_authenticates() -> None:
    cipher = "chacha20-poly1305@openssh.com"
    client = kexinit(cipher=cipher, cipher_back=cipher, mac="hmac-md5", mac_back="hmac-md5")
    finding, _ = read(ssh(client, kexinit(cipher=cipher, cipher_back=cipher)))
    assert "outcome" not in finding.facts
    assert AlgorithmUse("chacha20-poly1305", Role.ENCRYPTION) in finding.algorithms


def test_ssh_may_use_another_cipher_on_the_way_back() -> None:
    finding, _ = read(ssh(kexinit(cipher_back="aes256-ctr"), kexinit(cipher_back="aes256-ctr")))
    used = {use.name for use in finding.algorithms if use.role is Role.ENCRYPTION}
    assert used == {"aes-128-ctr", "aes-256-ctr"}


def test_ssh_client_that_does_not_trust_the_host_key_leaves() -> None:
    leave = ssh_packet(b"\x01" + struct.pack(">I", 9) + vector(b"", 4) + vector(b"", 4))
    outcome = refused(ssh(kexinit(), kexinit(), ("c", leave)))
    assert outcome == "refused by the client: host key not verifiable"


# --- TLS ---------------------------------------------------------------------------------------


def test_tls_alert_instead_of_a_server_hello_is_a_refusal() -> None:
    alert = tls_record(21, b"\x02\x28")
    capture = pcap(tcp(8443, [("c", HELLO.record()), ("s", alert)], closed_by="s"))
    assert refused(capture) == "refused by the server: handshake failure"


def test_tls_client_that_does_not_trust_the_certificate_has_used_nothing() -> None:
    done = tls_record(22, server_hello(0xC02F) + b"\x0e\0\0\0")
    alert = tls_record(21, b"\x02\x30")
    capture = pcap(tcp(8443, [("c", HELLO.record()), ("s", done), ("c", alert)]))
    assert refused(capture) == "refused by the client: unknown CA"


def test_tls_warning_about_a_name_is_no_refusal() -> None:
    hello = tls_record(21, b"\x01\x70") + tls_record(22, server_hello(0xC02F))
    finding, gaps = read(pcap(tcp(8443, [("c", HELLO.record()), ("s", hello)])))
    assert "outcome" not in finding.facts
    assert gaps == []


def test_tls_hello_retry_request_alone_agrees_on_nothing() -> None:
    key_share, versions = (51, b"\0\x17"), (43, b"\x03\x04")
    retry = tls_record(22, server_hello(0x1301, [key_share, versions], random=RETRY_RANDOM))
    outcome = refused(pcap(tcp(8443, [("c", HELLO.record()), ("s", retry)])))
    assert outcome.startswith("not concluded: the server asked for another hello")


def test_tls_hello_retry_request_that_is_followed_leads_to_an_agreement() -> None:
    retry = server_hello(0x1301, [(51, b"\0\x17"), (43, b"\x03\x04")], random=RETRY_RANDOM)
    share = b"\0\x17" + vector(bytes(65), 2)
    hello = server_hello(0x1301, [(51, share), (43, b"\x03\x04")])
    turns: list[packets.Turn] = [
        ("c", HELLO.record()),
        ("s", tls_record(22, retry) + tls_record(20, b"\x01")),
        ("c", tls_record(20, b"\x01") + HELLO.record()),
        ("s", tls_record(22, hello)),
    ]
    finding, gaps = read(pcap(tcp(8443, turns)))
    assert (finding.facts["group"], finding.facts["retry_group"]) == ("p256", "secp256r1")
    assert "outcome" not in finding.facts
    assert gaps == []


def test_tls_server_that_closes_without_a_word_has_refused() -> None:
    capture = pcap(tcp(8443, [("c", HELLO.record())], closed_by="s"))
    assert refused(capture) == "the server closed the connection without an answer"


def test_tls_server_whose_answer_was_not_captured_is_a_gap_and_no_refusal() -> None:
    packets_ = tcp(8443, [("c", HELLO.record()), ("s", bytes(100))], closed_by="s")
    del packets_[-2]  # what it answered
    finding, gaps = read(pcap(packets_))
    assert "outcome" not in finding.facts
    assert ["server's part" in gap.detail for gap in gaps] == [True]


# --- DTLS and QUIC -------------------------------------------------------------------------------


def dtls_record(kind: int, body: bytes, version: int = 0xFEFD) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + bytes(8) + vector(body, 2)


def dtls_handshake(kind: int, body: bytes, sequence: int = 0) -> bytes:
    length = len(body).to_bytes(3, "big")
    head = bytes([kind]) + length + sequence.to_bytes(2, "big") + bytes(3) + length
    return dtls_record(22, head + body)


DTLS_HELLO = dtls_handshake(
    1, b"\xfe\xfd" + bytes(32) + b"\0\0" + vector(b"\xc0\x2b", 2) + vector(b"\0", 1)
)
HELLO_VERIFY = dtls_handshake(3, b"\xfe\xff" + vector(bytes(20), 1))


def test_dtls_hello_verify_request_alone_agrees_on_nothing() -> None:
    outcome = refused(pcap(udp(4433, [("c", DTLS_HELLO), ("s", HELLO_VERIFY)])))
    assert outcome.startswith("not concluded")


def test_dtls_alert_after_the_cookie_is_a_refusal() -> None:
    alert = dtls_record(21, b"\x02\x47")
    turns: list[packets.Turn] = [
        ("c", DTLS_HELLO),
        ("s", HELLO_VERIFY),
        ("c", DTLS_HELLO),
        ("s", alert),
    ]
    assert refused(pcap(udp(4433, turns))) == "refused by the server: insufficient security"


def test_quic_version_negotiation_alone_agrees_on_nothing() -> None:
    greased = b"\xc0\x1a\x2a\x3a\x4a" + vector(bytes(range(8)), 1) + b"\0" + bytes(1200)
    answer = b"\x80\0\0\0\0\0" + vector(bytes(range(8)), 1) + struct.pack(">II", 1, 0x6B3343CF)
    finding, gaps = read(pcap(udp(443, [("c", greased), ("s", answer)])))
    assert finding.facts["outcome"] == "offered, no agreement: the server speaks 1, 2"
    assert finding.algorithms == ()
    assert not any("server's part" in gap.detail for gap in gaps)


# --- IKE -----------------------------------------------------------------------------------------


def ike(flags: int, first: int, body: bytes, *, version: int = 0x20, exchange: int = 34) -> bytes:
    head = bytes([1] * 8) + (bytes(8) if flags & 8 else bytes([2] * 8))
    head += bytes([first, version, exchange, flags]) + bytes(4)
    return head + (28 + len(body)).to_bytes(4, "big") + body


def payload(following: int, body: bytes) -> bytes:
    return bytes([following, 0]) + (4 + len(body)).to_bytes(2, "big") + body


def transform(kind: int, number: int, *, last: bool = False, bits: int | None = None) -> bytes:
    attribute = b"" if bits is None else struct.pack(">HH", 0x800E, bits)
    head = bytes([0 if last else 3, 0]) + (8 + len(attribute)).to_bytes(2, "big")
    return head + bytes([kind, 0]) + number.to_bytes(2, "big") + attribute


def association(*transforms: bytes) -> bytes:
    listed = b"".join(transforms)
    return (
        b"\0\0" + (8 + len(listed)).to_bytes(2, "big") + bytes([1, 1, 0, len(transforms)]) + listed
    )


PROPOSED = association(
    transform(1, 20, bits=256),
    transform(2, 5),
    transform(4, 31),
    transform(6, 36, last=True),
)
INIT = ike(0x08, 33, payload(34, PROPOSED) + payload(0, b"\0\x1f\0\0" + bytes(32)))


def notify(kind: int, data: bytes = b"") -> bytes:
    return ike(0x20, 41, payload(0, b"\0\0" + kind.to_bytes(2, "big") + data))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (notify(14), "offered, no agreement: NO_PROPOSAL_CHOSEN"),
        (notify(17, b"\0\x13"), "offered, no agreement: the responder wants the group p256"),
        (notify(16390, bytes(16)), "not concluded: the responder asked for its cookie"),
        (notify(5), "offered, no agreement: INVALID_MAJOR_VERSION"),
    ],
)
def test_ike_responder_that_chooses_nothing_has_agreed_on_nothing(
    answer: bytes, outcome: str
) -> None:
    assert refused(pcap(udp(500, [("c", INIT), ("s", answer)]))) == outcome


def test_ike_offers_name_the_additional_key_exchanges() -> None:
    finding, _ = read(pcap(udp(500, [("c", INIT)])))
    offered = {use.name for use in finding.algorithms if use.role is Role.KEY_EXCHANGE}
    assert offered == {"x25519", "ml-kem-768"}


def test_ike_choice_of_no_additional_exchange_is_no_hybrid() -> None:
    chosen = association(
        transform(1, 20, bits=256), transform(2, 5), transform(4, 31), transform(6, 0, last=True)
    )
    answer = ike(0x20, 33, payload(34, chosen) + payload(0, b"\0\x1f\0\0" + bytes(32)))
    finding, _ = read(pcap(udp(500, [("c", INIT), ("s", answer)])))
    assert AlgorithmUse("x25519", Role.KEY_EXCHANGE) in finding.algorithms


def test_ike_version_1_without_a_chosen_proposal_is_no_agreement() -> None:
    attributes = b"".join(
        struct.pack(">HH", 0x8000 | kind, value) for kind, value in ((1, 5), (2, 2), (3, 1), (4, 2))
    )
    one = bytes([0, 0]) + (8 + len(attributes)).to_bytes(2, "big") + b"\1\1\0\0" + attributes
    proposal = bytes([0, 0]) + (8 + len(one)).to_bytes(2, "big") + b"\1\1\0\1" + one
    ask = ike(0, 1, payload(0, struct.pack(">II", 1, 1) + proposal), version=0x10, exchange=2)
    ask = ask[:8] + bytes(8) + ask[16:]
    answer = ike(0, 11, payload(0, b"\0\0\0\1\1\0\0\x0e"), version=0x10, exchange=5)
    outcome = refused(pcap(udp(500, [("c", ask), ("s", answer)])))
    assert outcome == "offered, no agreement: NO-PROPOSAL-CHOSEN"


# --- WireGuard, SNMP, MQTT, OPC UA ----------------------------------------------------------------


def test_wireguard_initiation_that_nobody_answers_agrees_on_nothing() -> None:
    finding, _ = read(pcap(udp(51820, [("c", b"\1\0\0\0" + bytes(144))])))
    assert not any(use.preferred for use in finding.algorithms)
    assert finding.facts["outcome"] == "offered: no response was seen"


ENGINE = bytes.fromhex("80001f8880")


def snmp_v3(flags: int, user: bytes, pdu: bytes, tag: bytes = b"", engine: bytes = ENGINE) -> bytes:
    number = ber(2, b"\1")
    head = ber(0x30, number, ber(2, b"\x05\xc0"), ber(4, bytes([flags])), ber(2, b"\3"))
    usm = ber(0x30, ber(4, engine), number, number, ber(4, user), ber(4, tag), ber(4, b""))
    data = ber(4, bytes(32)) if flags & 2 else ber(0x30, ber(4, engine), ber(4, b""), pdu)
    return ber(0x30, ber(2, b"\3"), head, ber(4, usm), data)


def snmp_pdu(tag: int, oid: bytes = b"") -> bytes:
    bindings = ber(0x30, ber(6, oid), ber(0x41, b"\1")) if oid else b""
    return ber(tag, ber(2, b"\1"), ber(2, b"\0"), ber(2, b"\0"), ber(0x30, bindings))


def report(number: int) -> bytes:
    return snmp_v3(0, b"", snmp_pdu(0xA8, bytes([0x2B, 6, 1, 6, 3, 15, 1, 1, number, 0])))


DISCOVERY: list[packets.Turn] = [
    ("c", snmp_v3(4, b"", snmp_pdu(0xA0), engine=b"")),
    ("s", report(4)),
]
ENCRYPTED = snmp_v3(7, b"field", b"", tag=bytes(24))


def test_snmp_discovery_of_an_engine_is_neither_protected_nor_plaintext() -> None:
    finding, _ = read(pcap(udp(161, DISCOVERY)))
    assert finding.algorithms == ()
    assert finding.facts["discovery"] is True


def test_snmp_user_whom_the_agent_does_not_know_is_protected_by_nothing() -> None:
    outcome = refused(pcap(udp(161, [*DISCOVERY, ("c", ENCRYPTED), ("s", report(3))])))
    assert outcome == "refused by the agent: unknown user name"


def test_snmp_encrypted_answer_is_an_agreement() -> None:
    finding, _ = read(pcap(udp(161, [*DISCOVERY, ("c", ENCRYPTED), ("s", ENCRYPTED)])))
    assert AlgorithmUse("hmac-sha-256", Role.INTEGRITY) in finding.algorithms
    assert finding.facts["privacy"] is True


def test_snmp_request_of_a_user_without_encryption_is_plaintext() -> None:
    turns: list[packets.Turn] = [
        ("c", snmp_v3(5, b"field", snmp_pdu(0xA0), tag=bytes(12))),
        ("s", snmp_v3(1, b"field", snmp_pdu(0xA2), tag=bytes(12))),
    ]
    finding, _ = read(pcap(udp(161, [*DISCOVERY, *turns])))
    assert AlgorithmUse("plaintext", Role.PLAINTEXT) in finding.algorithms


MQTT_CONNECT = bytes([0x10, 12, 0, 4]) + b"MQTT" + bytes([4, 0xC2, 0, 60, 0, 0])


def test_mqtt_broker_that_refuses_is_said_and_the_password_was_in_clear_all_the_same() -> None:
    turns: list[packets.Turn] = [("c", MQTT_CONNECT), ("s", b"\x20\x02\0\x05")]
    finding, gaps = read(pcap(tcp(1883, turns)))
    assert finding.facts["outcome"] == "refused by the broker: not authorised"
    assert finding.facts["password_in_clear"] is True
    assert AlgorithmUse("plaintext", Role.PLAINTEXT) in finding.algorithms
    assert gaps == []


def test_mqtt_broker_that_accepts_is_said_without_an_outcome() -> None:
    turns: list[packets.Turn] = [("c", MQTT_CONNECT), ("s", b"\x20\x02\0\0")]
    finding, gaps = read(pcap(tcp(1883, turns)))
    assert "outcome" not in finding.facts
    assert gaps == []


def opcua(kind: bytes, body: bytes) -> bytes:
    return kind + b"F" + (8 + len(body)).to_bytes(4, "little") + body


def opcua_open(policy: str) -> bytes:
    uri = f"http://opcfoundation.org/UA/SecurityPolicy#{policy}".encode()
    null = b"\xff\xff\xff\xff"
    return opcua(b"OPN", bytes(4) + len(uri).to_bytes(4, "little") + uri + null + null + bytes(40))


OPCUA_BEGIN: list[packets.Turn] = [("c", opcua(b"HEL", bytes(28))), ("s", opcua(b"ACK", bytes(20)))]


def test_opcua_error_instead_of_a_channel_is_a_refusal() -> None:
    error = opcua(b"ERR", (0x80550000).to_bytes(4, "little") + b"\xff\xff\xff\xff")
    turns: list[packets.Turn] = [*OPCUA_BEGIN, ("c", opcua_open("Basic256Sha256")), ("s", error)]
    outcome = refused(pcap(tcp(4840, turns)))
    assert outcome == "refused by the server: BadSecurityPolicyRejected"


def test_opcua_channel_is_used_once_the_server_opened_it() -> None:
    policy = opcua_open("Basic256Sha256")
    finding, _ = read(pcap(tcp(4840, [*OPCUA_BEGIN, ("c", policy), ("s", policy)])))
    assert finding.facts["channel_policies"] == "Basic256Sha256"
    assert AlgorithmUse("aes-256-cbc", Role.ENCRYPTION) in finding.algorithms
