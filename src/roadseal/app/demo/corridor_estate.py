"""The embedded corridor as an estate: an asset list and, for each unit, what a scan may look at.

The signals are real ones from OpenStreetMap; that each has a roadside unit, a controller and these
links is the pilot's assumption. The certificates, TLS sessions, signed messages and configurations
are real: made, spoken and written by Roadseal's own engine in this process.
"""

from __future__ import annotations

import asyncio
import csv
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.app.demo.pcap import air_capture, tls_capture
from roadseal.clock import Clock
from roadseal.crypto import load_profile
from roadseal.events import unheard
from roadseal.net import (
    CLASSICAL,
    HYBRID,
    LOOPBACK,
    Identity,
    Recording,
    Relay,
    Side,
    TlsContext,
    TlsProfile,
    TlsStream,
    connect,
    serve,
)
from roadseal.operate.pki import SCHEMA, Authority
from roadseal.operate.pki.issued_under import profiles_json
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.tls_identity import SCHEMES, issue_identity
from roadseal.pilot.corridor import Corridor, Signal
from roadseal.pilot.issuer import Issuer
from roadseal.store import Store, open_store
from roadseal.v2x import Header, Identification, message_profile, service, sign

CENTRE, CENTRE_ADDRESS, PORT = "centre", "10.77.0.1", 443
_COLUMNS: Final = (
    "id", "name", "latitude", "longitude", "type", "ip address", "interconnect", "update method",
    "owner", "vendor", "model", "firmware", "installed", "end of life", "preemption",
)  # fmt: skip
_LEGACY_EVERY: Final = 5  # every fifth unit has not been migrated: a corridor is never of one mind
_MESSAGES: Final = 3
_LIFE_S: Final = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Unit:
    """A roadside unit of the corridor.

    Args:
        name: its reference in the estate.
        signal: the signal where it stands.
        address: of its backhaul, in the demonstration's own network.
        profile: what its backhaul speaks.
        message_profile: what it signs with.
    """

    name: str
    signal: Signal
    address: str
    profile: TlsProfile
    message_profile: str


def units_of(corridor: Corridor) -> list[Unit]:
    """A unit at each signal; every fifth still speaks classically."""
    return [
        Unit(
            f"rsu-{number}",
            signal,
            f"10.77.1.{number}",
            CLASSICAL if number % _LEGACY_EVERY == 0 else HYBRID,
            "ecdsa-p256",
        )
        for number, signal in enumerate(corridor.signals, 1)
    ]


def write_estate(corridor: Corridor, units: Sequence[Unit], path: Path) -> None:
    """Write the asset list, as a city would keep it."""
    made = {"vendor": "Roadseal", "firmware": "0.1", "installed": "2026", "end of life": "2036"}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, _COLUMNS, restval="")
        rows.writeheader()
        rows.writerow(
            {
                **made,
                "id": CENTRE,
                "name": "Traffic centre",
                "type": "server",
                "ip address": CENTRE_ADDRESS,
                "interconnect": "private network",
                "update method": "remote",
                "owner": "city",
                "model": "centre",
            }
        )
        for number, unit in enumerate(units, 1):
            at = {
                "latitude": unit.signal.latitude,
                "longitude": unit.signal.longitude,
                "owner": "city",
            }
            name = f"{corridor.name} {number}"
            rows.writerow(
                {
                    **made,
                    **at,
                    "id": unit.name,
                    "name": f"RSU at {name}",
                    "type": "RSU",
                    "ip address": unit.address,
                    "interconnect": "radio, fibre",
                    "update method": "remote",
                    "model": "pilot RSU",
                }
            )
            rows.writerow(
                {
                    **at,
                    "id": f"signal-{number}",
                    "name": f"Signal {name}",
                    "type": "signal",
                    "interconnect": "fibre",
                    "preemption": "EVP" if number % 2 else "",
                }
            )


async def write_material(units: Sequence[Unit], folder: Path, clock: Clock) -> None:
    """Make, speak and write what a scan will find: one folder a unit."""
    with TemporaryDirectory() as vault:
        store = open_store(Path(vault) / "pki.db", SCHEMA, durable=False)
        await _write_material(units, folder, clock, store)
        store.close()


