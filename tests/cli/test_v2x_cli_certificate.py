"""`roadseal v2x certificate show|verify`."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from roadseal.app.cli.v2x import app
from roadseal.errors import RoadsealError
from roadseal.v2x import CertificateContents, Duration, issue
from roadseal.v2x.testing import VEHICLE, Authority

ROOT = Path(__file__).parents[2]
V2X = Path(os.environ.get("ROADSEAL_TESTDATA", ROOT.parent / "shared/data")) / "v2x"
SUITE = V2X / "etsi-ts-its/certificates"
NOW = 700_000_000_000_000  # 2026-03-07T20:26:35Z
WEEK_US = 7 * 24 * 3600 * 1_000_000

material = pytest.mark.skipif(not V2X.is_dir(), reason=f"no test material in {V2X}")

AUTHORITY = Authority("ecdsa-p256", now=NOW)
TICKET = AUTHORITY.vehicle()


def run(*arguments: object) -> Result:
    environment = {"COLUMNS": "100", "TERM": "dumb"}
    parts = ["certificate", *(str(argument) for argument in arguments)]
    return CliRunner().invoke(app, parts, env=environment)


def rows(*arguments: object, code: int) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def chain(tmp_path: Path) -> list[Path]:
    certificates = (
        TICKET.certificate,
        AUTHORITY.authorisation.certificate,
        AUTHORITY.root.certificate,
    )
    return [write(tmp_path / f"{n}.oer", c) for n, c in enumerate(certificates)]


@material
def test_every_certificate_of_the_etsi_suite() -> None:
    files = sorted(SUITE.glob("*.oer"))
    for arguments in (files, [*files, "--issuers", SUITE]):
        found = rows("verify", *arguments, code=1)
        assert len(found) == 105
        assert {row["signature"] for row in found} == {"ok"}
        assert {row["validity"] for row in found} == {"ok"}
        assert {row["validity_now"] for row in found} == {"expired"}
        reasons = Counter(row["reason"] for row in found)
        assert reasons == {
            "ok": 83,
            "ssp_mismatch": 10,
            "psid_not_permitted": 8,
            "outside_region": 4,
        }
        assert all((row["verdict"] == "ok") is (row["reason"] == "ok") for row in found)
    assert {row["algorithm"] for row in found} >= {"ecdsa-p256", "ecdsa-brainpoolp256r1"}


@material
def test_the_suite_is_expired_today() -> None:
    found = rows("verify", SUITE / "CERT_IUT_A1_AT.oer", "--issuers", SUITE, "--at", "now", code=1)
    assert found[0]["reason"] == "expired"


@material
def test_the_european_trust_list_manager() -> None:
    (row,) = rows("verify", V2X / "eu-l2-tlm.oer", code=0)
    assert (row["verdict"], row["signature"], row["chain"]) == ("ok", "ok", "ok")
    assert row["algorithm"] == row["signed_with"] == "ecdsa-brainpoolp384r1"
    assert (row["issuer"], row["name"]) == ("self", "EU-TLM_L2")


@material
def test_implicit_certificates_of_the_field(tmp_path: Path) -> None:
    known = json.loads((V2X / "us-field/certificates.json").read_text())["certificates"]
    files = [write(tmp_path / name, octets.encode()) for name, octets in known.items()]
    found = rows("verify", *files, code=3)
    assert [row["hashedid8"] for row in found] == list(known)
    assert {row["reason"] for row in found} == {"unknown_issuer"}
    assert {row["signature"] for row in found} == {None}
    assert {row["issuer"] for row in found} == {"c620fb90caad3b9c"}


def test_files_are_their_own_issuers(chain: list[Path]) -> None:
    found = rows("verify", *chain, code=0)
    assert [row["reason"] for row in found] == ["ok"] * 3
    ticket, authority, root = found
    assert ticket["issuer"] == authority["hashedid8"]
    assert authority["issuer"] == root["hashedid8"]
    assert ticket["hashedid8"] == TICKET.hashed_id8.hex()
    assert ticket["profile"] == "ecdsa-p256"
    assert ticket["valid_from"] == "2026-03-07T20:26:35Z"
    assert ticket["valid_until"] == "2026-03-14T20:26:35Z"


def test_missing_and_untrusted_issuers(chain: list[Path], tmp_path: Path) -> None:
    ticket, authority, root = chain
    (alone,) = rows("verify", ticket, code=3)
    assert (alone["reason"], alone["signature"]) == ("unknown_issuer", None)
    first, _ = rows("verify", ticket, authority, code=3)
    assert first["signature"] in {None, "ok"}
    assert first["reason"] == "unknown_issuer"
    assert {
        row["verdict"] for row in rows("verify", ticket, authority, "--root", root, code=0)
    } == {"ok"}
    stranger = write(tmp_path / "s", Authority("ecdsa-p256", now=NOW).root.certificate)
    found = rows("verify", *chain, "--root", stranger, code=3)
    assert {row["reason"] for row in found} <= {"unknown_issuer", "untrusted_root"}


def test_a_directory_of_issuers(chain: list[Path], tmp_path: Path) -> None:
    directory = tmp_path / "issuers"
    write(directory / "aa", AUTHORITY.authorisation.certificate)
    write(directory / "root", AUTHORITY.root.certificate.hex().encode())
    (row,) = rows("verify", chain[0], "--issuers", directory, code=0)
    assert row["chain"] == "ok"


def test_a_root_does_not_vouch_for_itself_beside_issuers(tmp_path: Path) -> None:
    directory = tmp_path / "issuers"
    write(directory / "root", AUTHORITY.root.certificate)
    stranger = write(tmp_path / "s", Authority("ecdsa-p256", now=NOW).root.certificate)
    (row,) = rows("verify", stranger, "--issuers", directory, code=3)
    assert (row["reason"], row["signature"]) == ("untrusted_root", "ok")


@pytest.mark.parametrize("profile", ["fn-dsa-512/pre1", "dual-p256-fn-dsa-512/pre1"])
def test_post_quantum_chains(profile: str, tmp_path: Path) -> None:
    authority = Authority(profile, now=NOW)
    root = write(tmp_path / "root", authority.root.certificate)
    aa = write(tmp_path / "aa", authority.authorisation.certificate)
    found = rows("verify", root, aa, code=0)
    assert {row["profile"] for row in found} == {profile}


def test_a_changed_certificate(chain: list[Path], tmp_path: Path) -> None:
    octets = bytearray(TICKET.certificate)
    octets[-1] ^= 1
    changed = write(tmp_path / "changed", bytes(octets))
    (row, *_) = rows("verify", changed, *chain[1:], code=1)
    assert (row["reason"], row["signature"]) == ("bad_signature", "bad_signature")
    result = run("verify", changed, *chain[1:])
    assert "The signature does not hold" in result.output
    assert "3 certificates: 2 ok, 1 refused." in result.output


def test_times(chain: list[Path], tmp_path: Path) -> None:
    late = CertificateContents(
        start=NOW + 400 * WEEK_US,
        duration=Duration.hours(400 * 168),
        app_permissions=VEHICLE,
    )
    key = TICKET.signer
    octets = issue(late, key.algorithm, key.public_key, AUTHORITY.authorisation)
    file = write(tmp_path / "late", octets)
    early = CertificateContents(
        start=NOW - WEEK_US, duration=Duration.hours(2 * 168), app_permissions=VEHICLE
    )
    octets = issue(early, key.algorithm, key.public_key, AUTHORITY.authorisation)
    eager = write(tmp_path / "eager", octets)
    for path, at, reason in (
        (chain[0], "start", "ok"),
        (chain[0], "2026-03-14T20:26:34", "ok"),
        (chain[0], "2026-03-14T20:26:35", "expired"),
        (chain[0], "2026-03-07T20:26:34", "not_yet_valid"),
        (file, "start", "ok"),
        (file, "now", "not_yet_valid"),
        (eager, "start", "not_yet_valid"),  # before its issuer
        (file, "2038-01-01", "expired"),  # with its issuer
    ):
        (row, *_) = rows("verify", path, *chain[1:], "--at", at, code=int(reason != "ok"))
        assert row["reason"] == reason, (path.name, at)
        assert row["signature"] == row["chain"] == "ok"


def test_what_is_no_certificate(chain: list[Path], tmp_path: Path) -> None:
    key = write(tmp_path / "key", bytes(32))
    row, *_ = rows("verify", key, *chain, code=1)
    assert (row["verdict"], row["reason"]) == ("refused", "malformed")
    assert row["signature"] is row["chain"] is row["hashedid8"] is None
    assert "malformed" in run("verify", key, *chain).output
    assert isinstance(run("verify", tmp_path / "nowhere").exception, RoadsealError)
    assert isinstance(run("verify", key, "--at", "message").exception, RoadsealError)


def test_show(chain: list[Path], tmp_path: Path) -> None:
    packed = write(tmp_path / "gz", gzip.compress(TICKET.certificate.hex().encode()))
    for path in (chain[0], packed):
        result = run("show", path)
        assert result.exit_code == 0
        for part in (TICKET.hashed_id8.hex(), "CAM (0x24)", "2026-03-07T20:26:35Z"):
            assert part in result.output
    found = rows("show", *chain, code=0)
    assert [row["tree"]["type"] for row in found] == ["explicit"] * 3
    assert found[0]["tree"]["appPermissions"][0]["service"] == "CAM"
    assert found[0]["tree"]["validFromIso"] == "2026-03-07T20:26:35Z"
    half = write(tmp_path / "half", TICKET.certificate[:50])
    result = run("show", chain[0], half)
    assert result.exit_code == 1
    assert "^^" in result.output
