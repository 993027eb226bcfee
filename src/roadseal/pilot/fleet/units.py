"""Simulated roadside units: what is in their flash, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.fleet import Device
from roadseal.fleet.plan import draw
from roadseal.operate.pki.keys import SigningKey, generate_key
from roadseal.operate.pki.unit.device import DeviceState
from roadseal.store import Schema, Store

METADATA: Final = sa.MetaData()
UNIT: Final = sa.Table(
    "pilot_unit",
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("flash", sa.Text, nullable=False),
    sa.Column("faults", sa.Text, nullable=False),
    sa.Column("writes", sa.Integer, nullable=False),
    sa.Column("written_at", sa.BigInteger, nullable=False),
)
SCHEMA: Final = Schema("pilot", METADATA, Path(__file__).parent / "migrations")

_DAY_US: Final = 86_400 * MICROSECONDS_PER_SECOND
_STRATA: Final = (
    ("austral", "3.1"),
    ("austral", "3.2"),
    ("boreal", "7.0"),
    ("boreal", "7.4"),
    ("cassini", "1.9"),
)
DEFECTIVE_VENDOR: Final = "boreal"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a unit.

    Args:
        offline_until: it is not reached before.
        defective: it signs wrongly with ML-DSA keys.
        clock_error_us: how far its clock is ahead.
    """

    offline_until: Time64 = Time64(0)  # noqa: RUF009  # an int, and immutable
    defective: bool = False
    clock_error_us: int = 0


@dataclass(frozen=True, slots=True)
class FaultShares:
    """How many units have which fault.

    Args:
        offline: of all.
        defective: of the units of one vendor.
        wrong_clock: of all.
    """

    offline: float = 0.02
    defective: float = 0.05
    wrong_clock: float = 0.03


class Flash:
    """A simulated unit's key ring: a reference is the key itself, as its flash would hold it."""

    def generate(self, algorithm: str) -> bytes:
        """Make a key; of ML-DSA the seed is kept."""
        key = generate_key(algorithm)
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def open(self, reference: bytes) -> SigningKey:
        """Return the key."""
        key = load_der_private_key(reference, None)
        assert isinstance(key, SigningKey)  # noqa: S101  # `generate` made it
        return key


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit as it is stored.

    Args:
        state: what it keeps.
        faults: what is wrong with it.
        writes: how often its flash was written.
    """

    state: DeviceState
    faults: Faults
    writes: int


def make_devices(count: int, seed: int) -> list[Device]:
    """An inventory of `count` units in five strata, with key modules of three makes."""
    devices = []
    for number in range(count):
        identity = f"rsu-{number:05}.road.example"
        vendor, firmware = _STRATA[int(draw(identity, f"stratum/{seed}") * len(_STRATA))]
        module = f"hsm-{'abc'[int(draw(identity, f'module/{seed}') * 3)]}"
        devices.append(Device(identity, vendor, firmware, module))
    return devices


def make_faults(device: Device, shares: FaultShares, seed: int, now: Time64) -> Faults:
    """Draw what is wrong with a unit; the same for the same seed."""

    def drawn(purpose: str) -> float:
        return draw(device.id, f"{purpose}/{seed}")

    is_offline = drawn("offline") < shares.offline
    away_us = round((0.1 + 2.9 * drawn("away")) * _DAY_US)
    wrong = drawn("clock") < shares.wrong_clock
    error_us = round((drawn("error") * 1000 - 500) * _DAY_US) if wrong else 0
    defective = device.vendor == DEFECTIVE_VENDOR and drawn("defect") < shares.defective
    return Faults(Time64(now + away_us) if is_offline else Time64(0), defective, error_us)


def read_units(store: Store, devices: Sequence[str]) -> dict[str, Unit]:
    """Read the flash of `devices`."""
    with store.reading() as connection:
        rows = connection.execute(UNIT.select().where(UNIT.c.device.in_(devices))).all()
    return {row.device: _unit(row) for row in rows}


def written_since(store: Store, moment: Time64) -> dict[str, Unit]:
    """Units whose flash was written at `moment` or later."""
    with store.reading() as connection:
        rows = connection.execute(UNIT.select().where(UNIT.c.written_at >= moment)).all()
    return {row.device: _unit(row) for row in rows}


def add_units(store: Store, units: Mapping[str, Unit], now: Time64) -> None:
    """Store new units."""
    rows = [
        {
            "device": device,
            "flash": unit.state.to_json(),
            "faults": json.dumps(asdict(unit.faults)),
            "writes": unit.writes,
            "written_at": now,
        }
        for device, unit in units.items()
    ]
    with store.writing() as connection:
        connection.execute(UNIT.insert(), rows)


def write_flash(
    store: Store, states: Mapping[str, tuple[DeviceState, int]], now: Time64
) -> set[str]:
    """Write states over the given number of writes; returns who has been written by others since.

    On the disk when it returns.
    """
    lost = set()
    with store.writing() as connection:
        for device, (state, writes) in sorted(states.items()):
            written = connection.execute(
                UNIT.update()
                .where(UNIT.c.device == device, UNIT.c.writes == writes)
                .values(flash=state.to_json(), writes=writes + 1, written_at=now)
            )
            if written.rowcount != 1:
                lost.add(device)
    return lost


def repair(store: Store, devices: Iterable[str]) -> None:
    """The vendor's new firmware: the defect is gone."""
    names = list(devices)
    with store.writing() as connection:
        for row in connection.execute(UNIT.select().where(UNIT.c.device.in_(names))).all():
            faults = {**json.loads(row.faults), "defective": False}
            connection.execute(
                UNIT.update().where(UNIT.c.device == row.device).values(faults=json.dumps(faults))
            )


def defective(store: Store) -> list[str]:
    """Units that have the defect."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(UNIT.c.device, UNIT.c.faults)).all()
    return [row.device for row in rows if json.loads(row.faults)["defective"]]


def fault_counts(store: Store) -> tuple[int, int]:
    """How many units are offline at the start, and how many have a wrong clock."""
    with store.reading() as connection:
        faults = [json.loads(one) for one in connection.scalars(sa.select(UNIT.c.faults))]
    offline = sum(one["offline_until"] > 0 for one in faults)
    return offline, sum(one["clock_error_us"] != 0 for one in faults)


def _unit(row: Any) -> Unit:
    return Unit(DeviceState.from_json(row.flash), Faults(**json.loads(row.faults)), row.writes)
