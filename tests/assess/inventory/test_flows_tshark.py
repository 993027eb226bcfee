"""Wireshark as second oracle: every hello that it dissects in the field captures, we read alike.

Every third capture by default, for tshark takes a third of a second to start; all of them with
`ROADSEAL_INTEROP=1`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ndpi import CAPTURES

from roadseal._core import FlowReader

pytestmark = pytest.mark.skipif(
    not CAPTURES or shutil.which("tshark") is None,
    reason="needs tshark, and field captures under ROADSEAL_TESTDATA",
)

SERVER_HELLO = "2"


def suites_by_tshark(capture: Path) -> set[int]:
    """Suites of every ServerHello, over TCP, UDP and in QUIC."""
    command = [
        "tshark",
        "-r",
        str(capture),
        "-Y",
        "tls.handshake.type == 2 || dtls.handshake.type == 2",
    ]
    command += ["-T", "json", "-e", "tls.handshake.type", "-e", "dtls.handshake.type"]
    command += ["-e", "tls.handshake.ciphersuite", "-e", "dtls.handshake.ciphersuite"]
    result = subprocess.run(command, capture_output=True, check=False)
    found: set[int] = set()
    for packet in json.loads(result.stdout or b"[]"):
        layers: dict[str, list[str]] = packet["_source"]["layers"]
        for protocol in ("tls", "dtls"):
            suites = layers.get(f"{protocol}.handshake.ciphersuite", [])
            # A packet with a ClientHello too lists all that it offers: only lone hellos count.
            if layers.get(f"{protocol}.handshake.type", [])[:1] == [SERVER_HELLO] and suites:
                found.add(int(suites[0], 0))
    return found


def suites_by_us(capture: Path) -> set[int]:
    found: set[int] = set()
    for batch in FlowReader(capture):
        for flow in batch:
            handshake: dict[str, Any] | None = (flow["session"] or {}).get("handshake")
            if handshake and handshake["server"]:
                found.add(handshake["server"]["cipher_suite"])
    return found


def test_every_server_hello_that_wireshark_sees_we_see() -> None:
    missing: dict[str, set[int]] = {}
    compared = 0
    captures = CAPTURES if os.environ.get("ROADSEAL_INTEROP") else CAPTURES[::3]
    for capture in captures:
        theirs, ours = suites_by_tshark(capture), suites_by_us(capture)
        compared += len(theirs)
        if theirs - ours:
            missing[capture.name] = theirs - ours
    assert missing == {}
    assert compared > len(captures) / 4
