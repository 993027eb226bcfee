"""A centre and units as an operator runs them: processes, files, one database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROADSEAL = str(Path(sys.executable).parent / "roadseal")
NAME = "pki.city.example"
UNIT = """
identity = "{identity}"
server = "127.0.0.1:{port}"
name = "pki.city.example"
roots = "../ca/root.pem"
folder = "unit"
profiles = ["classical-2016", "{profile}"]
algorithm = "ecdsa-p256"
poll_s = 0.3
secret = "secret.txt"
"""


@dataclass
class City:
    """Everything in one folder; `close` ends the processes that are left."""

    folder: Path
    db: str
    profile: str = "pqc-2030"  # of the new authority
    port: int = 0
    server: subprocess.Popen[bytes] | None = None
    agents: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.call("pki", "init", "ca", "--profile", "classical-2016")
        self.call("pki", "init", "ca", "--profile", self.profile, "--suffix=-new")

    def call(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [ROADSEAL, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def begin(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                [ROADSEAL, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=file,
            )

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ROADSEAL_DB": self.db,
            "ROADSEAL_PKI_PASSPHRASE": "correct horse",
            "COLUMNS": "160",
            "TERM": "dumb",
        }

    def serve(self, first: str = "issuing") -> None:
        old, new = ("issuing", "classical-2016"), ("issuing-new", self.profile)
        ours, other = (old, new) if first == "issuing" else (new, old)
        self.server = self.begin(
            *("pki", "serve", "--listen", f"127.0.0.1:{self.port}", "--name", NAME),
            *("--authority", ours[0], "--profile", ours[1], "--also", "=".join(other)),
            log="server.log",
        )
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.server.poll() is None, self.log("server.log")
                time.sleep(0.1)
        raise AssertionError(self.log("server.log"))

    def unit(self, identity: str, *, enrol: bool = True) -> None:
        """Make its folder and start its agent."""
        folder = self.folder / identity
        if not folder.exists():
            folder.mkdir()
            text = UNIT.format(identity=identity, port=self.port, profile=self.profile)
            (folder / "unit.toml").write_text(text)
            (folder / "secret.txt").write_text(self.call("pki", "invite", identity))
        if enrol:
            self.agents[identity] = self.begin(
                "pki", "agent", "run", "--config", f"{identity}/unit.toml", log=f"{identity}.log"
            )

    def kill(self, process: subprocess.Popen[bytes] | None) -> None:
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> str:
        return (self.folder / name).read_text()

    def close(self) -> None:
        for process in (self.server, *self.agents.values(), *self.others):
            if process is not None and process.poll() is None:
                self.kill(process)
