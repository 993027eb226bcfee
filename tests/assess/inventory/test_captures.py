"""Findings from captures: known ones from field captures, and none from what is hostile."""

from __future__ import annotations

import json
import mmap
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import packets
import pytest
from assess_scanning import material
from ndpi import CAPTURES, DATA

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.collector import Context, Member, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Gap, Role
from roadseal.assess.inventory.wire import CAPTURES as COLLECTOR
from roadseal.assess.inventory.wire import collect_capture

needs_captures = pytest.mark.skipif(
    not CAPTURES, reason="no field captures under ROADSEAL_TESTDATA"
)
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))


def findings(name: str) -> list[Finding]:
    return [one for one in collect_capture(DATA / name, name) if isinstance(one, Finding)]


def gaps(name: str) -> list[Gap]:
    return [one for one in collect_capture(DATA / name, name) if isinstance(one, Gap)]


@needs_captures
def test_ssh_says_what_was_agreed_and_how_long_the_host_key_is() -> None:
    by_server = {finding.facts["endpoint"]: finding for finding in findings("ssh.pcap")}
    old = by_server["172.16.238.168:22"]
    assert old.facts["kex"] == "diffie-hellman-group-exchange-sha256"
    assert AlgorithmUse("dh", Role.KEY_EXCHANGE) in old.algorithms
    assert AlgorithmUse("rsa-2048", Role.LIVE_AUTHENTICATION) in old.algorithms
    assert AlgorithmUse("hmac-md5", Role.INTEGRITY) in old.algorithms


@needs_captures
def test_starttls_is_found_on_the_port_of_the_clear_protocol() -> None:
    (mail,) = findings("imap-starttls.pcap")
    assert mail.facts["upgraded_from"] == "imap"
    assert mail.facts["cipher_suite"] == "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    assert AlgorithmUse("p256", Role.KEY_EXCHANGE) in mail.algorithms


@needs_captures
def test_opcua_and_dnp3_in_clear_are_plaintext() -> None:
    (opcua,) = findings("opc-ua.pcap")
    assert opcua.facts["channel_policies"] == "None"
    assert AlgorithmUse("plaintext", Role.PLAINTEXT) in opcua.algorithms
    secured = {finding.facts["secure_authentication"] for finding in findings("dnp3.pcap")}
    assert secured == {False, True}


@needs_captures
def test_one_direction_is_an_offer_and_a_gap() -> None:
    (offer,) = findings("tls_1.3_unidirectional_client.pcapng")
    assert not any(use.preferred for use in offer.algorithms)
    (gap,) = gaps("tls_1.3_unidirectional_client.pcapng")
    assert "server's part" in gap.detail


@needs_captures
def test_certificates_are_handed_on_whole() -> None:
    source = Source("a/x.pcap", (DATA / "tls-rdn-extract.pcap").read_bytes())
    members = [one for one in COLLECTOR.collect(source, Context()) if isinstance(one, Member)]
    assert len(members) == 3
    for member in members:
        assert member.data[:2] == b"\x30\x82"
        assert len(member.data) == 4 + int.from_bytes(member.data[2:4], "big")


@needs_captures
def test_a_mapped_file_and_its_bytes_say_the_same() -> None:
    for capture in CAPTURES[:12]:
        with capture.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            ours = list(collect_capture(mapped, "x"))
            assert ours == list(collect_capture(capture.read_bytes(), "x"))
            assert ours == list(collect_capture(capture, "x"))


@needs_captures
def test_every_name_is_known_to_the_classifier() -> None:
    """What field captures use is never called by a name that the classifier does not know."""
    unknown = {
        use.name
        for capture in CAPTURES
        for finding in findings(capture.name)
        for use in finding.algorithms
        if use.preferred and classify(use.name).bearing is Bearing.UNKNOWN
    }
    assert unknown == set()


@needs_captures
def test_no_payload_leaves_a_capture() -> None:
    """Excerpts stay empty, and no fact holds more than names and numbers."""
    for capture in CAPTURES:
        for finding in findings(capture.name):
            assert finding.excerpt == ""
            assert all(len(str(value)) < 2000 for value in finding.facts.values())


