"""A US device on the command line: it enrols, and gets certificates (IEEE 1609.2.1)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from roadseal.app.cli.scms_common import Kind, Named, refused, write_file, write_secret
from roadseal.app.cli.v2x_input import read_bytes
from roadseal.clock import Time64
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki.v2x.us_device import Caterpillar
    from roadseal.operate.pki.v2x.us_system import UsSystem
    from roadseal.v2x import Credential, Permission

Wanted = Literal["explicit", "implicit"]


def enrol(
    us: UsSystem, name: str, kind: Kind, secret: bytes, algorithm: str, now: Time64
) -> Credential:
    """Register a device at the ECA and enrol it.

    Raises:
        RoadsealError: it was refused.
    """
    from roadseal.operate.pki.v2x.ledger import Station
    from roadseal.operate.pki.v2x.us_answers import read_enrollment
    from roadseal.operate.pki.v2x.us_device import enrollment_request
    from roadseal.v2x import CertificateContents, Duration, SigningKey

    key, permissions = SigningKey.from_secret(algorithm, secret), _permissions(kind)
    us.eca.ledger.enter(Station(name.encode(), algorithm, key.public_key, permissions))
    contents = CertificateContents(
        start=now, duration=Duration(6, 3), name=name, app_permissions=permissions
    )
    try:
        sent = enrollment_request(name, contents, key, "explicit", now)
    except ValueError as error:
        raise refused(str(error)) from None
    outcome = us.eca.handle(sent.octets, now)
    if outcome.answer is None:
        raise refused(outcome.verdict)
    received = read_enrollment(sent, outcome.answer, secret, algorithm, us.authorities(), now)
    if not received.credentials:
        raise refused(received.verdict)
    return received.credentials[0]


def application(
    us: UsSystem, enrolment: Credential, implicit: bool, now: Time64
) -> Iterator[Named]:
    """Get a roadside unit's certificate for a week.

    Raises:
        RoadsealError: it was refused.
    """
    from roadseal.operate.pki.v2x.points import generate_scalar, public_point
    from roadseal.operate.pki.v2x.us_answers import read_application
    from roadseal.operate.pki.v2x.us_device import application_request, download_request
    from roadseal.v2x import CertificateContents, Duration, SigningKey

    secret, scalar = SigningKey.generate_secret("ecdsa-p256"), generate_scalar(0)
    contents = CertificateContents(
        start=now, duration=Duration.hours(168), app_permissions=_permissions(Kind.RSU)
    )
    ra, aca = us.keys["us-ra"].certificate, us.keys["us-aca"].certificate
    sent = application_request(
        contents,
        SigningKey.from_secret("ecdsa-p256", secret),
        public_point(0, scalar),
        enrolment,
        ra,
        "implicit" if implicit else "explicit",
        now,
        os.urandom,
    )
    _demand_taken(us.ra.handle(sent.octets, now).verdict)
    asked = download_request(sent.filename(), enrolment, ra, now, os.urandom)
    outcome = us.ra.download(asked, now)
    if outcome.answer is None:
        raise refused(outcome.verdict)
    received = read_application(
        outcome.answer, secret, "ecdsa-p256", scalar, aca, us.authorities(), now
    )
    _demand_taken(received.verdict)
    (credential,), (secret,) = received.credentials, received.secrets
    yield credential.hashed_id8.hex(), credential.certificate, secret


def pseudonyms(
    us: UsSystem,
    folder: Path,
    kind: Kind,
    enrolment: Credential,
    periods: int,
    implicit: bool,
    now: Time64,
) -> Iterator[Named]:
    """Get the pseudonyms of some weeks from now; the first call asks for them, once for all.

    Raises:
        RoadsealError: the folder is damaged, or the RA refused.
    """
    from roadseal.operate.pki.v2x.us_answers import read_pseudonyms
    from roadseal.operate.pki.v2x.us_batch import batch_filename
    from roadseal.operate.pki.v2x.us_device import download_request
    from roadseal.operate.pki.v2x.us_periods import period_of

    ra, aca = us.keys["us-ra"].certificate, us.keys["us-aca"].certificate
    wanted: Wanted = "implicit" if implicit else "explicit"
    if not (folder / "caterpillar.key").exists():
        _ask_for_pseudonyms(us, folder, kind, enrolment, wanted, now)
    caterpillar, request_hash = _asked_before(folder, wanted)
    for i in range(period_of(now), period_of(now) + periods):
        us.ra.produce(i, now)
        filename = batch_filename(request_hash, i)
        outcome = us.ra.download(download_request(filename, enrolment, ra, now, os.urandom), now)
        if outcome.answer is None:
            raise refused(outcome.verdict)
        received = read_pseudonyms(caterpillar, i, outcome.answer, aca, us.authorities(), now)
        _demand_taken(received.verdict)
        pairs = zip(received.credentials, received.secrets, strict=True)
        for j, (credential, secret) in enumerate(pairs):
            yield f"{i}-{j}", credential.certificate, secret


def _ask_for_pseudonyms(
    us: UsSystem, folder: Path, kind: Kind, enrolment: Credential, wanted: Wanted, now: Time64
) -> None:
    from roadseal.operate.pki.v2x.us_device import Caterpillar, pseudonym_request

    caterpillar = Caterpillar.generate(os.urandom)
    ra = us.keys["us-ra"].certificate
    sent = pseudonym_request(
        caterpillar, _permissions(kind), enrolment, ra, wanted, now, os.urandom
    )
    _demand_taken(us.ra.handle(sent.octets, now).verdict)
    write_secret(folder / "caterpillar.key", caterpillar.octets)
    request = {"hash": sent.request_hash.hex(), "type": wanted}
    write_file(folder / "request.json", json.dumps(request).encode())


def _asked_before(folder: Path, wanted: Wanted) -> tuple[Caterpillar, bytes]:
    """The secrets of the station's one request, and the hash that names it."""
    from roadseal.operate.pki.v2x.us_device import Caterpillar

    file = folder / "caterpillar.key"
    try:
        caterpillar = Caterpillar.of(read_bytes(file))
    except ValueError:
        raise RoadsealError(
            "scms-station", f"{str(file)!r} is damaged.", advice="Enrol the station anew."
        ) from None
    try:
        request = json.loads(read_bytes(folder / "request.json"))
        request_hash, asked = bytes.fromhex(request["hash"]), request["type"]
    except (ValueError, KeyError, TypeError):
        raise RoadsealError(
            "scms-station", "request.json is damaged.", advice="Enrol the station anew."
        ) from None
    if asked != wanted:
        raise RoadsealError(
            "scms-station",
            f"This station asked for {asked} certificates, once for all its batches.",
            advice="Leave --implicit out."
            if asked == "explicit"
            else "Give --implicit as the first time.",
        )
    return caterpillar, request_hash


def _permissions(kind: Kind) -> tuple[Permission, ...]:
    from roadseal.v2x import Permission, service

    if kind is Kind.RSU:
        return tuple(Permission(psid) for psid in (0x80, 0x82, 0x83, 0x87, 0x204095, 0x204097))
    return Permission(service.BSM), Permission(0x204096)


def _demand_taken(verdict: str) -> None:
    if verdict not in ("ok", "replayed"):
        raise refused(verdict)
