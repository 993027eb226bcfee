"""A European station on the command line: it enrols, and gets tickets (ETSI TS 102 941)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from roadseal.app.cli.scms_common import Kind, Named, refused
from roadseal.clock import MICROSECONDS_PER_SECOND, Time64
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.operate.pki.v2x.eu_system import EuSystem
    from roadseal.v2x import Credential, Duration, Permission

_WEEK_H: Final = 168
_THREE_YEARS_H: Final = 26_297  # the policy's longest for a credential


def enrol(
    eu: EuSystem, name: str, kind: Kind, secret: bytes, algorithm: str, now: Time64
) -> Credential:
    """Register a station at the EA and enrol it.

    Raises:
        RoadsealError: it was refused.
    """
    from roadseal.operate.pki.v2x.enrolment import ENROLMENT_SSP
    from roadseal.operate.pki.v2x.ledger import Station
    from roadseal.operate.pki.v2x.station import enrolment_request, read_response
    from roadseal.v2x import CertificateContents, Permission, SigningKey, service

    key = SigningKey.from_secret(algorithm, secret)
    canonical = SigningKey.generate("ecdsa-p256")  # stands for the key of the factory
    its_id = name.encode()
    permissions, fixed = _permissions(kind), kind is Kind.RSU
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
        raise refused(str(error)) from None
    outcome = eu.enrol(request.octets, now)
    if outcome.answer is None:
        raise refused(outcome.verdict)
    response = read_response(request, outcome.answer, eu.authorities(), now)
    if response.credential is None:
        raise refused(response.verdict)
    return response.credential


def tickets(
    eu: EuSystem, kind: Kind, enrolment: Credential, count: int, algorithm: str, now: Time64
) -> Iterator[Named]:
    """Get authorisation tickets, one after the other.

    Raises:
        RoadsealError: one was refused.
    """
    from roadseal.operate.pki.v2x.station import authorization_request, read_response
    from roadseal.v2x import CertificateContents, SigningKey

    for _ in range(count):
        secret = SigningKey.generate_secret(algorithm)
        contents = CertificateContents(
            start=now,
            duration=_lasting(_WEEK_H, eu.aa.credential, now),
            app_permissions=_permissions(kind),
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
            raise refused(str(error)) from None
        outcome = eu.ticket(request.octets, now)
        if outcome.answer is None:
            raise refused(outcome.verdict)
        response = read_response(request, outcome.answer, eu.authorities(), now)
        if response.credential is None:
            raise refused(response.verdict)
        credential = response.credential
        yield credential.hashed_id8.hex(), credential.certificate, secret


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


def _permissions(kind: Kind) -> tuple[Permission, ...]:
    from roadseal.v2x.permissions import EMERGENCY_VEHICLE, ROADSIDE_UNIT, VEHICLE

    by_kind = {Kind.VEHICLE: VEHICLE, Kind.EMERGENCY: EMERGENCY_VEHICLE, Kind.RSU: ROADSIDE_UNIT}
    return by_kind[kind]
