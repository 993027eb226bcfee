"""Secured messages and certificates of IEEE 1609.2 and ETSI TS 103 097.

    >>> from roadseal.v2x import Header, sign, service
    >>> from roadseal.v2x.testing import Authority
    >>> authority = Authority("fn-dsa-512/pre1", now=700_000_000_000_000)
    >>> vehicle, verifier = authority.vehicle(), authority.verifier()
    >>> header = Header(psid=service.CAM, generation_time=700_000_001_000_000)
    >>> message = sign(b"here I am", header, vehicle, Identification.CERTIFICATE)
    >>> verifier.verify(message, at=700_000_001_050_000).overall
    'ok'

`Verifier` decides and never raises for what it receives; `sign` signs through a `Signer`;
`Inclusion`, `Anchors` and `fragments` bring certificates to those who lack them; `testing` has a
throw-away authority.
"""

from roadseal.v2x import service
from roadseal.v2x.anchor import Anchors, make_batch
from roadseal.v2x.certificate import (
    CertificateContents,
    Circle,
    Countries,
    Country,
    Credential,
    Duration,
    GroupPermissions,
    Permission,
    PermissionRange,
    Polygon,
    Rectangles,
    issue,
    self_signed,
)
from roadseal.v2x.delivery import DeliveryPolicy, Inclusion
from roadseal.v2x.fragment import Reassembler, fragments
from roadseal.v2x.message import Header, Identification, sign
from roadseal.v2x.policy import Policy
from roadseal.v2x.profile import MessageProfile, message_profile, message_profiles, profile_of
from roadseal.v2x.reason import Reason
from roadseal.v2x.signer import Signer, SigningKey
from roadseal.v2x.verifier import CertificateVerdict, Verdict, Verifier

__all__ = [
    "Anchors",
    "CertificateContents",
    "CertificateVerdict",
    "Circle",
    "Countries",
    "Country",
    "Credential",
    "DeliveryPolicy",
    "Duration",
    "GroupPermissions",
    "Header",
    "Identification",
    "Inclusion",
    "MessageProfile",
    "Permission",
    "PermissionRange",
    "Policy",
    "Polygon",
    "Reason",
    "Reassembler",
    "Rectangles",
    "Signer",
    "SigningKey",
    "Verdict",
    "Verifier",
    "fragments",
    "issue",
    "make_batch",
    "message_profile",
    "message_profiles",
    "profile_of",
    "self_signed",
    "service",
    "sign",
]
