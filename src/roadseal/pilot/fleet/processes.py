"""The processes of a rehearsal: workers, and the EST server; started, told the time, killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.pilot.fleet.site import PASSPHRASE_VARIABLE

_NO_PORT = 9  # discard: nothing listens there, and a connection is refused


class Crew:
    """Worker processes and an authority's EST server; a context manager that ends them."""

    def __init__(
        self,
        url: str,
        campaign: str,
        passphrase: str,
        workers: int,
        est_share: float,
        now: Time64,
    ) -> None:
        self._url = url
        self._campaign = campaign
        self._est_share = est_share
        self._environment = {**os.environ, PASSPHRASE_VARIABLE: passphrase}
        self._port = _NO_PORT
        self._ca: subprocess.Popen[str] | None = None
        self._workers: list[subprocess.Popen[str]] = []
        self._count = workers
        self._now = now
        self.ca_kills = 0
        self.worker_kills = 0

    def __enter__(self) -> Crew:
        self._workers = [self._new_worker() for _ in range(self._count)]
        self.start_ca(self._now)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in (*self._workers, self._ca):
            if process is not None:
                if process.stdin:
                    process.stdin.close()
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                if process.stdout:
                    process.stdout.close()

    def work(self, now: Time64) -> int:
        """Have every worker work until nothing is due; returns the orders performed."""
        if self._ca is not None and self._ca.stdin:
            self._write(self._ca, str(now))
        for worker in self._workers:
            self._write(worker, json.dumps({"time": now, "est_port": self._port}))
        done = 0
        for worker in self._workers:
            _read(worker)  # it has begun
            done += int(_read(worker)["done"])
        return done

    def start_ca(self, now: Time64) -> None:
        """Start the EST server."""
        self._ca = self._spawn("est_process", self._url)
        self._write(self._ca, str(now))
        assert self._ca.stdout  # noqa: S101  # a pipe was asked for
        line = self._ca.stdout.readline()
        if not line:
            raise _died("EST server")
        self._port = int(line)

    def kill_ca(self) -> None:
        """Kill the EST server; its port refuses connections until `start_ca`."""
        if self._ca is None:
            return
        self._end(self._ca)
        self._ca = None
        self.ca_kills += 1

    def kill_a_worker_at_work(self, now: Time64) -> None:
        """Kill a worker as soon as it has begun, with its authority in it, and replace it."""
        victim = self._workers[0]
        self._write(victim, json.dumps({"time": now, "est_port": self._port}))
        _read(victim)
        with suppress(subprocess.TimeoutExpired):
            victim.wait(timeout=0.1)  # it is in the middle of its first batch
        self._end(victim)
        self._workers[0] = self._new_worker()
        self.worker_kills += 1

    def _new_worker(self) -> subprocess.Popen[str]:
        return self._spawn("worker", self._url, self._campaign, str(self._est_share))

    def _spawn(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603  # our own module, our own arguments
            [sys.executable, "-m", f"roadseal.pilot.fleet.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def _write(self, process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin  # noqa: S101  # a pipe was asked for
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise _died("process") from None

    def _end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()


def _read(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout  # noqa: S101  # a pipe was asked for
    line = process.stdout.readline()
    if not line:
        raise _died("worker")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _died(what: str) -> RoadsealError:
    return RoadsealError(
        "rehearsal-process",
        f"A {what} of the rehearsal has ended by itself.",
        advice="Look at what it wrote to standard error.",
    )
