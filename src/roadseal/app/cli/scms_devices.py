"""Stations on the command line: enrolled, and given certificates, with their keys in files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from roadseal.app.cli.scms_common import write_file, write_secret
from roadseal.app.cli.v2x_input import iso, read_bytes
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.operate.pki.v2x.us_system import UsSystem
    from roadseal.v2x import Credential, Duration, Permission

Named = tuple[str, bytes, bytes]
"""What a certificate's files are called, the certificate, and its secret."""

_WEEK_H: Final = 168
_THREE_YEARS_H: Final = 26_297  # the policy's longest for a credential


class Kind(StrEnum):
    """What a station may do."""

    VEHICLE = "vehicle"
    EMERGENCY = "emergency"
    RSU = "rsu"


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
        credential = _enrol_eu(authorities, name, kind, secret, algorithm, now)
    else:
        credential = _enrol_us(authorities, name, kind, secret, algorithm, now)
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
        made = _tickets(authorities, kind, enrolment, count, algorithm, now)
    elif kind is Kind.RSU:
        made = _application(authorities, enrolment, implicit, now)
    else:
        made = _pseudonyms(authorities, folder, kind, enrolment, periods, implicit, now)
    files = []
    for name, certificate, secret in made:
        write_secret(folder / f"{name}.vkey", secret)
        write_file(folder / f"{name}.oer", certificate)
        files.append(f"{name}.oer")
    return {"station": station["name"], "certificates": files}


def _enrol_eu(
    eu: EuSystem, name: str, kind: Kind, secret: bytes, algorithm: str, now: Time64
) -> Credential:
    from roadseal.operate.pki.v2x.enrolment import ENROLMENT_SSP
    from roadseal.operate.pki.v2x.ledger import Station
    from roadseal.operate.pki.v2x.station import enrolment_request, read_response
    from roadseal.v2x import CertificateContents, Permission, SigningKey, service

    key = SigningKey.from_secret(algorithm, secret)
    canonical = SigningKey.generate("ecdsa-p256")  # stands for the key of the factory
    its_id = name.encode()
    permissions, fixed = _permissions(kind, us=False), kind is Kind.RSU
    eu.ea.ledger.enter(
        Station(its_id, canonical.algorithm, canonical.public_key, permissions, fixed=fixed)
    )
    contents = CertificateContents(
        start=now,
        duration=_lasting(_THREE_YEARS_H, eu.ea.credential, now),
        name=name,
        app_permissions=(Permission(service.CERTIFICATE_REQUEST, ENROLMENT_SSP),),
    )
    ea = eu.ea.credential.certificate
    try:
        request = enrolment_request(its_id, contents, key, canonical, ea, now, os.urandom)
    except ValueError as error:
        raise _refused(str(error)) from None
    outcome = eu.enrol(request.octets, now)
    if outcome.answer is None:
        raise _refused(outcome.verdict)
    response = read_response(request, outcome.answer, eu.authorities(), now)
    if response.credential is None:
        raise _refused(response.verdict)
    return response.credential


def _enrol_us(
    us: UsSystem, name: str, kind: Kind, secret: bytes, algorithm: str, now: Time64
) -> Credential:
    from roadseal.operate.pki.v2x.ledger import Station
    from roadseal.operate.pki.v2x.us_answers import read_enrollment
    from roadseal.operate.pki.v2x.us_device import enrollment_request
    from roadseal.v2x import CertificateContents, Duration, SigningKey

    key, permissions = SigningKey.from_secret(algorithm, secret), _permissions(kind, us=True)
    us.eca.ledger.enter(Station(name.encode(), algorithm, key.public_key, permissions))
    contents = CertificateContents(
        start=now, duration=Duration(6, 3), name=name, app_permissions=permissions
    )
    try:
        sent = enrollment_request(name, contents, key, "explicit", now)
    except ValueError as error:
        raise _refused(str(error)) from None
    outcome = us.eca.handle(sent.octets, now)
    if outcome.answer is None:
        raise _refused(outcome.verdict)
    received = read_enrollment(sent, outcome.answer, secret, algorithm, us.authorities(), now)
    if not received.credentials:
        raise _refused(received.verdict)
    return received.credentials[0]


def _lasting(longest_h: int, issuer: Credential, now: Time64) -> Duration:
    """As long as may be, and not beyond the issuer, in whole hours.

    Raises:
        RoadsealError: less than an hour is left.
    """
    from roadseal.operate.pki.v2x.attributes import ends_of
    from roadseal.v2x import Duration

    left_h = (ends_of(issuer.certificate) - now) // (3600 * MICROSECONDS_PER_SECOND)
    if left_h < 1:
        raise RoadsealError(
            "scms-ended",
            "The authority's certificate has ended, or is about to.",
            advice="Make its successor with `roadseal scms follow`.",
        )
    return Duration.hours(min(longest_h, left_h))


