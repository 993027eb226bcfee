"""A scan stays in its root, survives what it reads, says what it missed, and repeats itself."""

import gzip
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from assess_scanning import CONTEXT, scan_folder
from typer.testing import CliRunner

from roadseal.app.cli.scan import app
from roadseal.assess.inventory import collector as registry
from roadseal.assess.inventory.collector import Limits
from roadseal.assess.inventory.finding import Cause, Gap
from roadseal.assess.inventory.reading import open_data
from roadseal.assess.inventory.scan_file import load_scan, write_scan
from roadseal.assess.inventory.walk import Entry, walk

HERE = Path(__file__).parent


def test_a_file_that_kills_its_reader_costs_that_file_only(tmp_path: Path) -> None:
    for kind in ("crash", "sleep", "large", "raise"):
        (tmp_path / kind).write_bytes(b"HOSTILE:" + kind.encode())
    for number in range(20):
        (tmp_path / f"plain-{number}").write_bytes(b"nothing to see")
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")]
    subprocess.run(command, check=True)
    script = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from roadseal.assess.inventory import collector
collector._COLLECTORS = (*collector._COLLECTORS, "hostile_collector:HOSTILE")
from pathlib import Path
from roadseal.assess.inventory.scan import scan
from roadseal.assess.inventory.reading import open_data
from roadseal.assess.inventory.scan_file import write_scan
from roadseal.assess.inventory.collector import Context, Limits
from roadseal.clock import SystemClock
if __name__ == "__main__":
    context = Context(Limits(time_s=2), b"k")
    result = scan([Path({str(tmp_path)!r})], context, SystemClock(), workers=2)
    sys.stdout.buffer.write(write_scan(result))
"""
    program = tmp_path.parent / "hostile_scan.py"
    program.write_text(script)
    run = subprocess.run([sys.executable, str(program)], capture_output=True, check=False)
    result = json.loads(run.stdout)
    gaps = {gap["location"]["uri"]: gap["cause"] for gap in result["coverage"]["gaps"]}
    assert gaps == {
        "crash": "crashed",
        "sleep": "truncated",
        "large": "truncated",
        "raise": "crashed",
    }
    assert {row["location"]["uri"] for row in result["findings"]} == {"id", "id.pub"}
    assert b"secret-in-the-text" not in run.stdout + run.stderr


def test_no_link_leaves_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "real").write_text("x")
    (root / "up").symlink_to("../outside/secret.pem")
    (root / "far").symlink_to(outside)
    (root / "absolute").symlink_to("/etc/real")  # within the image that this root is
    (root / "loop").symlink_to("loop")
    (root / "round").symlink_to(".")
    os.mkfifo(root / "pipe")
    found = list(walk((root,)))
    assert [one.uri for one in found if isinstance(one, Entry)] == ["etc/real"]
    gaps = {one.location.uri: one.cause for one in found if isinstance(one, Gap)}
    assert gaps == {"up": Cause.OUTSIDE, "far": Cause.OUTSIDE, "pipe": Cause.NOT_SUPPORTED}


def test_what_took_the_place_of_a_file_is_not_opened(tmp_path: Path) -> None:
    """Between the matching and the reading: a pipe would hold its reader up, a link lead it out."""
    outside = tmp_path / "secret"
    outside.write_text("of somebody else")
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(outside)
    for place in (pipe, link, tmp_path):
        with pytest.raises(OSError, match=r".*"):
            open_data(str(place), 10)
    assert open_data(str(outside), 2) == b"of"


def test_names_of_any_octets_are_shown_and_move_no_cursor(tmp_path: Path) -> None:
    names = [
        b"plain",
        b"\xff\xfe",
        b"a\nb",
        b"\x1b[31mred",
        "ünï ode".encode(),
        "\u202egnp".encode(),
    ]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"{" * 70)  # noqa: PTH118
    shown = [entry.uri for entry in walk((tmp_path,)) if isinstance(entry, Entry)]
    assert sorted(shown) == sorted(
        ["plain", "\\xff\\xfe", "a\\nb", "\\x1b[31mred", "ünï ode", "\\u202egnp"]
    )
    target = tmp_path / os.fsdecode(names[1])  # named itself
    assert b"\\\\xff\\\\xfe" in write_scan(scan_folder(target))


def test_settings_of_the_kernel_are_read() -> None:
    place = Path("/proc/sys/kernel")
    if not place.exists():
        pytest.skip("no Linux")
    coverage = scan_folder(place).coverage
    assert coverage.read > 10
    assert not [gap for gap in coverage.gaps if "memory" in gap.detail]


def test_unreadable_is_said(tmp_path: Path) -> None:
    (tmp_path / "gone").write_text("x")
    result = scan_folder(tmp_path)
    assert result.coverage.complete
    (tmp_path / "long").write_bytes(b"\0" * 2000)
    limited = scan_folder(tmp_path, limits=Limits(file_bytes=1000))
    assert [gap.cause for gap in limited.coverage.gaps] == [Cause.TRUNCATED]


def test_a_small_archive_fits_into_the_memory_of_a_worker(tmp_path: Path) -> None:
    (tmp_path / "notes.gz").write_bytes(gzip.compress(b"nothing to see"))
    assert scan_folder(tmp_path).coverage.complete


def test_an_empty_scan_is_not_complete(tmp_path: Path) -> None:
    assert not scan_folder(tmp_path).coverage.complete


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    for number in range(3):
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f",
                        str(tmp_path / f"id{number}")], check=True)  # fmt: skip
    first, second = (write_scan(scan_folder(tmp_path)) for _ in range(2))
    assert first == second
    (tmp_path.parent / "scan.json").write_bytes(first)
    findings, coverage = load_scan(tmp_path.parent / "scan.json")
    again = scan_folder(tmp_path)
    assert findings == again.findings
    assert coverage == again.coverage


def test_no_key_material_is_written(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")],
                   check=True)  # fmt: skip
    (tmp_path / "snmpd.conf").write_text(
        "rocommunity s3cr3t-c0m\ncreateUser u SHA passw0rd AES priv-s3cret\n"
    )
    (tmp_path / "hostapd.conf").write_text(
        "interface=wlan0\nssid=x\nwpa_key_mgmt=WPA-PSK\nwpa_passphrase=hunter2\n"
    )
    (tmp_path / "wg0.conf").write_text(
        "[Interface]\nPrivateKey = aGVsbG8gd29ybGQ=\n[Peer]\nAllowedIPs = ::/0\n"
    )
    written = write_scan(scan_folder(tmp_path)).decode()
    for secret in ("s3cr3t", "passw0rd", "priv-s3cret", "hunter2", "aGVsbG8"):
        assert secret not in written
    private = (tmp_path / "id").read_text().splitlines()[3]
    assert private not in written
    assert '"key_id"' in written


def test_the_identity_key_is_kept_private_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a").write_text("x")
    run = CliRunner().invoke(app, [str(tmp_path / "files"), "--json"])
    assert run.exit_code == 0, run.output
    key = tmp_path / "state" / "roadseal" / "scan-identity.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    CliRunner().invoke(app, [str(tmp_path / "files")])
    assert key.read_bytes() == before
    assert CONTEXT.identify(b"x") != registry.Context(identity_key=before).identify(b"x")


def test_partial_coverage_exits_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "bad.der").write_bytes(b"0\x82")
    run = CliRunner().invoke(app, [str(tmp_path / "files")])
    assert run.exit_code == 3
    assert "bad.der" in run.output
