"""Certificates that other implementations made."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.errors import RoadsealError
from roadseal.operate.pki.private_key import read_mldsa_key

PKI = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "pki"
pytestmark = pytest.mark.skipif(not PKI.exists(), reason="ROADSEAL_TESTDATA has no pki")


def verify(files: list[Path], at: str, trust: list[Path] | None = None) -> dict[str, str]:
    anchors = [argument for file in trust or [] for argument in ("--trust", str(file))]
    command = ["x509", "verify", *map(str, files), *anchors, "--at", at, "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code in {0, 1}, done.output
    return {Path(row["file"]).name: row["reason"] for row in json.loads(done.stdout)}


def test_the_examples_of_rfc_9881() -> None:
    verdicts = verify(sorted((PKI / "rfc9881").glob("*.crt")), "2025-06-01")
    assert len(verdicts) == 3
    assert set(verdicts.values()) == {"ok"}


@pytest.mark.parametrize(
    ("maker", "at", "trusted", "named"),
    [("bc", "2026-08-01", 36, 23), ("ossl35", "2025-06-01", 15, 0)],
)
def test_trust_anchors_of_the_hackathon(
    tmp_path: Path, maker: str, at: str, trusted: int, named: int
) -> None:
    with zipfile.ZipFile(PKI / "hackathon-r5" / maker / "artifacts_certs_r5.zip") as archive:
        archive.extractall(tmp_path)
    verdicts = verify(sorted(tmp_path.rglob("*_ta.der")), at)
    refused = {file: reason for file, reason in verdicts.items() if reason != "ok"}
    assert len(verdicts) - len(refused) == trusted
    assert len(refused) == named
    for file, reason in refused.items():
        catalyst = file.startswith("catalyst_")
        assert reason == ("unknown-critical-extension" if catalyst else "unknown-algorithm")
        assert file.startswith(("catalyst_", "composite_", "falcon-")) or "-with-sha" in file


@pytest.mark.parametrize(
    ("maker", "at", "count"), [("bc", "2026-08-01", 29), ("ossl35", "2026-08-01", 3)]
)
def test_kem_certificates_of_the_hackathon(tmp_path: Path, maker: str, at: str, count: int) -> None:
    """ML-KEM, composite ML-KEM and other KEMs, each under a signing trust anchor."""
    with zipfile.ZipFile(PKI / "hackathon-r5" / maker / "artifacts_certs_r5.zip") as archive:
        archive.extractall(tmp_path)
    verdicts = verify(sorted(tmp_path.rglob("*_ee.der")), at, sorted(tmp_path.rglob("*_ta.der")))
    assert len(verdicts) == count
    assert set(verdicts.values()) == {"ok"}


def test_a_changed_signature_is_refused_whatever_its_algorithm(tmp_path: Path) -> None:
    with zipfile.ZipFile(PKI / "hackathon-r5" / "ossl35" / "artifacts_certs_r5.zip") as archive:
        archive.extractall(tmp_path)
    files = sorted(tmp_path.rglob("*_ta.der"))
    for file in files:
        encoded = bytearray(file.read_bytes())
        encoded[-100] ^= 1
        file.write_bytes(encoded)
    assert set(verify(files, "2025-06-01").values()) == {"bad-signature"}


@pytest.mark.parametrize("level", ["44", "65", "87"])
def test_private_keys_of_rfc_9881(level: str) -> None:
    folder = PKI / "rfc9881"
    public = load_pem_public_key((folder / f"ML-DSA-{level}.pub").read_bytes())
    for form in ("seed", "both"):
        key = read_mldsa_key((folder / f"ML-DSA-{level}-{form}.priv").read_bytes())
        assert key.public_key() == public
    with pytest.raises(RoadsealError) as caught:
        read_mldsa_key((folder / f"ML-DSA-{level}-expanded.priv").read_bytes())
    assert caught.value.code == "pki-key-seedless"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_inconsistent_private_keys_of_rfc_9881_are_refused(number: int) -> None:
    encoded = (PKI / "rfc9881" / f"bad-ML-DSA-44-{number}.priv").read_bytes()
    with pytest.raises(RoadsealError) as caught:
        read_mldsa_key(encoded)
    assert caught.value.code == "pki-key-inconsistent"
