"""What crates/flows sees in nDPI's labelled captures is what nDPI expects, flow by flow."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from ndpi import CAPTURES, Expected, expected, sockets

from roadseal._core import FlowReader
from roadseal.assess.inventory import cipher_suite

pytestmark = pytest.mark.skipif(not CAPTURES, reason="no field captures under ROADSEAL_TESTDATA")

OURS = {  # nDPI's name of a protocol that we read = ours
    "TLS": {"tls"},
    "DTLS": {"dtls"},
    "QUIC": {"quic"},
    "SSH": {"ssh"},
    "WireGuard": {"wireguard"},
    "DNP3": {"dnp3"},
    "OPC-UA": {"opc-ua"},
    "OpenVPN": {"openvpn"},
    "MQTT": {"mqtt"},
    "SNMP": {"snmp"},
    "Modbus": {"modbus"},
    "IPSec": {"ike", "esp", "ah"},
    "IMAPS": {"tls"},
    "SMTPS": {"tls"},
    "POPS": {"tls"},
    "FTPS": {"tls"},
    "HTTP": {"plain"},
}

JUSTIFIED = {
    # capture, nDPI's protocol: why we say otherwise
    ("quic-fuzz-overflow.pcapng", "QUIC"): "one fragment of a datagram; nDPI reads it as if whole",
    ("tls_certificate_too_long.pcap", "TLS"): "one octet of keep-alive from port 443 is no sign",
}
OTHER_VERSION = {
    # nDPI keeps the version of the ClientHello here; the ServerHello, which decides, says otherwise
    ("dtls_certificate_fragments.pcap", "DTLSv1.2"): "DTLSv1.0",
    ("tls_with_huge_ch.pcapng", "TLSv1.2"): "TLSv1.3",
}


def flows_of(capture: Path) -> dict[Any, list[dict[str, Any]]]:
    found = defaultdict(list)
    for batch in FlowReader(capture):
        for flow in batch:
            found[sockets(flow)].append(flow)
    return found


def version_of(session: dict[str, Any]) -> str | None:
    """The version as nDPI writes it: the server's word, else the client's hello."""
    handshake = session["handshake"]
    chosen = handshake["server"] or handshake["client"]
    if chosen is None:
        return None
    names = {
        0x0300: "SSLv3",
        0x0301: "TLSv1",
        0x0302: "TLSv1.1",
        0x0303: "TLSv1.2",
        0x0304: "TLSv1.3",
        0xFB1A: "TLSv1.3 (Fizz)",
        0xFEFF: "DTLSv1.0",
        0xFEFD: "DTLSv1.2",
    }
    return names.get(chosen["version"])


def quic_version_of(session: dict[str, Any]) -> str:
    version = session["version"]
    if version in (1, 0x6B3343CF):
        return "V-1" if version == 1 else "V-2"
    if version >> 8 == 0xFF0000:
        return f"Draft-{version & 0xFF}"
    if version >> 8 == 0xFACEB0:
        return {0x0E: "MVFST-EXP"}.get(version & 0xFF, f"MVFST-{version & 0xFF}")
    return int(version).to_bytes(4, "big").decode("ascii")


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_each_flow_is_what_ndpi_says(capture: Path) -> None:
    found = flows_of(capture)
    for key, label in expected(capture):
        if label.guessed or label.protocol not in OURS:
            continue
        sessions = [flow["session"] for flow in found.get(key, []) if flow["session"]]
        if (capture.name, label.protocol) in JUSTIFIED and not sessions:
            continue
        assert sessions, (key, label)
        assert {session["protocol"] for session in sessions} & OURS[label.protocol], (key, label)
        check_details(capture, label, sessions)


def check_details(capture: Path, label: Expected, sessions: list[dict[str, Any]]) -> None:
    if label.quic:
        assert label.quic in {quic_version_of(session) for session in sessions}
    tls = [session for session in sessions if session.get("handshake")]
    if label.version and not label.quic:
        wanted = OTHER_VERSION.get((capture.name, label.version), label.version)
        versions = {version_of(session) for session in tls}
        assert wanted in versions or label.version in versions
    if label.cipher:
        servers = [session["handshake"]["server"] for session in tls]
        assert label.cipher in {
            cipher_suite.from_code(server["cipher_suite"]).name for server in servers if server
        }


def test_nothing_that_ndpi_knows_as_another_protocol_is_taken_for_ours() -> None:
    """Flows of other protocols must not be recognised by accident."""
    wrong = []
    for capture in CAPTURES:
        found = flows_of(capture)
        for key, label in expected(capture):
            if label.guessed or label.protocol in OURS:
                continue
            for flow in found.get(key, []):
                if flow["session"] and flow["session"]["protocol"] != "plain":
                    wrong.append((capture.name, label.protocol, flow["session"]["protocol"]))
    # Trojan and Shadowsocks clients speak SOCKS to their proxy; TLS follows on the same connection.
    assert {(protocol, ours) for _, protocol, ours in wrong} <= {("SOCKS", "tls")}


def test_the_labels_are_not_vacuous() -> None:
    """Enough flows of enough protocols are compared, so that the test above can fail."""
    labels = [label for capture in CAPTURES for _, label in expected(capture)]
    compared = [label for label in labels if not label.guessed and label.protocol in OURS]
    assert len(compared) > 90
    assert len({label.protocol for label in compared}) >= 9
    assert sum(label.cipher is not None for label in compared) > 20
