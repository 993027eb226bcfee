"""The 105 certificates of the ETSI TS.ITS conformance suite, and the EU's trust list manager."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
from functools import cache
from typing import Any

import pytest
from pycrate_oracle import decode_certificate
from v2x_material import etsi_certificates, material

from roadseal._core import certificate_digest, describe_certificate
from roadseal.v2x import Policy, Verifier

AIDS = {
    "CAM": 36,
    "DENM": 37,
    "SPAT": 137,
    "MAP": 138,
    "IVI": 139,
    "SREM": 140,
    "GN-MGMT": 141,
    "CRL": 622,
    "CRT-REQ": 623,
    "CTL": 624,
    "SSEM": 637,
    "GPC": 540802,
}

DERIVED = ("bytes", "canonical", "hashedId8")
"""What Roadseal computes of a certificate, beside what it reads."""

IVI_TOO_LONG = (
    "IVI SSP of seven octets sets bits of the sixth that the AA's mask (…07) fixes to zero"
)
ENROLMENT_ONLY = (
    "its EA hands on permissions for certificate requests below itself (chain length 1) where the "
    "root allows them for the EA alone (chain length 1 below the root)"
)
CHAIN_NOT_OK = {
    "CERT_IUT_C3_AA": ("outside_region", "its rectangle touches the root's in one corner only"),
    "CERT_IUT_A_C3_AT": ("outside_region", "issued by CERT_IUT_C3_AA"),
    "CERT_IUT_CA3_AT": ("outside_region", "issued by CERT_IUT_C3_AA"),
    "CERT_IUT_C1_AT": ("outside_region", "its rectangle lies outside that of CERT_IUT_CC_AA"),
    "CERT_IUT_IVI_SSP_ISO14823_5_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_IVI_SSP_ISO14823_6_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_IVI_SSP_LC_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_IVI_SSP_LS_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_IVI_SSP_NEG_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_IVI_SSP_RCC_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_IVI_SSP_SAEJ2540_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_IVI_SSP_TC_AT": ("ssp_mismatch", IVI_TOO_LONG),
    "CERT_IUT_RTCM_SSP_NONE_AT": ("psid_not_permitted", "the AA may not give PSID 540802 (GPC)"),
    "CERT_TS_AA_AUTHVAL_RCV_02_BI_02": ("ssp_mismatch", "SSP version 2 where the root gives 1"),
    "CERT_TS_A_EA": ("psid_not_permitted", ENROLMENT_ONLY),
    "CERT_TS_A_EA_AA_AUTHVAL_RCV_02_BI_01": ("psid_not_permitted", ENROLMENT_ONLY),
    "CERT_TS_A_EA_AA_AUTHVAL_RCV_02_BI_02": ("ssp_mismatch", "SSP version 2, the root gives 1"),
    "CERT_TS_A_EA_AA_AUTHVAL_RCV_02_BI_03": ("psid_not_permitted", ENROLMENT_ONLY),
    "CERT_TS_A_EC": ("psid_not_permitted", "issued by CERT_TS_A_EA"),
    "CERT_TS_EC_ENR_RCV_02_BI_01": ("psid_not_permitted", "issued by CERT_TS_A_EA"),
    "CERT_TS_EC_ENR_RCV_02_BI_02": ("psid_not_permitted", "issued by CERT_TS_A_EA"),
    "CERT_TS_EC_ENR_RCV_02_BI_03": ("psid_not_permitted", "issued by CERT_TS_A_EA"),
}


@cache
def trees() -> dict[str, dict[str, Any]]:
    return {name: describe_certificate(octets) for name, octets in etsi_certificates().items()}


@cache
def verifier() -> Verifier:
    made = Verifier(Policy(), 1)
    roots = [name for name, tree in trees().items() if "self" in tree["issuer"]]
    assert [made.add_root(etsi_certificates()[name]) for name in roots] == ["ok", "ok"]
    made.add_certificates(list(etsi_certificates().values()))
    return made


def test_every_signature_holds_along_its_chain() -> None:
    assert len(etsi_certificates()) == 105
    verdicts = [verifier().look_into(octets) for octets in etsi_certificates().values()]
    assert [verdict.signature for verdict in verdicts] == ["ok"] * 105


def test_exactly_the_chains_that_break_the_rules_are_refused() -> None:
    """The suite has certificates that a receiver must refuse; each with the rule it breaks."""
    chains = {
        name: verifier().look_into(octets).chain for name, octets in etsi_certificates().items()
    }
    refused = {name: chain for name, chain in chains.items() if chain != "ok"}
    assert refused == {name: reason for name, (reason, _) in CHAIN_NOT_OK.items()}
    assert len(refused) == 22


def test_why_the_refused_ones_are_refused() -> None:
    """The reasons above, read from the certificates themselves."""
    ids = {tree["hashedId8"]: name for name, tree in trees().items()}

    def issuer_of(name: str) -> str:
        return ids[trees()[name]["issuer"]["sha256AndDigest"]]

    for name, (reason, why) in CHAIN_NOT_OK.items():
        if why.startswith("issued by "):
            assert issuer_of(name) == why.removeprefix("issued by ")
            assert CHAIN_NOT_OK[issuer_of(name)][0] == reason
        elif why is IVI_TOO_LONG:
            groups = trees()[issuer_of(name)]["certIssuePermissions"]
            given = {s["psid"]: s for group in groups for s in group["subjectPermissions"]}[139]
            mask = bytes.fromhex(given["sspBitmask"])
            permissions = {p["psid"]: p for p in trees()[name]["appPermissions"]}
            ssp = bytes.fromhex(permissions[139]["bitmapSsp"])
            assert mask[5] == 0x07
            assert len(ssp) == 7
            assert any(bit & fixed for bit, fixed in zip(ssp[1:6], mask[1:], strict=True))
        elif why is ENROLMENT_ONLY:
            handed = [g for g in trees()[name]["certIssuePermissions"] if 623 in psids(g)]
            given = [g for g in trees()[issuer_of(name)]["certIssuePermissions"] if 623 in psids(g)]
            assert [g["minChainLength"] for g in handed] == [1]
            assert [(g["minChainLength"], g["chainLengthRange"]) for g in given] == [(1, 0)]


def psids(group: dict[str, Any]) -> set[int]:
    return {subject["psid"] for subject in group["subjectPermissions"]}


def test_each_is_read_as_pycrate_reads_it() -> None:
    for name, octets in etsi_certificates().items():
        tree = {k: v for k, v in trees()[name].items() if k not in DERIVED}
        assert tree == decode_certificate(octets), name
        assert trees()[name]["bytes"] == len(octets)


def test_each_is_named_by_the_hash_of_its_canonical_form() -> None:
    """Twelve of them carry their key uncompressed; their names are of the compressed form."""
    uncompressed = 0
    for name, octets in etsi_certificates().items():
        form, point = trees()[name]["verificationKey"]["point"].split()
        key = trees()[name]["verificationKey"]["algorithm"]
        hashed = hashlib.sha384 if "384" in key else hashlib.sha256
        canonical = compressed(octets, point) if form == "uncompressed" else octets
        assert trees()[name]["canonical"] is (canonical == octets)
        assert trees()[name]["hashedId8"] == hashed(canonical).hexdigest()[-16:], name
        uncompressed += canonical != octets
    assert uncompressed == 12


def compressed(octets: bytes, point: str) -> bytes:
    x, y = bytes.fromhex(point)[: len(point) // 4], bytes.fromhex(point)[len(point) // 4 :]
    long, short = b"\x84" + x + y, bytes([0x82 | y[-1] & 1]) + x
    if len(x) == 48:  # an extension alternative, with its length before it
        long, short = bytes([len(long)]) + long, bytes([len(short)]) + short
    assert octets.count(long) == 1
    return octets.replace(long, short)


def test_each_says_what_its_profile_states() -> None:
    """Issuer, permissions, assurance and region, where the XML profile gives them."""
    compared = {"issuer": 0, "app": 0, "issue": 0, "assurance": 0, "region": 0}
    for name, tree in trees().items():
        path = material("v2x", "etsi-ts-its", "profiles", f"{name}.xml")
        profile = ElementTree.fromstring(path.read_text("utf-8"))
        signer = profile.find("signer")
        assert signer is not None
        if issuer := signer.get("name"):
            assert list(tree["issuer"].values()) == [trees()[issuer]["hashedId8"]], name
            compared["issuer"] += 1
        for attribute in profile.iterfind("subject/attribute"):
            kind = attribute.get("type")
            if kind == "its_aid_ssp_list":
                assert tree["appPermissions"] == list(map(permission, attribute)), name
                compared["app"] += 1
            elif kind == "its_aid_list":
                wanted = [aid(one.get("value")) for one in attribute]
                assert wanted in [
                    [subject["psid"] for subject in group["subjectPermissions"]]
                    for group in tree["certIssuePermissions"]
                ], name
                compared["issue"] += 1
            elif kind == "assurance_level":
                stated = attribute.find("assurance")
                assert stated is not None
                level = int(stated.get("level", "0")) << 5 | int(stated.get("confidence", "0"))
                assert tree["assuranceLevel"] == f"{level:02x}", name
                compared["assurance"] += 1
        restriction = profile.find("validity/restriction[@type='region']")
        assert restriction is not None
        assert flat(tree.get("region")) == pytest.approx(stated_region(restriction), abs=2e-7), name
        compared["region"] += 1
    assert compared == {
        "issuer": 103,
        "app": 105,
        "issue": 26,
        "assurance": 105,
        "region": 105,
    }


def aid(name: str | None) -> int:
    assert name is not None
    return AIDS[name] if name in AIDS else int(name)


def permission(element: ElementTree.Element) -> dict[str, Any]:
    octets = (element.text or "").replace(" ", "").lower()
    ssp = {"bitmapSsp": octets} if octets else {}
    return {"psid": aid(element.get("aid")), **ssp}


REFERENCE = (43.616949, 7.053308)  # where the suite puts its profiles' origin
DEGREES_PER_KM = 0.00898334


def place(element: ElementTree.Element) -> list[float]:
    """Profiles give places as kilometres from the origin, in latitude and in longitude alike."""
    values = [element.get(axis, "").removesuffix("km") for axis in ("latitude", "longitude")]
    return [
        float(km) * DEGREES_PER_KM + origin for km, origin in zip(values, REFERENCE, strict=True)
    ]


def stated_region(restriction: ElementTree.Element) -> list[float]:
    """Every number that the profile states of the region, in order."""
    numbers: list[float] = []
    for element in restriction.iter():
        if element.tag in ("circle", "location"):
            numbers += place(element)
        if element.tag == "circle":
            numbers.append(float(element.get("radius", "")))
        if element.tag == "id":
            code = element.get("id", "")
            numbers.append(250 if code == "RGN_LOCAL" else int(code))  # the suite's home is France
    return numbers


def flat(region: object) -> list[float]:
    if isinstance(region, dict):
        return [number for value in region.values() for number in flat(value)]
    if isinstance(region, (list, tuple)):
        return [number for value in region for number in flat(value)]
    return [] if region is None else [float(region)]  # type: ignore[arg-type]  # a number is left


def test_the_trust_list_manager_verifies_with_sha384() -> None:
    """A production certificate of the EU: brainpoolP384r1, self-signed."""
    octets = material("v2x", "eu-l2-tlm.oer").read_bytes()
    digest, hash_name = certificate_digest(octets)
    assert (hash_name, len(digest)) == ("sha-384", 48)
    verifier = Verifier(Policy(), 1)
    before = verifier.look_into(octets)
    assert (before.signature, before.chain) == ("ok", "untrusted_root")
    assert verifier.add_root(octets) == "ok"
    assert verifier.look_into(octets).algorithm == "ecdsa-brainpoolp384r1"
    tree = {k: v for k, v in describe_certificate(octets).items() if k not in DERIVED}
    assert tree == decode_certificate(octets)


def test_one_flipped_bit_breaks_the_trust_list_manager() -> None:
    octets = material("v2x", "eu-l2-tlm.oer").read_bytes()
    for at in range(0, len(octets) * 8, 7):
        mutant = bytearray(octets)
        mutant[at // 8] ^= 1 << at % 8
        assert Verifier(Policy(), 1).add_root(bytes(mutant)) != "ok"
