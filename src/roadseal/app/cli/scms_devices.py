"""Stations on the command line: enrolled, and given certificates, with their keys in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadseal.app.cli import scms_station_eu as eu
from roadseal.app.cli import scms_station_us as us
from roadseal.app.cli.scms_common import Kind, write_file, write_secret
from roadseal.app.cli.v2x_input import iso, read_bytes
from roadseal.clock import Time64
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.operate.pki.v2x.us_system import UsSystem


def enrol_device(
    authorities: EuSystem | UsSystem,
    name: str,
    kind: Kind,
    algorithm: str,
    folder: Path,
    now: Time64,
) -> dict[str, Any]:
    """Register a station, enrol it, and write `enrolment.oer`, its key and `station.json`.

    Raises:
        RoadsealError: it was refused, or the folder cannot be written.
    """
    from roadseal import _core
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.v2x import SigningKey

    if not name.isascii() or not name.isprintable() or "/" in name or name.startswith("."):
        raise RoadsealError(
            "scms-name",
            f"{name!r} cannot name a station.",
            advice="Use letters, digits and hyphens.",
        )
    if (folder / "station.json").exists():
        raise RoadsealError(
            "file-exists",
            f"{name!r} has a folder already: {str(folder)!r}.",
            advice="Choose another name or another --out.",
        )
    try:
        secret = SigningKey.generate_secret(algorithm)
    except ValueError:
        raise RoadsealError(
            "scms-algorithm",
            f"A station cannot have a key of {algorithm!r}.",
            advice="Use ecdsa-p256, or ml-dsa-44 or another that `roadseal v2x sizes` lists.",
        ) from None
    if isinstance(authorities, EuSystem):
        credential = eu.enrol(authorities, name, kind, secret, algorithm, now)
    else:
        credential = us.enrol(authorities, name, kind, secret, algorithm, now)
    write_file(folder / "enrolment.oer", credential.certificate)
    write_secret(folder / "enrolment.vkey", secret)
    station = {"name": name, "kind": kind, "algorithm": algorithm}
    write_file(folder / "station.json", json.dumps(station).encode())
    tree = _core.describe_certificate(credential.certificate)
    return {
        **station,
        "enrolment": str(folder / "enrolment.oer"),
        "hashedid8": tree["hashedId8"],
        "valid_until": iso(tree["validUntil"]),
    }


def issue_batch(
    authorities: EuSystem | UsSystem,
    folder: Path,
    now: Time64,
    *,
    count: int,
    periods: int,
    implicit: bool,
    algorithm: str,
) -> dict[str, Any]:
    """Get certificates for an enrolled station and write each with its key.

    Each is on the disk before the next is asked for: a refusal loses none that was given.

    Raises:
        RoadsealError: the station is not enrolled here, or it was refused.
    """
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.operate.pki.v2x.making import credential_of

    try:
        station = json.loads(read_bytes(folder / "station.json"))
        kind = Kind(station["kind"])
    except (ValueError, KeyError, TypeError):
        raise RoadsealError(
            "scms-station",
            f"{str(folder)!r} holds no station.",
            advice="Enrol it with `roadseal scms enrol`.",
        ) from None
    enrolment = credential_of(
        read_bytes(folder / "enrolment.oer"), read_bytes(folder / "enrolment.vkey")
    )
    if isinstance(authorities, EuSystem):
        made = eu.tickets(authorities, kind, enrolment, count, algorithm, now)
    elif kind is Kind.RSU:
        made = us.application(authorities, enrolment, implicit, now)
    else:
        made = us.pseudonyms(authorities, folder, kind, enrolment, periods, implicit, now)
    files = []
    for name, certificate, secret in made:
        write_secret(folder / f"{name}.vkey", secret)
        write_file(folder / f"{name}.oer", certificate)
        files.append(f"{name}.oer")
    return {"station": station["name"], "certificates": files}
