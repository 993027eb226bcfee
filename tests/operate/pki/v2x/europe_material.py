"""A European hierarchy and a station to try it on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from roadseal.clock import Time64
from roadseal.events import EventLog
from roadseal.operate.pki.v2x.authorization import AuthorizationAuthority
from roadseal.operate.pki.v2x.enrolment import ENROLMENT_SSP, EnrolmentAuthority
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys, make_authority
from roadseal.operate.pki.v2x.ledger import Ledger, Station
from roadseal.operate.pki.v2x.points import generate_scalar, public_point
from roadseal.operate.pki.v2x.secured import trusting
from roadseal.operate.pki.v2x.tables import SCHEMA
from roadseal.store import open_store
from roadseal.v2x import CertificateContents, Duration, Permission, SigningKey, Verifier, service
from roadseal.v2x.testing import VEHICLE

NOW = Time64(700_000_000_000_000)
ITS_ID = b"rsu-0042"


@dataclass
class Europe:
    """A root, an EA, an AA, and a station that is registered."""

    root: AuthorityKeys
    ea_keys: AuthorityKeys
    aa_keys: AuthorityKeys
    ea: EnrolmentAuthority
    aa: AuthorizationAuthority
    authorities: Verifier
    canonical: SigningKey
    log: EventLog

    def credential_contents(self, **changes: object) -> CertificateContents:
        scalar = generate_scalar(0)
        values: dict[str, object] = {
            "start": NOW,
            "duration": Duration(6, 3),
            "name": "rsu-0042",
            "app_permissions": (Permission(service.CERTIFICATE_REQUEST, ENROLMENT_SSP),),
            "encryption_key": (0, public_point(0, scalar)),
        }
        return CertificateContents(**{**values, **changes})

    def ticket_contents(self, **changes: object) -> CertificateContents:
        values: dict[str, object] = {
            "start": NOW,
            "duration": Duration.hours(168),
            "app_permissions": VEHICLE[:2],
        }
        return CertificateContents(**{**values, **changes})


def europe(folder: Path | str, algorithm: str = "ecdsa-p256") -> Europe:
    store = open_store(str(folder), SCHEMA)
    root = make_authority("root", "root", algorithm, NOW)
    ea = make_authority("ea", "EA", algorithm, NOW, root=root.credential)
    aa = make_authority("aa", "AA", algorithm, NOW, root=root.credential)
    log = EventLog()
    authorities = trusting([root.certificate], [ea.certificate, aa.certificate])
    canonical = SigningKey.generate("ecdsa-p256")
    common = {"authorities": authorities, "random": os.urandom, "emit": log}
    enrolment = EnrolmentAuthority(ea.credential, ea.decrypting, Ledger(store, "ea"), **common)
    authorization = AuthorizationAuthority(
        aa.credential,
        aa.decrypting,
        Ledger(store, "aa"),
        enrolment_authorities={ea.credential.hashed_id8: ea.certificate},
        **common,
    )
    station = Station(ITS_ID, canonical.algorithm, canonical.public_key, VEHICLE)
    enrolment.ledger.enter(station)
    return Europe(root, ea, aa, enrolment, authorization, authorities, canonical, log)
