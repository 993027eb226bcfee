"""A fault never looks like a finding: exit code 1 is kept for what does not hold."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from roadseal import __version__
from roadseal.app.cli.faults import described
from roadseal.errors import RoadsealError, why_unreadable

PROGRAM = [sys.executable, "-c", "from roadseal.app.cli import main; main()"]
PACK = ["policy", "show", "cnsa-2.0"]


def run(*arguments: str, **how: object) -> subprocess.CompletedProcess[bytes]:
    how = {"stdout": subprocess.PIPE, "timeout": 120, **how}
    return subprocess.run([*PROGRAM, *arguments], stderr=subprocess.PIPE, **how)  # type: ignore[call-overload, no-any-return]


def test_a_full_disk_is_an_error_with_advice() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(*PACK, "--json", stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error [system] No space left on device.\n→ Make room")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_leaves_is_no_finding(form: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(*PACK, *form, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_old_locale_does_not_stop_an_output() -> None:
    command = ["profile", "show", "hybrid-2026"]
    done = run(*command, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert "·" in done.stdout.decode("utf-8")


def test_a_narrow_terminal_folds_names_and_not_letters() -> None:
    done = run("profile", "show", "hybrid-2026", env={**os.environ, "COLUMNS": "60"})
    assert "x25519mlke" in done.stdout.decode()
    assert "1312 +" in done.stdout.decode()


def test_a_file_name_that_is_no_text_is_told() -> None:
    done = run("v2x", "inspect", os.fsdecode(b"\xff.pcap"))
    assert done.returncode == 2
    assert b"unreadable-file" in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_version_is_told() -> None:
    assert run("--version").stdout.decode() == f"roadseal {__version__}\n"


def test_a_fault_of_ours_exits_with_70_and_names_its_place_but_no_value() -> None:
    try:
        int("secret")
    except ValueError as fault:
        error, code = described(fault)
    assert (error.code, code) == ("internal", 70)
    assert "ValueError in test_faults.py:" in error.message
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "keys"), "system"),
        (OSError("no number"), "system"),
        (MemoryError(), "memory"),
        (sa.exc.OperationalError("select", {}, Exception("database is locked")), "database"),
        (RoadsealError("mine", "It is so.", advice="Do that."), "mine"),
    ],
)
def test_what_the_user_can_mend_exits_with_2_and_one_advice(fault: Exception, code: str) -> None:
    error, status = described(fault)
    assert (error.code, status) == (code, 2)
    assert error.message.endswith(".")
    assert error.advice.endswith((".", ")."))


def test_why_a_file_could_not_be_read_is_told_without_what_stands_in_it() -> None:
    assert why_unreadable(FileNotFoundError(errno.ENOENT, "No such file")) == "No such file"
    with pytest.raises(UnicodeDecodeError) as caught:
        b"secret\xff".decode()
    assert why_unreadable(caught.value) == "its byte 6 is no UTF-8"