@needs_captures
def test_mutants_of_captures_cost_a_gap_at_most() -> None:
    random_numbers = random.Random(3)
    for number in range(min(MUTANTS, 5000)):
        data = bytearray(CAPTURES[number % len(CAPTURES)].read_bytes()[:60_000])
        for _ in range(random_numbers.randrange(1, 6)):
            data[random_numbers.randrange(len(data))] = random_numbers.randrange(256)
        for one in collect_capture(bytes(data), "mutant"):
            assert isinstance(one, Finding | Gap)


def test_what_is_no_capture_is_a_gap(tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    file.write_bytes(b"GIF89a")
    (gap,) = collect_capture(file, "x.pcap")
    assert isinstance(gap, Gap)
    assert "neither pcap nor pcapng" in gap.detail
    assert list(COLLECTOR.collect(Source("x", b"GIF89a"), Context())) == []
    for name, data in (
        ("x", b"snoop\0\0\0\0\0\0\2"),
        ("x.cap", b"GMBU"),
        ("x.blf", b"LOGG\x90\0\0\0"),
        ("x.erf", b""),
        ("x.pcap", b""),
    ):
        (gap,) = COLLECTOR.collect(Source(name, data), Context())
        assert isinstance(gap, Gap)
        assert "editcap" in gap.detail


@needs_captures
@pytest.mark.skipif(shutil.which("editcap") is None, reason="needs editcap")
def test_no_form_of_capture_that_wireshark_writes_is_passed_over(tmp_path: Path) -> None:
    """Each is read, or said not to be; ERF, which begins with nothing of its own, by its name."""
    listed = subprocess.run(["editcap", "-F"], capture_output=True, check=False, text=True)
    forms = re.findall(r"^ +(\w+) - ", listed.stdout + listed.stderr, re.MULTILINE)
    written = {}
    for form in forms:
        file = tmp_path / ("x.erf" if form == "erf" else form)
        command = ["editcap", "-F", form, str(DATA / "tls_alert.pcap"), str(file)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            said = list(COLLECTOR.collect(Source(file.name, file.read_bytes()), Context()))
            written[form] = bool(said)
    assert len(written) > 12
    assert [form for form, said in written.items() if not said] == []


def test_a_capture_without_packets_proves_nothing() -> None:
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    (gap,) = COLLECTOR.collect(Source("x.pcap", header), Context())
    assert isinstance(gap, Gap)
    assert gap.detail == "the capture holds no packet"


def test_a_capture_of_opened_connections_and_pings_proves_nothing() -> None:
    for frames in (packets.tcp(443, []), [packets.ipv4(1, bytes(8))]):
        (gap,) = collect_capture(packets.pcap(frames), "x.pcap")
        assert isinstance(gap, Gap)
        assert gap.detail == f"nothing is said in the {len(frames)} packets of the capture"


def test_field_messages_on_the_air_are_counted_and_their_signature_is_a_claim() -> None:
    """WSMP version 3 on Ethernet and on 802.11p behind radiotap, as PC5 and DSRC units do it."""
    lines = material("v2x", "us-field", "spdus.jsonl").read_text().splitlines()[:5]
    spdus = [bytes.fromhex(json.loads(line)["spdu"]) for line in lines]
    for link_type, head in (
        (1, bytes(12) + b"\x88\xdc"),
        (127, b"\0\0\x08\0\0\0\0\0" + b"\x88\0" + bytes(22) + bytes(2) + b"\x88\xdc"),
    ):
        frames = [
            head + b"\x03\0\x20" + (0x8000 | len(spdu)).to_bytes(2, "big") + spdu for spdu in spdus
        ]
        found = list(collect_capture(packets.pcap(frames, link_type), "x"))
        assert (
            sum(int(str(one.facts["messages"])) for one in found if isinstance(one, Finding)) == 5
        )
        for finding in found:
            assert isinstance(finding, Finding)
            assert (finding.facts["psid"], finding.facts["network"]) == (0x20, "wsmp")
            assert AlgorithmUse("ecdsa-p256", Role.MESSAGE_SIGNATURE) in finding.algorithms
            assert finding.facts["signature"] == "not checked"
