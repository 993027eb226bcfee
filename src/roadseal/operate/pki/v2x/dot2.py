"""The types of IEEE 1609.2 that the authorities' protocols are made of.

Source: IEEE 1609.2-2022 clauses 6.3 and 6.4; IEEE 1609.2a; ETSI TS 103 097 V2.1.1 clause 5.
"""

from __future__ import annotations

from typing import Final

from roadseal.operate.pki.v2x.coer import (
    Boolean,
    Choice,
    Deferred,
    Enumerated,
    Int32,
    Integer,
    Kept,
    Null,
    Octets,
    Only,
    Record,
    SequenceOf,
    Text,
    Type,
    Uint,
)

UINT8, UINT16, UINT32, UINT64 = Uint(1), Uint(2), Uint(4), Uint(8)
PSID = Integer(signed=False)
HASHED_ID3, HASHED_ID8, HASHED_ID10 = Octets(3), Octets(8), Octets(10)
BOOLEAN = Boolean()
HASH_ALGORITHM = Enumerated(("sha256", "sha384", "sm3"))


def _point(size: int, name: str) -> Choice:
    half = Octets(size)
    whole = Record({"x": half, "y": half})
    return Choice(
        {
            "x-only": half,
            "fill": Null(),
            "compressed-y-0": half,
            "compressed-y-1": half,
            name: whole,
        }
    )