async def _write_material(units: Sequence[Unit], folder: Path, clock: Clock, store: Store) -> None:
    authorities = {
        SCHEMES[algorithm]: Authority.create(
            store,
            f"demo-{algorithm}",
            algorithm=algorithm,
            passphrase=secrets.token_bytes(16),  # it ends with this process
            profile=load_profile(profile),
            clock=clock,
            emit=unheard,
        )
        for algorithm, profile in (("ecdsa-p256", "classical-2016"), ("ml-dsa-65", "hybrid-2026"))
    }
    issuers: dict[str, Issuer] = {}
    listed: list[tuple[str, str, x509.Certificate]] = []
    for unit in units:
        here = folder / unit.name
        here.mkdir(parents=True, exist_ok=True)
        own = _identities(unit.name, unit.profile, authorities)
        centre = _identities(CENTRE, unit.profile, authorities)
        listed += [(authorities[one.algorithm].name, unit.name, one.certificate) for one in own]
        recording = await _session(unit, own, centre, authorities, clock, here)
        capture = tls_capture(recording, unit.address, CENTRE_ADDRESS, PORT)
        (here / "backhaul.pcap").write_bytes(capture)
        (here / "openssl.cnf").write_text(_configuration(unit.profile))
        if unit.message_profile not in issuers:
            profile = message_profile(unit.message_profile)
            issuers[profile.name] = Issuer.alone(profile, start=clock.now())
        _write_messages(issuers[unit.message_profile], clock, here)
    (folder / "profiles.json").write_bytes(profiles_json(store, listed))


def _identities(
    name: str, profile: TlsProfile, authorities: dict[str, Authority]
) -> list[Identity]:
    return [
        issue_identity(
            authorities[scheme],
            name,
            algorithm=authorities[scheme].public_key.algorithm,
            life_s=_LIFE_S,
        )
        for scheme in profile.certificate_algorithms
    ]


async def _session(
    unit: Unit,
    own: list[Identity],
    centre: list[Identity],
    authorities: dict[str, Authority],
    clock: Clock,
    here: Path,
) -> Recording:
    """Speak with the centre over a relay that records; leave the unit's certificates."""
    algorithms = unit.profile.certificate_algorithms
    roots = {name: authorities[name].chain[-1] for name in algorithms}
    anchors = list(roots.values())
    for identity in own:
        pem = identity.certificate.public_bytes(Encoding.PEM)
        (here / f"{identity.algorithm}.pem").write_bytes(pem)
    for name in algorithms:
        (here / f"root-{name}.pem").write_bytes(roots[name].public_bytes(Encoding.PEM))
    client = TlsContext(Side.CLIENT, unit.profile, own, anchors)
    server_context = TlsContext(Side.SERVER, unit.profile, centre, anchors)

    async def answer(stream: TlsStream) -> None:
        while (asked := await stream.receive()) is not None:
            await stream.send(asked)

    server = await serve(server_context, answer, clock=clock, expect=[unit.name])
    try:
        async with Relay(LOOPBACK, "127.0.0.1", server.port, seed=1, record=True) as relay:
            stream = await connect("127.0.0.1", relay.port, client, expect=[CENTRE], clock=clock)
            await stream.send(b"status of " + unit.name.encode())
            await stream.receive()
            await stream.close()
            return relay.recordings[0]
    finally:
        await server.close()


def _write_messages(issuer: Issuer, clock: Clock, here: Path) -> None:
    """Enrol a unit, sign a few messages as they go on the air, and leave its certificate."""
    credential = issuer.roadside_unit()
    header = Header(psid=service.SPATEM, generation_time=clock.now())
    messages = [
        sign(b"SPaT %d" % number, header, credential, Identification.CERTIFICATE)
        for number in range(_MESSAGES)
    ]
    (here / "air.pcap").write_bytes(air_capture(messages))
    (here / "v2x.oer").write_bytes(credential.certificate)


def _configuration(profile: TlsProfile) -> str:
    """What the unit's TLS was told, in OpenSSL's own format."""
    return (
        "openssl_conf = default\n[default]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\n"
        f"MinProtocol = TLSv1.3\nGroups = {':'.join(profile.groups)}\n"
        f"SignatureAlgorithms = {':'.join(profile.signature_schemes)}\n"
        f"Ciphersuites = {':'.join(profile.cipher_suites)}\n"
    )


def make_material(units: Sequence[Unit], folder: Path, clock: Clock) -> None:
    """`write_material` for callers without an event loop."""
    asyncio.run(write_material(units, folder, clock))
