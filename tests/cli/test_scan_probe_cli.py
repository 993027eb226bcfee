"""`roadseal scan --probe`: permission first, then the same findings as everywhere."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.errors import RoadsealError

RUNNER = CliRunner()


def refused(*arguments: str) -> str:
    result = RUNNER.invoke(app, ["scan", *arguments])
    assert isinstance(result.exception, RoadsealError)
    return result.exception.code


def test_nothing_is_sent_without_active_and_an_allowed_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert refused("--probe", "127.0.0.1:443", "--allow", "127.0.0.0/8") == "probe-not-active"
    assert refused("--probe", "127.0.0.1:443", "--active") == "probe-not-allowed"
    assert refused("--active") == "no-target"
    dry = ("--probe", "127.0.0.1:443", "--allow", "127.0.0.0/8", "--active", "--dry-run")
    result = RUNNER.invoke(app, ["scan", *dry])
    assert (result.exit_code, "Nothing was sent" in result.output) == (0, True)


def test_what_answers_is_a_finding_and_what_does_not_is_a_gap(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    silent = socket.create_server(("127.0.0.1", 0))
    closed = silent.getsockname()[1]
    silent.close()

    def retry() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(8192)
            random = bytes.fromhex(  # of a HelloRetryRequest, RFC 8446 clause 4.1.3
                "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
            )
            extensions = bytes.fromhex("002b000203040033000211ec")
            body = b"\x03\x03" + random + b"\0\x13\x02\0" + len(extensions).to_bytes(2) + extensions
            message = b"\x02" + len(body).to_bytes(3) + body
            connection.sendall(b"\x16\x03\x03" + len(message).to_bytes(2) + message)
            connection.recv(1)

    thread = threading.Thread(target=retry)
    thread.start()
    targets = tmp_path / "targets.txt"
    targets.write_text(f"# the corridor\n127.0.0.1:{port}\ntls://127.0.0.1:{closed}\n")
    out = tmp_path / "findings.json"
    arguments = ["--probe", f"@{targets}", "--active", "--allow", "127.0.0.0/8", "--out", str(out)]
    result = RUNNER.invoke(app, ["scan", *arguments, "--rate", "1000"])
    thread.join(10)
    listener.close()
    assert result.exit_code == 3, result.output
    document = json.loads(out.read_bytes())
    (finding,) = document["findings"]
    assert finding["facts"]["group"] == "X25519MLKEM768"
    assert "refused" in document["coverage"]["gaps"][0]["detail"]