def _tickets(
    eu: EuSystem, kind: Kind, enrolment: Credential, count: int, algorithm: str, now: Time64
) -> Iterator[Named]:
    from roadseal.operate.pki.v2x.station import authorization_request, read_response
    from roadseal.v2x import CertificateContents, SigningKey

    for _ in range(count):
        secret = SigningKey.generate_secret(algorithm)
        contents = CertificateContents(
            start=now,
            duration=_lasting(_WEEK_H, eu.aa.credential, now),
            app_permissions=_permissions(kind, us=False),
            assurance=0x60,
        )
        try:
            request = authorization_request(
                contents,
                SigningKey.from_secret(algorithm, secret),
                enrolment,
                eu.ea.credential.certificate,
                eu.aa.credential.certificate,
                now,
                os.urandom,
            )
        except ValueError as error:
            raise _refused(str(error)) from None
        outcome = eu.ticket(request.octets, now)
        if outcome.answer is None:
            raise _refused(outcome.verdict)
        response = read_response(request, outcome.answer, eu.authorities(), now)
        if response.credential is None:
            raise _refused(response.verdict)
        credential = response.credential
        yield credential.hashed_id8.hex(), credential.certificate, secret


def _application(
    us: UsSystem, enrolment: Credential, implicit: bool, now: Time64
) -> Iterator[Named]:
    from roadseal.operate.pki.v2x.points import generate_scalar, public_point
    from roadseal.operate.pki.v2x.us_answers import read_application
    from roadseal.operate.pki.v2x.us_device import application_request, download_request
    from roadseal.v2x import CertificateContents, Duration, SigningKey

    secret, scalar = SigningKey.generate_secret("ecdsa-p256"), generate_scalar(0)
    contents = CertificateContents(
        start=now, duration=Duration.hours(168), app_permissions=_permissions(Kind.RSU, us=True)
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
    _taken(us.ra.handle(sent.octets, now).verdict)
    asked = download_request(sent.filename(), enrolment, ra, now, os.urandom)
    outcome = us.ra.download(asked, now)
    if outcome.answer is None:
        raise _refused(outcome.verdict)
    received = read_application(
        outcome.answer, secret, "ecdsa-p256", scalar, aca, us.authorities(), now
    )
    _taken(received.verdict)
    (credential,), (secret,) = received.credentials, received.secrets
    yield credential.hashed_id8.hex(), credential.certificate, secret


def _pseudonyms(
    us: UsSystem,
    folder: Path,
    kind: Kind,
    enrolment: Credential,
    periods: int,
    implicit: bool,
    now: Time64,
) -> Iterator[Named]:
    from roadseal.operate.pki.v2x.us_answers import read_pseudonyms
    from roadseal.operate.pki.v2x.us_batch import batch_filename
    from roadseal.operate.pki.v2x.us_device import Caterpillar, download_request, pseudonym_request
    from roadseal.operate.pki.v2x.us_periods import period_of

    ra, aca = us.keys["us-ra"].certificate, us.keys["us-aca"].certificate
    file = folder / "caterpillar.key"
    first = not file.exists()
    try:
        kept = None if first else Caterpillar.of(read_bytes(file))
    except ValueError:
        raise RoadsealError(
            "scms-station", f"{str(file)!r} is damaged.", advice="Enrol the station anew."
        ) from None
    caterpillar = kept or Caterpillar.generate(os.urandom)
    wanted: Literal["explicit", "implicit"] = "implicit" if implicit else "explicit"
    if first:
        sent = pseudonym_request(
            caterpillar,
            _permissions(kind, us=True),
            enrolment,
            ra,
            wanted,
            now,
            os.urandom,
        )
        _taken(us.ra.handle(sent.octets, now).verdict)
        write_secret(file, caterpillar.octets)
        request = {"hash": sent.request_hash.hex(), "type": wanted}
        write_file(folder / "request.json", json.dumps(request).encode())
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
    for i in range(period_of(now), period_of(now) + periods):
        us.ra.produce(i, now)
        filename = batch_filename(request_hash, i)
        outcome = us.ra.download(download_request(filename, enrolment, ra, now, os.urandom), now)
        if outcome.answer is None:
            raise _refused(outcome.verdict)
        received = read_pseudonyms(caterpillar, i, outcome.answer, aca, us.authorities(), now)
        _taken(received.verdict)
        pairs = zip(received.credentials, received.secrets, strict=True)
        for j, (credential, secret) in enumerate(pairs):
            yield f"{i}-{j}", credential.certificate, secret


def _permissions(kind: Kind, *, us: bool) -> tuple[Permission, ...]:
    from roadseal.v2x import Permission, service
    from roadseal.v2x.permissions import EMERGENCY_VEHICLE, ROADSIDE_UNIT, VEHICLE

    if not us:
        by_kind = {
            Kind.VEHICLE: VEHICLE,
            Kind.EMERGENCY: EMERGENCY_VEHICLE,
            Kind.RSU: ROADSIDE_UNIT,
        }
        return by_kind[kind]
    if kind is Kind.RSU:
        return tuple(Permission(psid) for psid in (0x80, 0x82, 0x83, 0x87, 0x204095, 0x204097))
    return Permission(service.BSM), Permission(0x204096)


def _taken(verdict: str) -> None:
    if verdict not in ("ok", "replayed"):
        raise _refused(verdict)


def _refused(verdict: str) -> RoadsealError:
    return RoadsealError(
        "scms-refused",
        f"The authority refused: {verdict}.",
        advice="The reasons are listed in the documentation, page SCMS.",
    )
