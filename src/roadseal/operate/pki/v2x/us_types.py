"""Messages of IEEE 1609.2.1 between devices and authorities, and the revocation lists of 1609.2.

Only what the original butterfly needs: unified butterfly keys are recognised and refused (ADR 11).

Source: IEEE 1609.2.1-2022 clause 7, as Bouncy Castle's templates and asnjs's types show it;
IEEE 1609.2-2022 clause 7.3 for the lists.
"""

from __future__ import annotations

from typing import Final

from roadseal.operate.pki.v2x.coer import (
    Choice,
    Enumerated,
    Kept,
    Null,
    Octets,
    Only,
    Record,
    SequenceOf,
    Text,
)
from roadseal.operate.pki.v2x.dot2 import (
    HASH_ALGORITHM,
    HASHED_ID8,
    HASHED_ID10,
    KEPT_CERTIFICATE,
    KEPT_DATA,
    PUBLIC_ENCRYPTION_KEY,
    SIGNATURE,
    TO_BE_SIGNED_CERTIFICATE,
    UINT8,
    UINT16,
    UINT32,
)

SECURITY_MANAGEMENT: Final = 0x23
"""The PSID of messages between devices and authorities."""

CRL_PSID: Final = 0x100

_VERSION = Only(2)
_TYPE = Enumerated(("explicit", "implicit"))
_NONE = Null()
_EXPANSION = Choice({"aes128": Octets(16)})
EE_ECA_REQUEST = Record(
    {
        "version": _VERSION,
        "generationTime": UINT32,
        "type": _TYPE,
        "tbsCert": TO_BE_SIGNED_CERTIFICATE,
        "canonicalId?": Text("ascii"),
    },
    {},
)
ECA_EE_RESPONSE = Record(
    {
        "version": _VERSION,
        "requestHash": HASHED_ID8,
        "ecaCertChain": SequenceOf(KEPT_CERTIFICATE),
        "certificate": KEPT_CERTIFICATE,
        "privateKeyInfo?": Octets(32),
    },
    {},
)
EE_RA_REQUEST = Record(
    {
        "version": _VERSION,
        "generationTime": UINT32,
        "type": _TYPE,
        "tbsCert": TO_BE_SIGNED_CERTIFICATE,
        "additionalParams?": Choice(
            {
                "original": Record(
                    {
                        "signingExpansion": _EXPANSION,
                        "encryptionKey": PUBLIC_ENCRYPTION_KEY,
                        "encryptionExpansion": _EXPANSION,
                    }
                ),
                "unified": _EXPANSION,
                "compactUnified": _EXPANSION,
                "encryptionKey": PUBLIC_ENCRYPTION_KEY,
            }
        ),
    },
    {},
)
RA_EE_ACK = Record(
    {
        "version": _VERSION,
        "generationTime": UINT32,
        "requestHash": HASHED_ID8,
        "firstI?": UINT16,
        "nextDlTime": UINT32,
    },
    {},
)
DOWNLOAD_REQUEST = Record({"generationTime": UINT32, "filename": Text()}, {})
ENCRYPTED_PLV = Record({"version": _VERSION, "laId": Octets(2), "encPlv": KEPT_DATA})
RA_ACA_REQUEST = Record(
    {
        "version": _VERSION,
        "generationTime": UINT32,
        "type": _TYPE,
        "flags": UINT8,  # bit 0 (128): butterflyExplicit, bit 1: useCubk
        "linkageInfo?": Record({"encPlv1": ENCRYPTED_PLV, "encPlv2": ENCRYPTED_PLV}, {}),
        "certEncKey?": PUBLIC_ENCRYPTION_KEY,
        "tbsCert": TO_BE_SIGNED_CERTIFICATE,
    },
    {},
)
ACA_EE_RESPONSE = Record(
    {
        "version": _VERSION,
        "generationTime": UINT32,
        "certificate": KEPT_CERTIFICATE,
        "privateKeyInfo?": Octets(32),
    },
    {},
)
ACA_RA_RESPONSE = Record(
    {
        "version": _VERSION,
        "generationTime": UINT32,
        "requestHash": HASHED_ID8,
        "acaResponse": Choice({"plain": KEPT_DATA, "private": KEPT_DATA, "cubk": KEPT_DATA}),
    },
    {},
)
SCMS_PDU = Record(
    {
        "version": _VERSION,
        "content": Choice(
            {
                "aca-ee": Choice({"acaEeCertResponse": ACA_EE_RESPONSE}),
                "aca-la": _NONE,
                "aca-ma": _NONE,
                "aca-ra": Choice(
                    {"raAcaCertRequest": RA_ACA_REQUEST, "acaRaCertResponse": ACA_RA_RESPONSE}
                ),
                "cert": _NONE,
                "eca-ee": Choice(
                    {"eeEcaCertRequest": EE_ECA_REQUEST, "ecaEeCertResponse": ECA_EE_RESPONSE}
                ),
                "ee-ma": _NONE,
                "ee-ra": Choice(
                    {
                        "eeRaCertRequest": EE_RA_REQUEST,
                        "raEeCertAck": RA_EE_ACK,
                        "raEeCertInfo": _NONE,
                        "eeRaDownloadRequest": DOWNLOAD_REQUEST,
                        "eeRaSuccessorEnrollmentCertRequest": KEPT_DATA,
                    }
                ),
            }
        ),
    }
)
SIGNED_REQUEST = Record(
    {
        "hashId": HASH_ALGORITHM,
        "tbsRequest": Kept(lambda: SCMS_PDU),
        "signer": Choice(
            {"digest": HASHED_ID8, "certificate": SequenceOf(KEPT_CERTIFICATE), "self": Null()}
        ),
        "signature": SIGNATURE,
    }
)
_SEED = Octets(16)
_HASH_CRL = Record(
    {
        "crlSerial": UINT32,
        "entries": SequenceOf(Record({"id": HASHED_ID10, "expiry": UINT32}, {})),
    },
    {},
)
_INDIVIDUAL = SequenceOf(
    Record(
        {
            "jmax": UINT8,
            "contents": SequenceOf(
                Record(
                    {
                        "la1Id": Octets(2),
                        "la2Id": Octets(2),
                        "contents": SequenceOf(
                            Record(
                                {
                                    "iMax": UINT16,
                                    "contents": SequenceOf(
                                        Record({"linkageSeed1": _SEED, "linkageSeed2": _SEED}, {})
                                    ),
                                },
                                {"singleSeed": SequenceOf(_SEED)},
                            )
                        ),
                    },
                    {},
                )
            ),
        },
        {},
    )
)
_GROUPS = SequenceOf(
    Record(
        {
            "iMax": UINT16,
            "la1Id": Octets(2),
            "linkageSeed1": _SEED,
            "la2Id": Octets(2),
            "linkageSeed2": _SEED,
        },
        {},
    )
)
_LINKED_CRL = Record(
    {"iRev": UINT16, "indexWithinI": UINT8, "individual?": _INDIVIDUAL, "groups?": _GROUPS},
    {},
)
CRL_CONTENTS = Record(
    {
        "version": Only(1),
        "crlSeries": UINT16,
        "crlCraca": HASHED_ID8,
        "issueDate": UINT32,
        "nextCrl": UINT32,
        "priorityInfo": Record({"priority?": UINT8}, {}),
        "typeSpecific": Choice(
            {
                "fullHashCrl": _HASH_CRL,
                "deltaHashCrl": _HASH_CRL,
                "fullLinkedCrl": _LINKED_CRL,
                "deltaLinkedCrl": _LINKED_CRL,
            }
        ),
    }
)
_ROLES: Final = (
    *("elector", "root", "pg", "ica", "eca", "aca", "crl"),
    *("dcm", "la", "lop", "ma", "ra", "ee"),
)
_BASE_SSP = Record({"version": UINT8}, {})


def scms_ssp(role: str) -> bytes:
    """`ScmsSsp`: what a certificate says its holder is, for the PSID of security management."""
    return bytes([0x80 | _ROLES.index(role)]) + _BASE_SSP.encode({"version": 2})


CRL_SSP = Record(
    {
        "version": Only(1),
        "associatedCraca": Enumerated(("isCraca", "issuerIsCraca")),
        "crls": SequenceOf(UINT16),
    },
    {},
)
"""What a certificate says that may sign lists: whose, and which series."""