POINT256, POINT384 = _point(32, "uncompressedP256"), _point(48, "uncompressedP384")
DURATION = Choice(
    dict.fromkeys(
        ("microseconds", "milliseconds", "seconds", "minutes", "hours", "sixtyHours", "years"),
        UINT16,
    )
)
VALIDITY_PERIOD = Record({"start": UINT32, "duration": DURATION})
TWO_D_LOCATION = Record({"latitude": Int32(), "longitude": Int32()})
IDENTIFIED_REGION = Choice(
    {
        "countryOnly": UINT16,
        "countryAndRegions": Record({"countryOnly": UINT16, "regions": SequenceOf(UINT8)}),
        "countryAndSubregions": Record(
            {
                "country": UINT16,
                "regionAndSubregions": SequenceOf(
                    Record({"region": UINT8, "subregions": SequenceOf(UINT16)})
                ),
            }
        ),
    }
)
GEOGRAPHIC_REGION = Choice(
    {
        "circularRegion": Record({"center": TWO_D_LOCATION, "radius": UINT16}),
        "rectangularRegion": SequenceOf(
            Record({"northWest": TWO_D_LOCATION, "southEast": TWO_D_LOCATION})
        ),
        "polygonalRegion": SequenceOf(TWO_D_LOCATION),
        "identifiedRegion": SequenceOf(IDENTIFIED_REGION),
    }
)
BITMAP_SSP_RANGE = Record({"sspValue": Octets(), "sspBitmask": Octets()})
PSID_SSP = Record({"psid": PSID, "ssp?": Choice({"opaque": Octets()}, {"bitmapSsp": Octets()})})
PSID_SSP_RANGE = Record(
    {
        "psid": PSID,
        "sspRange?": Choice(
            {"opaque": SequenceOf(Octets()), "all": Null()}, {"bitmapSspRange": BITMAP_SSP_RANGE}
        ),
    }
)
PSID_GROUP_PERMISSIONS = Record(
    {
        "subjectPermissions": Choice({"explicit": SequenceOf(PSID_SSP_RANGE), "all": Null()}),
        "minChainLength?": Integer(),
        "chainLengthRange?": Integer(),
        "eeType?": Octets(1),
    }
)
PUBLIC_ENCRYPTION_KEY = Record(
    {
        "supportedSymmAlg": Enumerated(("aes128Ccm", "sm4Ccm")),
        "publicKey": Choice(
            {"eciesNistP256": POINT256, "eciesBrainpoolP256r1": POINT256}, {"ecencSm2": POINT256}
        ),
    }
)
# The alternatives from fnDsa512 on are experimental: docs/wire-format.md.
PUBLIC_VERIFICATION_KEY = Choice(
    {"ecdsaNistP256": POINT256, "ecdsaBrainpoolP256r1": POINT256},
    {
        "ecdsaBrainpoolP384r1": POINT384,
        "ecdsaNistP384": POINT384,
        "ecsigSm2": POINT256,
        "fnDsa512": Octets(897),
        "mlDsa44": Octets(1312),
        "mlDsa65": Octets(1952),
        # In requests alone: a certificate has the second key in an extension.
        "ecdsaNistP256FnDsa512": Record({"ecdsaP256": POINT256, "fnDsa": Octets(897)}, {}),
    },
)
_SIGNATURE256 = Record({"rSig": POINT256, "sSig": Octets(32)})
_SIGNATURE384 = Record({"rSig": POINT384, "sSig": Octets(48)})
SIGNATURE = Choice(
    {"ecdsaNistP256Signature": _SIGNATURE256, "ecdsaBrainpoolP256r1Signature": _SIGNATURE256},
    {
        "ecdsaBrainpoolP384r1Signature": _SIGNATURE384,
        "ecdsaNistP384Signature": _SIGNATURE384,
        "sm2Signature": _SIGNATURE256,
        "fnDsa512Signature": Octets(666),
        "mlDsa44Signature": Octets(2420),
        "mlDsa65Signature": Octets(3309),
    },
)
LINKAGE_DATA = Record(
    {
        "iCert": UINT16,
        "linkage-value": Octets(9),
        "group-linkage-value?": Record({"jValue": Octets(4), "value": Octets(9)}),
    }
)
CERTIFICATE_ID = Choice(
    {"linkageData": LINKAGE_DATA, "name": Text(), "binaryId": Octets(), "none": Null()}
)
_VERIFICATION_INDICATOR = Choice(
    {"verificationKey": PUBLIC_VERIFICATION_KEY, "reconstructionValue": POINT256}
)
TO_BE_SIGNED_CERTIFICATE = Record(
    {
        "id": CERTIFICATE_ID,
        "cracaId": HASHED_ID3,
        "crlSeries": UINT16,
        "validityPeriod": VALIDITY_PERIOD,
        "region?": GEOGRAPHIC_REGION,
        "assuranceLevel?": Octets(1),
        "appPermissions?": SequenceOf(PSID_SSP),
        "certIssuePermissions?": SequenceOf(PSID_GROUP_PERMISSIONS),
        "certRequestPermissions?": SequenceOf(PSID_GROUP_PERMISSIONS),
        "canRequestRollover?": Null(),
        "encryptionKey?": PUBLIC_ENCRYPTION_KEY,
        "verifyKeyIndicator": _VERIFICATION_INDICATOR,
    },
    {},
)
CERTIFICATE = Record(
    {
        "version": Only(3),
        "type": Enumerated(("explicit", "implicit")),
        "issuer": Choice(
            {"sha256AndDigest": HASHED_ID8, "self": HASH_ALGORITHM},
            {"sha384AndDigest": HASHED_ID8, "sm3AndDigest": HASHED_ID8},
        ),
        "toBeSigned": TO_BE_SIGNED_CERTIFICATE,
        "signature?": SIGNATURE,
    }
)
KEPT_CERTIFICATE: Final[Type] = Kept(lambda: CERTIFICATE)
HASHED_DATA = Choice({"sha256HashedData": Octets(32)}, {"sha384HashedData": Octets(48)})
HEADER_INFO = Record(
    {
        "psid": PSID,
        "generationTime?": UINT64,
        "expiryTime?": UINT64,
        "generationLocation?": Record(
            {"latitude": Int32(), "longitude": Int32(), "elevation": UINT16}
        ),
        "p2pcdLearningRequest?": HASHED_ID3,
        "missingCrlIdentifier?": Record({"cracaId": HASHED_ID3, "crlSeries": UINT16}, {}),
        "encryptionKey?": Choice(
            {"public": PUBLIC_ENCRYPTION_KEY, "symmetric": Choice({"aes128Ccm": Octets(16)})}
        ),
    },
    {},
)
TO_BE_SIGNED_DATA = Record(
    {
        "payload": Record({"data?": Deferred(lambda: DATA), "extDataHash?": HASHED_DATA}, {}),
        "headerInfo": HEADER_INFO,
    }
)
SIGNED_DATA = Record(
    {
        "hashId": HASH_ALGORITHM,
        "tbsData": TO_BE_SIGNED_DATA,
        "signer": Choice(
            {"digest": HASHED_ID8, "certificate": SequenceOf(KEPT_CERTIFICATE), "self": Null()}
        ),
        "signature": SIGNATURE,
    }
)
_ENCRYPTED_KEY = Record({"v": POINT256, "c": Octets(16), "t": Octets(16)})
PK_RECIPIENT = Record(
    {
        "recipientId": HASHED_ID8,
        "encKey": Choice({"eciesNistP256": _ENCRYPTED_KEY, "eciesBrainpoolP256r1": _ENCRYPTED_KEY}),
    }
)
AES_CCM = Record({"nonce": Octets(12), "ccmCiphertext": Octets()})
ENCRYPTED_DATA = Record(
    {
        "recipients": SequenceOf(
            Choice(
                {
                    "pskRecipInfo": HASHED_ID8,
                    "symmRecipInfo": Record(
                        {"recipientId": HASHED_ID8, "encKey": Choice({"aes128ccm": AES_CCM})}
                    ),
                    "certRecipInfo": PK_RECIPIENT,
                    "signedDataRecipInfo": PK_RECIPIENT,
                    "rekRecipInfo": PK_RECIPIENT,
                }
            )
        ),
        "ciphertext": Choice({"aes128ccm": AES_CCM}),
    }
)
DATA: Final[Type] = Record(
    {
        "protocolVersion": Only(3),
        "content": Choice(
            {
                "unsecuredData": Octets(),
                "signedData": Deferred(lambda: SIGNED_DATA),
                "encryptedData": Deferred(lambda: ENCRYPTED_DATA),
                "signedCertificateRequest": Octets(),
            },
        ),
    }
)
KEPT_DATA: Final[Type] = Kept(lambda: DATA)
SYMMETRIC_KEY = Choice({"aes128Ccm": Octets(16)})
