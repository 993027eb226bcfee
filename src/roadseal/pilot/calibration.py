"""What cryptography costs on this machine: measured once, kept, and read by every later run.

The pilot's queues are driven by these distributions. Keeping them is what makes the same seed give
the same results: a run that measured anew would differ in the last digits. Delete the file, or ask
for a new calibration, after a change of machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from roadseal import __version__
from roadseal.clock import SystemClock, Time64
from roadseal.net import Impairment, TlsProfile, measure_handshakes, shipped_links
from roadseal.pilot.identities import CorridorPki
from roadseal.pilot.issuer import Issuer
from roadseal.pilot.qkd_backhaul import measure_agreements
from roadseal.v2x import Header, Identification, message_profile, service, sign

_LAYOUT = 1
_OPERATIONS = 200
_START = Time64(700_000_000_000_000)
_PERCENTILES = tuple(range(0, 101, 2))


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of one operation on this machine, as percentiles 0, 2, …, 100, microseconds."""

    n: int
    percentiles_us: tuple[float, ...]

    @property
    def median_us(self) -> float:
        """The median."""
        return self.percentiles_us[len(self.percentiles_us) // 2]


@dataclass(frozen=True, slots=True)
class MessageCosts:
    """What a message profile costs: signing, verifying with the signer known, and first contact."""

    sign: Cost
    verify: Cost
    first_contact: Cost


@dataclass(frozen=True, slots=True)
class Handshakes:
    """Handshakes of a backhaul profile over a medium, one value a handshake."""

    impairment: Impairment
    wall_ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]
    bytes_up: tuple[int, ...]
    bytes_down: tuple[int, ...]
    round_trips: tuple[int, ...]
    successes: int
    n: int
    group: str


class Calibration:
    """Costs by message profile, and handshakes by backhaul profile and medium.

    Args:
        directory: where the file is kept.
        clock: for measuring.
        tell: told what is being measured.
    """

    def __init__(
        self, directory: Path, clock: SystemClock, tell: Callable[[str], None] | None = None
    ) -> None:
        self._file = directory / f"calibration-{__version__}-{platform.machine()}.json"
        self._clock = clock
        self._tell = tell or (lambda _: None)
        self._rows: dict[str, Any] = self._load()
        self._used: set[str] = set()

    @property
    def path(self) -> Path:
        """Where the measurements are kept."""
        return self._file

    @property
    def digest(self) -> str:
        """SHA-256 of the measurements used so far: two runs with the same one used the same."""
        used = {key: self._rows[key] for key in self._used}
        return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()

    def forget(self) -> None:
        """Measure everything again when it is next asked for."""
        self._rows = {}

    @property
    def p256_verify_us(self) -> float:
        """The reference of all scaling."""
        return self.message("ecdsa-p256").verify.median_us

    def message(self, profile: str) -> MessageCosts:
        """Costs of a message profile."""
        row = self._row(f"message {profile}", lambda: _measure_message(profile, self._clock))
        return MessageCosts(**{name: _cost(cost) for name, cost in row.items()})

    def handshakes(
        self, profile: TlsProfile, medium: str, n: int, seed: int, impairment: Impairment = "relay"
    ) -> Handshakes:
        """Handshakes over a medium: sockets, TLS, certificates are real, the medium is impaired."""
        maker = "" if impairment == "relay" else f" {impairment}"
        row = self._row(
            f"handshake {profile.name} {medium} {n} {seed}{maker}",
            lambda: _measure_handshakes(profile, medium, n, seed, self._clock, impairment),
        )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
        }
        return Handshakes(impairment, **values)

    def key_agreements(self, profile: TlsProfile, n: int, seed: int) -> tuple[float, ...]:
        """Times in ms to take, fetch and confirm a QKD key; real software, modelled optics."""
        row = self._row(
            f"qkd-agreement {profile.name} {n} {seed}",
            lambda: {"ms": asyncio.run(measure_agreements(profile, n, seed, self._clock))},
        )
        return tuple(row["ms"])

    def _row(self, key: str, measure: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        if key not in self._rows:
            self._tell(key)
            self._rows[key] = dict(measure())
            self._save()
        self._used.add(key)
        found: Mapping[str, Any] = self._rows[key]
        return found

    def _load(self) -> dict[str, Any]:
        try:
            data = json.loads(self._file.read_text("utf-8"))
            return dict(data["rows"]) if data["layout"] == _LAYOUT else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # none yet, or damaged: measured again

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"layout": _LAYOUT, "rows": self._rows}, indent=1, sort_keys=True)
        with tempfile.NamedTemporaryFile("w", dir=self._file.parent, delete=False) as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(stream.name).replace(self._file)


def _cost(row: Mapping[str, Any]) -> Cost:
    return Cost(row["n"], tuple(row["percentiles_us"]))


def _measure_message(name: str, clock: SystemClock) -> dict[str, Any]:
    issuer = Issuer.alone(message_profile(name), start=_START)
    vehicles = [issuer.vehicle() for _ in range(_OPERATIONS // 10)]
    headers = [
        Header(psid=service.CAM, generation_time=Time64(_START + index))
        for index in range(_OPERATIONS)
    ]
    payload = bytes(85)
    messages = [sign(payload, header, vehicles[0]) for header in headers]
    first = [sign(payload, headers[0], vehicle, Identification.CERTIFICATE) for vehicle in vehicles]
    verifier = issuer.verifier()
    verifier.learn(vehicles[0].certificate)
    strangers = [issuer.verifier() for _ in range(10)]
    return {
        "sign": _time(clock, [partial(sign, payload, each, vehicles[0]) for each in headers]),
        "verify": _time(clock, [partial(verifier.verify, each, _START) for each in messages]),
        "first_contact": _time(
            clock,
            [partial(each.verify, message, _START) for each in strangers for message in first],
        ),
    }


def _time(clock: SystemClock, operations: Sequence[Callable[[], object]]) -> dict[str, Any]:
    times_us = []
    for operation in operations:
        before = clock.cpu_s()
        operation()
        times_us.append((clock.cpu_s() - before) * 1e6)
    times_us.sort()
    last = len(times_us) - 1
    picked = [round(times_us[round(last * percent / 100)], 2) for percent in _PERCENTILES]
    return {"n": len(times_us), "percentiles_us": picked}


def _measure_handshakes(
    profile: TlsProfile,
    medium: str,
    n: int,
    seed: int,
    clock: SystemClock,
    impairment: Impairment,
) -> dict[str, Any]:
    pki = CorridorPki(profile, clock=clock)
    try:
        link = shipped_links()[medium]
        samples = measure_handshakes(
            profile, link, n, seed, clock, issuer=pki, impairment=impairment
        )
    finally:
        pki.close()
    done = [sample for sample in samples if sample.success]
    return {
        "wall_ms": [round(sample.wall_s * 1e3, 3) for sample in done],
        "cpu_ms": [round((s.client_cpu_s + s.server_cpu_s) * 1e3, 3) for s in done],
        "bytes_up": [sample.bytes_up for sample in done],
        "bytes_down": [sample.bytes_down for sample in done],
        "round_trips": [sample.round_trips for sample in done],
        "successes": len(done),
        "n": len(samples),
        "group": done[0].group if done else "",
    }
