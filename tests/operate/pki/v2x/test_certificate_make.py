"""Certificates from ETSI's XML profiles, against those that ETSI's own tool made of them."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pycrate_asn1dir import ITS_IEEE1609_2
from typer.testing import CliRunner, Result

from roadseal._core import describe_certificate
from roadseal.app.cli.v2x import app
from roadseal.errors import RoadsealError
from roadseal.operate.pki.v2x.etsi_profile import Bases, read_etsi_profile
from roadseal.operate.pki.v2x.making import (
    AlgorithmChoice,
    credential_of,
    in_issuing_order,
    make_certificate,
)
from roadseal.v2x import Header, Identification, Policy, Verifier, service, sign
from roadseal.v2x.certificate import Circle, Countries

SHARED = Path(__file__).parents[5] / "shared/data"
SUITE = Path(os.environ.get("ROADSEAL_TESTDATA", SHARED)) / "v2x/etsi-ts-its"
material = pytest.mark.skipif(not SUITE.is_dir(), reason=f"no test material in {SUITE}")
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))

TICKET = """<certificate><version>3</version><signer type="digest" name="AA"/>
<subject type="AT" name="">
<attribute type="verification_key"><public_key algorithm="0"/></attribute>
<attribute type="assurance_level"><assurance level="3"/></attribute>
<attribute type="its_aid_ssp_list"><ssp aid="CAM">01 FF FC</ssp></attribute></subject>
<validity><restriction type="time" start="+0d" end="+7d"/>
<restriction type="region"><none/></restriction></validity></certificate>"""


def made_from(text: str, bases: Bases | None = None):
    return read_etsi_profile(text.encode(), bases)


def make(*arguments: object) -> Result:
    parts = ["certificate", "make", *(str(argument) for argument in arguments)]
    return CliRunner().invoke(app, parts, env={"COLUMNS": "120", "TERM": "dumb"})


def profiles() -> list[Path]:
    return sorted((SUITE / "profiles").glob("*.xml"))


def contents(octets: bytes) -> dict[str, Any]:
    """What a certificate says, without who signed it how and in which form its point is."""
    tree = describe_certificate(octets)
    for name in ("bytes", "canonical", "hashedId8", "signature"):
        del tree[name]
    tree["issuer"] = list(tree["issuer"])
    form, digits = tree["verificationKey"]["point"].split()
    if form == "uncompressed":
        half = len(digits) // 2
        odd = int(digits[-1], 16) & 1
        tree["verificationKey"]["point"] = f"compressed-y-{odd} {digits[:half]}"
    return tree


@material
def test_all_profiles_make_the_certificates_that_etsi_made(tmp_path: Path) -> None:
    result = make(*profiles(), "--out", tmp_path, "--keys", SUITE / "certificates", "--json")
    assert result.exit_code == 0, result.output
    rows = {
        Path(row["certificate"]).stem: row for row in map(json.loads, result.stdout.splitlines())
    }
    assert len(rows) == 105
    identical = 0
    for name, row in rows.items():
        theirs = (SUITE / "certificates" / f"{name}.oer").read_bytes()
        ours = (tmp_path / f"{name}.oer").read_bytes()
        assert contents(ours) == contents(theirs), name
        assert row["signature"] in (None if row["issuer"] == "self" else "ok", "ok"), name
        tree = describe_certificate(theirs)
        if tree["canonical"] and "sha384" not in str(tree["issuer"]):
            # Same keys, so what is signed is the same to the byte; issuer and signature are not.
            size = len(theirs) - 66
            identical += ours[12:size] == theirs[12:size]
        ITS_IEEE1609_2.Ieee1609Dot2.Certificate.from_coer(ours)
        assert ITS_IEEE1609_2.Ieee1609Dot2.Certificate.to_coer() == ours
    # Not these: 12 of uncompressed points, 3 under SHA-384, one with an empty list of permissions.
    assert identical >= 88


@material
@pytest.mark.parametrize(
    ("profile", "key", "authority_key"),
    [
        ("ecdsa-brainpoolp384r1", "ecdsa-brainpoolp384r1", "ecdsa-brainpoolp384r1"),
        ("ph-ml-dsa-44/rs1", "ecdsa-p256", "ml-dsa-44"),
        ("ph-fn-dsa-512/pre1", "ecdsa-p256", "fn-dsa-512/pre1"),
        ("ml-dsa-65/rs1", "ml-dsa-65", "ml-dsa-65"),
        ("classical-2016", "ecdsa-p256", "ecdsa-p256"),
        ("hybrid-2026", "ecdsa-p256+fn-dsa-512/pre1", "fn-dsa-512/pre1"),
        ("pqc-2030", "fn-dsa-512/pre1", "fn-dsa-512/pre1"),
        (
            "dual-p256-fn-dsa-512/pre1",
            "ecdsa-p256+fn-dsa-512/pre1",
            "ecdsa-p256+fn-dsa-512/pre1",
        ),
    ],
)
def test_a_chain_in_every_profile_carries_a_message(
    profile: str, key: str, authority_key: str, tmp_path: Path
) -> None:
    names = ("CERT_IUT_A_AT", "CERT_IUT_A_AA", "CERT_IUT_A_RCA")
    files = [SUITE / "profiles" / f"{name}.xml" for name in names]
    result = make(*files, "--profile", profile, "--out", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    rows = {row["subject"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert {row["chain"] for row in rows.values()} == {"ok"}
    assert (rows["AT"]["algorithm"], rows["AA"]["algorithm"]) == (key, authority_key)
    root, authority, ticket = (tmp_path / f"{name}.oer" for name in reversed(names))
    verifier = Verifier(Policy(), 1)
    assert verifier.add_root(root.read_bytes()) == "ok"
    assert verifier.add_certificates([authority.read_bytes()]) == ["ok"]
    credential = credential_of(ticket.read_bytes(), ticket.with_suffix(".vkey").read_bytes())
    sent = describe_certificate(ticket.read_bytes())["validFrom"] + 1_000_000
    message = sign(
        b"payload",
        Header(psid=service.CAM, generation_time=sent),
        credential,
        Identification.CERTIFICATE,
    )
    assert verifier.verify(message, at=sent).overall == "ok"


@material
def test_an_issuer_from_a_folder_or_a_file_and_without_one(tmp_path: Path) -> None:
    ticket = SUITE / "profiles/CERT_IUT_A_AT.xml"
    issuer = SUITE / "certificates/CERT_IUT_A_AA.oer"
    for number, given in enumerate((issuer, issuer.parent)):
        result = make(ticket, "--issuer", given, "--out", tmp_path / str(number))
        assert result.exit_code == 0, result.output
        tree = describe_certificate((tmp_path / str(number) / "CERT_IUT_A_AT.oer").read_bytes())
        assert tree["issuer"] == {"sha256AndDigest": "3506d4cf68736a6d"}
    assert (tmp_path / "0/CERT_IUT_A_AT.vkey").stat().st_mode & 0o077 == 0
    for arguments, code in (
        ((ticket,), "certificate-issuer"),
        (
            (ticket, "--issuer", issuer, "--issuer-key", ticket.with_suffix(".oer")),
            "unreadable-file",
        ),
        (
            (ticket, "--issuer", issuer, "--issuer-key", issuer.with_suffix(".ekey")),
            "certificate-key",
        ),
        ((ticket, "--issuer", issuer, "--profile", "none-such"), "unknown-message-profile"),
        ((ticket, "--issuer", issuer, "--out", tmp_path / "0"), "file-exists"),
        ((ticket, "--issuer", issuer, "--base-date", "soon"), "bad-base"),
    ):
        refusal = make(*(arguments if "--out" in arguments else (*arguments, "--out", tmp_path)))
        assert isinstance(refusal.exception, RoadsealError)
        assert refusal.exception.code == code


@material
@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_wireshark_reads_a_made_certificate_in_a_message(tmp_path: Path) -> None:
    names = ("CERT_IUT_A_AT", "CERT_IUT_A_AA", "CERT_IUT_A_RCA")
    files = [SUITE / "profiles" / f"{name}.xml" for name in names]
    assert make(*files, "--out", tmp_path).exit_code == 0
    credential = credential_of(
        (tmp_path / "CERT_IUT_A_AT.oer").read_bytes(),
        (tmp_path / "CERT_IUT_A_AT.vkey").read_bytes(),
    )
    header = Header(psid=service.CAM, generation_time=600_000_000_000_000)
    spdu = sign(b"x", header, credential, Identification.CERTIFICATE)
    capture = tmp_path / "spdu.pcap"
    header_bytes = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 147)
    capture.write_bytes(header_bytes + struct.pack("<IIII", 0, 0, len(spdu), len(spdu)) + spdu)
    user = 'uat:user_dlts:"User 0 (DLT=147)","ieee1609dot2.data","0","","0",""'
    show = ["tshark", "-r", capture, "-o", user, "-V"]
    text = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert re.search(r"bitmapSsp: 01fffc", text)
    assert "Malformed" not in text


def test_times_places_and_countries_count_from_the_bases() -> None:
    bases = Bases(datetime(2026, 3, 1, tzinfo=UTC), (444_949_000, 113_426_000), 380)
    profile = made_from(TICKET.replace("+0d", "-1y"), bases)
    day_s = 86_400
    assert profile.contents.start_s == (datetime(2025, 3, 1) - datetime(2004, 1, 1)).days * day_s
    assert (profile.contents.duration.unit, profile.contents.duration.count) == (4, (365 + 7) * 24)
    absolute = made_from(
        TICKET.replace('start="+0d" end="+7d"', 'start="2026-01-01" duration="30d"')
    )
    assert absolute.contents.duration.count == 30 * 24
    assert made_from(TICKET.replace("+7d", "+20y")).contents.duration.unit == 5  # of sixty hours
    circle = TICKET.replace("<none/>", '<circle latitude="-1km" longitude="0.5" radius="300"/>')
    expected = Circle((444_949_000 - 89_834, 113_426_000 + 5_000_000), 300)
    assert made_from(circle, bases).contents.region == expected
    local = TICKET.replace("<none/>", '<id id="RGN_LOCAL" local="7"/><id id="056" local="0"/>')
    region = made_from(local, bases).contents.region
    assert isinstance(region, Countries)
    assert [(one.code, one.regions) for one in region.countries] == [
        (380, ((7, None),)),
        (56, None),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<certificate>", "<!DOCTYPE x [<!ENTITY a 'b'>]><certificate>"),
        ("certificate>", "cert>"),
        ('type="AT"', 'type="XX"'),
        ('type="digest" name="AA"', 'type="digest"'),
        ("+7d", "-7d"),
        ("+7d", "soon"),
        ("+7d", "+9999y"),
        ("+0d", "1999-01-01"),
        ("+7d", "+900y"),
        ("01 FF FC", "not hex"),
        ("01 FF FC", "01" * 40),
        ('aid="CAM"', 'aid="-1"'),
        ('level="3"', 'level="8"'),
        ("<none/>", "<moon/>"),
        ("<none/>", "<polygon><location latitude='0' longitude='0'/></polygon>"),
        ("<none/>", "<rectangle><location latitude='0' longitude='0'/></rectangle>"),
        ("<none/>", "<circle latitude='+99999km' longitude='0' radius='1'/>"),
        ("<none/>", "<circle latitude='0' longitude='0' radius='70000'/>"),
        ('algorithm="0"', 'algorithm="rsa"'),
        ("public_key", "reconstruction_value"),
    ],
)
def test_a_wrong_profile_is_refused_with_a_reason(old: str, new: str) -> None:
    assert old in TICKET
    with pytest.raises(RoadsealError) as refusal:
        made_from(TICKET.replace(old, new))
    assert refusal.value.code == "etsi-profile"


def test_no_mutant_of_a_profile_raises_anything_else() -> None:
    draw = random.Random(4)
    pieces = re.split(r"(?<=>)", TICKET)
    for _ in range(MUTANTS):
        text = list(pieces)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(text))
            match draw.randrange(4):
                case 0:
                    del text[at]
                case 1:
                    text.insert(at, draw.choice(pieces))
                case 2:
                    text[at] = re.sub(
                        r'"[^"]*"', f'"{draw.choice(["", "-1", "9" * 30, "é"])}"', text[at]
                    )
                case _:
                    octets = bytearray(text[at].encode())
                    if octets:
                        octets[draw.randrange(len(octets))] = draw.randrange(128)
                    text[at] = octets.decode(errors="replace")  # an é may be hit in its middle
            if not text:
                break
        try:
            profile = made_from("".join(text))
            make_certificate("x", profile, AlgorithmChoice(None)(profile), None)
        except RoadsealError:
            pass


def test_issuers_come_first_and_circles_are_refused() -> None:
    ticket = made_from(TICKET)
    root = made_from(TICKET.replace('type="digest" name="AA"', 'type="self"'))
    assert list(in_issuing_order({"T": ticket, "AA": root})) == ["AA", "T"]
    with pytest.raises(RoadsealError, match="issue one another"):
        list(in_issuing_order({"AA": ticket, "B": ticket}))
