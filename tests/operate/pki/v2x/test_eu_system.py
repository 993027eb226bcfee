"""A European system on one store: whom its authorities believe."""

from __future__ import annotations

import os
from pathlib import Path

from europe_material import ITS_ID, NOW

from roadseal.events import EventLog
from roadseal.operate.pki.v2x import EuSystem, create_eu, open_eu
from roadseal.operate.pki.v2x.authorization import Pending
from roadseal.operate.pki.v2x.enrolment import ENROLMENT_SSP
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Station
from roadseal.operate.pki.v2x.station import (
    Request,
    authorization_request,
    enrolment_request,
    read_response,
)
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.store import open_store
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Permission,
    SigningKey,
    service,
)
from roadseal.v2x.testing import VEHICLE


def opened(folder: Path, *, create: bool = False) -> EuSystem:
    store = open_store(folder / "eu.db", SCHEMA)
    keyring = Keyring(store, lambda: b"correct horse", os.urandom)
    if create:
        create_eu(keyring, NOW)
    return open_eu(store, keyring, random=os.urandom, emit=EventLog())


def enrolled(eu: EuSystem) -> Credential:
    canonical, key = SigningKey.generate("ecdsa-p256"), SigningKey.generate("ecdsa-p256")
    eu.ea.ledger.enter(Station(ITS_ID, canonical.algorithm, canonical.public_key, VEHICLE))
    contents = CertificateContents(
        start=NOW,
        duration=Duration(6, 3),
        app_permissions=(Permission(service.CERTIFICATE_REQUEST, ENROLMENT_SSP),),
    )
    ea = eu.keys["eu-ea"].certificate
    request = enrolment_request(ITS_ID, contents, key, canonical, ea, NOW, os.urandom)
    answer = eu.enrol(request.octets, NOW).answer
    return read_response(request, answer, eu.authorities(), NOW).credential


def ask_ticket(eu: EuSystem, enrolment: Credential) -> Request:
    contents = CertificateContents(
        start=NOW, duration=Duration.hours(168), app_permissions=VEHICLE[:2]
    )
    return authorization_request(
        contents,
        SigningKey.generate("ecdsa-p256"),
        enrolment,
        eu.keys["eu-ea"].certificate,
        eu.keys["eu-aa"].certificate,
        NOW,
        os.urandom,
    )


def test_a_revoked_aa_is_served_no_more(tmp_path: Path) -> None:
    eu = opened(tmp_path, create=True)
    other = opened(tmp_path)  # another process that serves the same store
    enrolment = enrolled(eu)
    assert eu.ticket(ask_ticket(eu, enrolment).octets, NOW).verdict == "ok"
    eu.revoke_authority(eu.keys["eu-aa"].credential.hashed_id8)
    for system in (eu, other, opened(tmp_path)):
        pending = system.aa.request(ask_ticket(eu, enrolment).octets, NOW)
        assert isinstance(pending, Pending)
        outcome = system.enrol(pending.message, NOW)
        assert (outcome.verdict, outcome.reason) == ("invalidaa", "revoked")
        assert system.ticket(ask_ticket(eu, enrolment).octets, NOW).certificate is None


def test_a_revoked_ea_is_not_believed(tmp_path: Path) -> None:
    eu = opened(tmp_path, create=True)
    enrolment = enrolled(eu)
    eu.revoke_authority(eu.keys["eu-ea"].credential.hashed_id8)
    outcome = eu.ticket(ask_ticket(eu, enrolment).octets, NOW)
    assert (outcome.verdict, outcome.certificate) == ("its-aa-invalidea", None)
