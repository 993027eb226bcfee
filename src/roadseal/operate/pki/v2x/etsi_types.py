"""The messages of ETSI TS 102 941 V2.2.1 between stations and authorities, and its lists.

Source: TS 102 941 V2.2.1 annex A, as published on ETSI's forge.
"""

from __future__ import annotations

from typing import Final

from roadseal.operate.pki.v2x.coer import (
    Choice,
    Enumerated,
    Integer,
    Kept,
    Octets,
    Only,
    Record,
    SequenceOf,
    Text,
    Type,
    Uint,
)
from roadseal.operate.pki.v2x.dot2 import (
    BOOLEAN,
    CERTIFICATE_ID,
    GEOGRAPHIC_REGION,
    HASHED_ID8,
    KEPT_CERTIFICATE,
    KEPT_DATA,
    PSID_GROUP_PERMISSIONS,
    PSID_SSP,
    PUBLIC_ENCRYPTION_KEY,
    PUBLIC_VERIFICATION_KEY,
    UINT32,
    VALIDITY_PERIOD,
)

ENROLMENT_CODES: Final = (
    "ok",
    "cantparse",
    "badcontenttype",
    "imnottherecipient",
    "unknownencryptionalgorithm",
    "decryptionfailed",
    "unknownits",
    "invalidsignature",
    "invalidencryptionkey",
    "baditsstatus",
    "incompleterequest",
    "deniedpermissions",
    "invalidkeys",
    "deniedrequest",
)
AUTHORIZATION_CODES: Final = (
    "ok",
    "its-aa-cantparse",
    "its-aa-badcontenttype",
    "its-aa-imnottherecipient",
    "its-aa-unknownencryptionalgorithm",
    "its-aa-decryptionfailed",
    "its-aa-keysdontmatch",
    "its-aa-incompleterequest",
    "its-aa-invalidencryptionkey",
    "its-aa-outofsyncrequest",
    "its-aa-unknownea",
    "its-aa-invalidea",
    "its-aa-deniedpermissions",
    "aa-ea-cantreachea",
    "ea-aa-cantparse",
    "ea-aa-badcontenttype",
    "ea-aa-imnottherecipient",
    "ea-aa-unknownencryptionalgorithm",
    "ea-aa-decryptionfailed",
    "invalidaa",
    "invalidaasignature",
    "wrongea",
    "unknownits",
    "invalidsignature",
    "invalidencryptionkey",
    "deniedpermissions",
    "deniedtoomanycerts",
)
VALIDATION_CODES: Final = (
    "ok",
    "cantparse",
    "badcontenttype",
    "imnottherecipient",
    "unknownencryptionalgorithm",
    "decryptionfailed",
    "invalidaa",
    "invalidaasignature",
    "wrongea",
    "unknownits",
    "invalidsignature",
    "invalidencryptionkey",
    "deniedpermissions",
    "deniedtoomanycerts",
    "deniedrequest",
)

_URL = Text("ascii")
_VERSION = Integer()
PUBLIC_KEYS = Record(
    {"verificationKey": PUBLIC_VERIFICATION_KEY, "encryptionKey?": PUBLIC_ENCRYPTION_KEY}
)
SUBJECT_ATTRIBUTES = Record(
    {
        "id?": CERTIFICATE_ID,
        "validityPeriod?": VALIDITY_PERIOD,
        "region?": GEOGRAPHIC_REGION,
        "assuranceLevel?": Octets(1),
        "appPermissions?": SequenceOf(PSID_SSP),
        "certIssuePermissions?": SequenceOf(PSID_GROUP_PERMISSIONS),
    },
    {},
)
INNER_EC_REQUEST = Record(
    {
        "itsId": Octets(),
        "certificateFormat": Uint(1),
        "publicKeys": PUBLIC_KEYS,
        "requestedSubjectAttributes": SUBJECT_ATTRIBUTES,
    },
    {},
)


def _response(codes: tuple[str, ...]) -> Record:
    return Record(
        {
            "requestHash": Octets(16),
            "responseCode": Enumerated(codes),
            "certificate?": KEPT_CERTIFICATE,
        },
        {},
    )


SHARED_AT_REQUEST = Record(
    {
        "eaId": HASHED_ID8,
        "keyTag": Octets(16),
        "certificateFormat": Uint(1),
        "requestedSubjectAttributes": SUBJECT_ATTRIBUTES,
    },
    {},
)
KEPT_SHARED: Final[Type] = Kept(lambda: SHARED_AT_REQUEST)
EC_SIGNATURE = Choice({"encryptedEcSignature": KEPT_DATA, "ecSignature": KEPT_DATA})
INNER_AT_REQUEST = Record(
    {
        "publicKeys": PUBLIC_KEYS,
        "hmacKey": Octets(32),
        "sharedAtRequest": KEPT_SHARED,
        "ecSignature": EC_SIGNATURE,
    },
    {},
)
VALIDATION_REQUEST = Record({"sharedAtRequest": KEPT_SHARED, "ecSignature": EC_SIGNATURE}, {})
VALIDATION_RESPONSE = Record(
    {
        "requestHash": Octets(16),
        "responseCode": Enumerated(VALIDATION_CODES),
        "confirmedSubjectAttributes?": SUBJECT_ATTRIBUTES,
    },
    {},
)
TO_BE_SIGNED_CRL = Record(
    {
        "version": _VERSION,
        "thisUpdate": UINT32,
        "nextUpdate": UINT32,
        "entries": SequenceOf(HASHED_ID8),
    },
    {},
)
CTL_ENTRY = Choice(
    {
        "rca": Record({"selfsignedRootCa": KEPT_CERTIFICATE, "successorTo?": KEPT_CERTIFICATE}),
        "ea": Record(
            {"eaCertificate": KEPT_CERTIFICATE, "aaAccessPoint": _URL, "itsAccessPoint?": _URL}
        ),
        "aa": Record({"aaCertificate": KEPT_CERTIFICATE, "accessPoint": _URL}),
        "dc": Record({"url": _URL, "cert": SequenceOf(HASHED_ID8)}),
        "tlm": Record(
            {
                "selfSignedTLMCertificate": KEPT_CERTIFICATE,
                "successorTo?": KEPT_CERTIFICATE,
                "accessPoint": _URL,
            }
        ),
    }
)
CTL_FORMAT = Record(
    {
        "version": _VERSION,
        "nextUpdate": UINT32,
        "isFullCtl": BOOLEAN,
        "ctlSequence": Uint(1),
        "ctlCommands": SequenceOf(
            Choice({"add": CTL_ENTRY, "delete": Choice({"cert": HASHED_ID8, "dc": _URL})})
        ),
    },
    {},
)
ETSI_DATA = Record(
    {
        "version": Only(1),
        "content": Choice(
            {
                "enrolmentRequest": KEPT_DATA,
                "enrolmentResponse": _response(ENROLMENT_CODES),
                "authorizationRequest": INNER_AT_REQUEST,
                "authorizationResponse": _response(AUTHORIZATION_CODES),
                "certificateRevocationList": TO_BE_SIGNED_CRL,
                "certificateTrustListTlm": CTL_FORMAT,
                "certificateTrustListRca": CTL_FORMAT,
                "authorizationValidationRequest": VALIDATION_REQUEST,
                "authorizationValidationResponse": VALIDATION_RESPONSE,
                "caCertificateRequest": Record(
                    {"publicKeys": PUBLIC_KEYS, "requestedSubjectAttributes": SUBJECT_ATTRIBUTES},
                    {},
                ),
            }
        ),
    }
)
"""`EtsiTs102941Data`, whatever it carries."""
