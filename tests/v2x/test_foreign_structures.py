"""Certificates and headers of every form, written by pycrate, are read as written."""

import random
from typing import Any

import pytest
from pycrate_asn1dir import ITS_IEEE1609_2
from pycrate_oracle import decode_certificate, decode_message

from roadseal._core import describe_certificate, describe_message

MODULE = ITS_IEEE1609_2.Ieee1609Dot2
DERIVED = {"bytes", "hashedId8", "canonical"}
POINTS = ("compressed-y-0", "compressed-y-1", "uncompressed")


class Draw:
    """Values of IEEE 1609.2, drawn; what stands at the ends of a range is drawn often."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def octets(self, least: int, most: int | None = None) -> bytes:
        return self.random.randbytes(self.random.randint(least, most or least))

    def number(self, least: int, most: int) -> int:
        return self.random.choice([least, most, self.random.randint(least, most)])

    def some(self, made: Any, least: int = 0, most: int = 3) -> list[Any]:
        return [made() for _ in range(self.random.randint(least, most))]

    def optional(self, **fields: Any) -> dict[str, Any]:
        return {name: made() for name, made in fields.items() if self.random.random() < 0.5}

    def place(self) -> dict[str, int]:
        latitude = self.random.choice([900_000_001, self.number(-900_000_000, 900_000_000)])
        longitude = self.number(-1_799_999_999, 1_800_000_001)
        return {"latitude": latitude, "longitude": longitude}

    def point(self, size: int, *, alone: bool = False) -> tuple[str, Any]:
        form = self.random.choice([*POINTS, "x-only"] if alone else POINTS)
        if form != "uncompressed":
            return form, self.octets(size)
        name = "uncompressedP256" if size == 32 else "uncompressedP384"
        return name, {"x": self.octets(size), "y": self.octets(size)}

    def curve(self) -> tuple[str, int]:
        curves = [("NistP256", 32), ("BrainpoolP256r1", 32), ("BrainpoolP384r1", 48)]
        return self.random.choice(curves)

    def signature(self) -> tuple[str, Any]:
        curve, size = self.curve()
        parts = {"rSig": self.point(size, alone=True), "sSig": self.octets(size)}
        return f"ecdsa{curve}Signature", parts

    def encryption_key(self) -> dict[str, Any]:
        curve = self.random.choice(["eciesNistP256", "eciesBrainpoolP256r1"])
        return {"supportedSymmAlg": "aes128Ccm", "publicKey": (curve, self.point(32))}

    def country(self) -> tuple[str, Any]:
        code = self.number(0, 65_535)
        regions = {"countryOnly": code, "regions": self.some(lambda: self.number(0, 255))}

        def part() -> dict[str, Any]:
            subregions = self.some(lambda: self.number(0, 65_535))
            return {"region": self.number(0, 255), "subregions": subregions}

        parts = {"country": code, "regionAndSubregions": self.some(part)}
        return self.random.choice(
            [
                ("countryOnly", code),
                ("countryAndRegions", regions),
                ("countryAndSubregions", parts),
            ]
        )

    def region(self) -> tuple[str, Any]:
        def rectangle() -> dict[str, Any]:
            return {"northWest": self.place(), "southEast": self.place()}

        circle = {"center": self.place(), "radius": self.number(0, 65_535)}
        return self.random.choice(
            [
                ("circularRegion", circle),
                ("rectangularRegion", self.some(rectangle)),
                ("polygonalRegion", self.some(self.place, 3, 6)),
                ("identifiedRegion", self.some(self.country)),
            ]
        )

    def permission(self) -> dict[str, Any]:
        def ssp() -> tuple[str, bytes]:
            return self.random.choice(
                [("opaque", self.octets(0, 200)), ("bitmapSsp", self.octets(0, 31))]
            )

        return {"psid": self.psid(), **self.optional(ssp=ssp)}

    def psid(self) -> int:
        return self.random.choice([0, 0x20, 0x82, 0x204097, 2**32 - 1, 2**64 - 1])

    def group(self) -> dict[str, Any]:
        def ssp_range() -> tuple[str, Any]:
            pattern = {"sspValue": self.octets(1, 32), "sspBitmask": self.octets(1, 32)}
            listed = self.some(lambda: self.octets(0, 9))
            return self.random.choice([("opaque", listed), ("all", 0), ("bitmapSspRange", pattern)])

        def subject() -> dict[str, Any]:
            return {"psid": self.psid(), **self.optional(sspRange=ssp_range)}

        subjects = self.random.choice([("all", 0), ("explicit", self.some(subject))])
        more = self.optional(
            minChainLength=lambda: self.random.choice([-1, 0, 2, 127, 128, 40_000]),
            chainLengthRange=lambda: self.random.choice([-1, 1, 200]),
            eeType=lambda: (self.random.choice([0x40, 0xC0]), 8),
        )
        return {"subjectPermissions": subjects, **more}

    def name(self) -> tuple[str, Any]:
        def group() -> dict[str, bytes]:
            return {"jValue": self.octets(4), "value": self.octets(9)}

        linked = {"iCert": self.number(0, 65_535), "linkage-value": self.octets(9)}
        linked |= self.optional(**{"group-linkage-value": group})
        return self.random.choice(
            [
                ("linkageData", linked),
                ("name", self.random.choice(["", "Ort ß", "x" * 255])),
                ("binaryId", self.octets(1, 64)),
                ("none", 0),
            ]
        )

    def certificate(self) -> dict[str, Any]:
        implicit = self.random.random() < 0.3
        curve, size = self.curve()
        unit = self.random.choice(
            ["microseconds", "milliseconds", "seconds", "minutes", "hours", "sixtyHours", "years"]
        )
        validity = {
            "start": self.number(0, 2**32 - 1),
            "duration": (unit, self.number(0, 65_535)),
        }
        to_be_signed = {
            "id": self.name(),
            "cracaId": self.octets(3),
            "crlSeries": self.number(0, 65_535),
            "validityPeriod": validity,
            "verifyKeyIndicator": ("reconstructionValue", self.point(32))
            if implicit
            else ("verificationKey", (f"ecdsa{curve}", self.point(size))),
            **self.optional(
                region=self.region,
                assuranceLevel=lambda: self.octets(1),
                appPermissions=lambda: self.some(self.permission),
                certIssuePermissions=lambda: self.some(self.group),
                certRequestPermissions=lambda: self.some(self.group),
                canRequestRollover=lambda: 0,
                encryptionKey=self.encryption_key,
            ),
        }
        issuer = self.random.choice(
            [
                ("sha256AndDigest", self.octets(8)),
                ("sha384AndDigest", self.octets(8)),
                ("self", self.random.choice(["sha256", "sha384"])),
            ]
        )
        kind = "implicit" if implicit else "explicit"
        signature = {} if implicit else {"signature": self.signature()}
        return {
            "version": 3,
            "type": kind,
            "issuer": issuer,
            "toBeSigned": to_be_signed,
            **signature,
        }

    def header(self) -> dict[str, Any]:
        def time() -> int:
            return self.number(0, 2**64 - 1)

        fields = self.optional(
            generationTime=time,
            expiryTime=time,
            generationLocation=lambda: {**self.place(), "elevation": self.number(0, 65_535)},
            p2pcdLearningRequest=lambda: self.octets(3),
            missingCrlIdentifier=lambda: {
                "cracaId": self.octets(3),
                "crlSeries": self.number(0, 65_535),
            },
            encryptionKey=lambda: self.random.choice(
                [
                    ("public", self.encryption_key()),
                    ("symmetric", ("aes128Ccm", self.octets(16))),
                ]
            ),
            inlineP2pcdRequest=lambda: self.some(lambda: self.octets(3), 1, 4),
            requestedCertificate=self.certificate,
            pduFunctionalType=lambda: self.number(0, 255),
        )
        return {"psid": self.psid(), **fields}

    def message(self) -> dict[str, Any]:
        payload = {
            "data": {"protocolVersion": 3, "content": ("unsecuredData", self.octets(0, 300))}
        }
        signed = {
            "hashId": self.random.choice(["sha256", "sha384"]),
            "tbsData": {"payload": payload, "headerInfo": self.header()},
            "signer": ("digest", self.octets(8)),
            "signature": self.signature(),
        }
        return {"protocolVersion": 3, "content": ("signedData", signed)}


def written(kind: Any, value: dict[str, Any]) -> bytes:
    kind.set_val(value)
    return bytes(kind.to_coer())


def without_derived(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: without_derived(value) for key, value in tree.items() if key not in DERIVED}
    return [without_derived(each) for each in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("seed", range(150))
def test_a_certificate_of_any_form_is_read_as_written(seed: int) -> None:
    octets = written(MODULE.Certificate, Draw(seed).certificate())
    assert without_derived(describe_certificate(octets)) == decode_certificate(octets)


@pytest.mark.parametrize("seed", range(150))
def test_a_header_of_any_form_is_read_as_written(seed: int) -> None:
    octets = written(MODULE.Ieee1609Dot2Data, Draw(seed).message())
    assert without_derived(describe_message(octets)) == decode_message(octets)


def extended(additions: dict[int, bytes]) -> bytes:
    """A message whose header has these extension additions, and the length of each below 128."""
    bitmap = sum(0x80 >> index for index in additions)
    header = bytes([0x80, 1, 0x24, 2, 0, bitmap])
    header += b"".join(bytes([len(content)]) + content for content in additions.values())
    signature = bytes([0x80, 0x80]) + bytes(64)
    payload = bytes([0x40, 3, 0x80, 1, 0x61])
    return b"\x03\x81\x00" + payload + header + b"\x80" + bytes(8) + signature


def test_contributed_extensions_are_shown_by_contributor() -> None:
    # Two blocks: ETSI's (2) with one extension, another's (200) with two.
    content = bytes([1, 2, 2, 1, 1, 2, 7, 7, 200, 1, 2, 1, 9, 0])
    header = describe_message(extended({3: content}))["headerInfo"]
    assert header["contributedExtensions"] == [
        {"contributorId": 2, "extensions": ["0707"]},
        {"contributorId": 200, "extensions": ["09", ""]},
    ]
    assert "unknownExtensions" not in header


def test_extensions_that_nobody_knows_are_kept_and_shown() -> None:
    header = describe_message(extended({2: b"\x05", 3: b"\xff", 6: b"\x01\x02"}))["headerInfo"]
    assert header["pduFunctionalType"] == 5
    assert header["unknownExtensions"] == [
        {"index": 3, "content": "ff"},  # not what contributed extensions look like
        {"index": 6, "content": "0102"},
    ]
