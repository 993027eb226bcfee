"""What the network room records and the message room judges becomes observed findings."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.assess.inventory.finding import AlgorithmUse, Basis, Finding, Gap, Role
from roadseal.assess.inventory.wire import from_recording, from_verdicts
from roadseal.clock import SystemClock
from roadseal.net.capture import Recording
from roadseal.net.identity import Authority
from roadseal.net.profile import HYBRID
from roadseal.net.session import Side
from roadseal.net.tls import TlsContext

FIELD = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "v2x/us-field"


def recorded() -> Recording:
    """A real handshake of `roadseal.net`, both directions kept."""
    now = SystemClock().now()
    roots = [
        Authority.root(each, f"root {each}", now=now) for each in HYBRID.certificate_algorithms
    ]
    anchors = [root.certificate for root in roots]

    def context(side: Side, name: str) -> TlsContext:
        return TlsContext(side, HYBRID, [root.issue(name, now=now) for root in roots], anchors)

    client = context(Side.CLIENT, "rsu.example").session(at=now, expect=["centre.example"])
    server = context(Side.SERVER, "centre.example").session(at=now, expect=["rsu.example"])
    up = down = b""
    while (asked := client.outgoing()) or (answered := server.outgoing()):
        up += asked
        server.receive(asked)
        answered = server.outgoing() if asked else answered
        down += answered
        client.receive(answered)
    return Recording(up, down)


def test_a_recorded_session_is_hybrid() -> None:
    (finding,) = from_recording(recorded(), "10.0.0.1:443", "pilot")
    assert isinstance(finding, Finding)
    assert finding.basis is Basis.OBSERVED
    assert AlgorithmUse("x25519mlkem768", Role.KEY_EXCHANGE) in finding.algorithms
    assert finding.facts["version"] == "1.3"


@pytest.mark.parametrize("keep", [0, 3, 40, 200])
def test_a_cut_recording_is_a_gap(keep: int) -> None:
    whole = recorded()
    cut = Recording(whole.up, whole.down[:keep])
    assert isinstance([*from_recording(cut, "x", "pilot")][-1], Gap)


def test_noise_is_a_gap() -> None:
    *_, gap = from_recording(Recording(b"\xff" * 300, b"GET / HTTP/1.1\r\n"), "x", "pilot")
    assert isinstance(gap, Gap)
    assert "breaks the protocol" in gap.detail


@pytest.mark.skipif(not FIELD.exists(), reason="no field messages under ROADSEAL_TESTDATA")
def test_field_messages_as_the_verifier_judges_them() -> None:
    log = next(FIELD.glob("*.gz"))
    lines = (
        CliRunner().invoke(app, ["v2x", "verify", str(log), "--json"]).stdout.encode().splitlines()
    )
    findings = [one for one in from_verdicts(lines, "field") if isinstance(one, Finding)]
    assert sum(int(str(finding.facts["messages"])) for finding in findings) == len(lines) > 0
    assert {use.name for finding in findings for use in finding.algorithms} == {"ecdsa-p256"}
    # Without the signers' issuers nothing can hold: claims are not taken for certain.
    assert all(finding.facts["verdict"] == "refused" for finding in findings)


def test_verified_and_claimed_are_kept_apart() -> None:
    row = {"verdict": "ok", "psid": 32, "algorithm": "ecdsa-p256", "signature": "ok"}
    rows = [row, row, row | {"verdict": "refused", "signature": "bad_signature"}]
    lines = [*map(orjson.dumps, rows), b"{", b"[]", b""]
    first, second, *gaps = from_verdicts(lines, "air")
    assert isinstance(first, Finding)
    assert isinstance(second, Finding)
    assert (first.facts["messages"], first.confidence) == (2, 1.0)
    assert (second.facts["messages"], second.confidence) == (1, 0.6)
    assert [gap.location.line for gap in gaps] == [4, 5]
