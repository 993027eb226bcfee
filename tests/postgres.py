"""A throw-away PostgreSQL cluster from Debian's binaries, on a Unix socket, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _binaries() -> Path:
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    if not found:
        pytest.skip("no PostgreSQL server here: install Debian's postgresql")
    return found[-1]


@contextmanager
def cluster() -> Iterator[str]:
    """Run a cluster and yield the URL of its database ``postgres``."""
    binaries = _binaries()
    home = Path(tempfile.mkdtemp(prefix="roadseal-pg-"))
    as_owner: list[str] = []
    owner = pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:  # the server refuses to run as root
        owner = "postgres"
        as_owner = ["runuser", "-u", owner, "--"]
        shutil.chown(home, owner, owner)
    data = home / "data"

    def run(program: str, *arguments: str) -> None:
        command = [*as_owner, str(binaries / program), *arguments]
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL)

    run("initdb", "-D", str(data), "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale")
    options = f"-c listen_addresses= -c unix_socket_directories={home} -c max_connections=50"
    run("pg_ctl", "-D", str(data), "-l", str(home / "log"), "-o", options, "--wait", "start")
    try:
        yield f"postgresql+psycopg://{owner}@/postgres?host={home}"
    finally:
        run("pg_ctl", "-D", str(data), "--wait", "-m", "immediate", "stop")
        shutil.rmtree(home)
