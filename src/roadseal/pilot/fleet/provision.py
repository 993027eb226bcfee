"""The state before a campaign: every simulated unit has a real classical certificate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import Time64
from roadseal.fleet import Device, enlist
from roadseal.fleet.plan import draw
from roadseal.operate.pki import IssueRequest
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.unit.device import DeviceState
from roadseal.operate.pki.unit.orders import (
    Install,
    Message,
    Prepare,
    Switch,
    Trust,
    encoded_chain,
    obey,
)
from roadseal.pilot.fleet.site import Site
from roadseal.pilot.fleet.units import (
    Faults,
    FaultShares,
    Flash,
    Unit,
    add_units,
    make_devices,
    make_faults,
)

BATCH: Final = 200
LIFE_S: Final = 30 * DAY_S


def provision(
    site: Site,
    count: int,
    seed: int,
    shares: FaultShares,
    tell: Callable[[float], None] = lambda _share: None,
) -> list[Device]:
    """Make `count` units, each with a key, a certificate of the old authority, and its faults."""
    devices = make_devices(count, seed)
    enlist(site.store, devices)
    for start in range(0, count, BATCH):
        some = devices[start : start + BATCH]
        _enrol(site, some, [make_faults(one, shares, seed, site.clock.now()) for one in some])
        tell(min(1.0, (start + BATCH) / count))
    return devices


def _enrol(site: Site, devices: Sequence[Device], faults: Sequence[Faults]) -> None:
    keys, now = Flash(), site.clock.now()
    root = site.old.chain[-1].public_bytes(Encoding.DER)
    chain = encoded_chain(site.old.chain)
    prepared: list[tuple[DeviceState, bytes]] = []
    for device in devices:
        state = DeviceState(device.id)
        state, _ = obey(state, _message(device, now, Trust(root)), keys, now)
        state, answer = obey(
            state, _message(device, now, Prepare("first", "ecdsa-p256")), keys, now
        )
        prepared.append((state, answer.csr))
    requests = [
        IssueRequest(csr, one.id, f"first/{one.id}", life_s=_life_s(one))
        for one, (_, csr) in zip(devices, prepared, strict=True)
    ]
    units = {}
    for device, fault, (state, _), issued in zip(
        devices, faults, prepared, site.old.issue_many(requests), strict=True
    ):
        for body in (Install(issued.certificate, chain), Switch("first")):
            state, _ = obey(state, _message(device, now, body), keys, now)
        units[device.id] = Unit(state, fault, 0)
    add_units(site.store, units, now)


def _life_s(device: Device) -> int:
    return round(LIFE_S * (0.8 + 0.2 * draw(device.id, "life")))  # issued over a week, in the field


def _message(device: Device, now: Time64, body: Trust | Prepare | Install | Switch) -> Message:
    return Message(device.id, 0, now, body)
