"""CBOMs: valid by the official schemas, read by somebody else's library, refused where wrong."""

from __future__ import annotations

import json
import os
import random
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.assess.cbom import Spec, crypto_assets, validate_cbom, write_cbom
from roadseal.assess.inventory import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Coverage,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.scan_file import load_scan

DATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "inventory/cyclonedx"
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000")) // 4
WHOLE = Coverage(("x",), 3, 100, ())
NAMES = (
    "rsa-2048",
    "ecdsa-p256",
    "x25519mlkem768",
    "composite-mldsa65-ecdsa-p256-sha512/draft-19",
    "slh-dsa-sha2-128s",
    "aes-128-gcm",
    "hmac-sha-256",
    "plaintext",
    "nobody's cipher \u202e <b>",
    "",
)


def findings() -> list[Finding]:
    """Every kind, role and basis, with facts that are right, odd, or missing."""
    facts = {
        "subject": "CN=rsu",
        "issuer": "CN=root",
        "serial": "4f2a",
        "not_before": "2026-01-01",
        "not_after": "2027-01-01T10:00:00+02:00",
        "sha256": "ab" * 32,
    }
    found = []
    for number, name in enumerate(NAMES):
        for kind in AssetType:
            place = Location(f"d/{number}", offset=number or None, line=number + 1, frame=None)
            role = list(Role)[number % len(Role)]
            uses = (AlgorithmUse(name, role), AlgorithmUse("x25519", role, preferred=False))
            basis = list(Basis)[number % len(Basis)]
            found.append(Finding("certificate/x509", place, kind, "t", uses, basis, 0.5, "", facts))
    wrong = {"not_after": "never", "sha256": "xyz", "size_bits": "big", "protocol": None, "x": True}
    for kind in AssetType:
        found.append(
            Finding("odd", Location("", 0, 0, 7), kind, "", (), Basis.DECLARED, facts=wrong)
        )
    tls = {
        "protocol": "TLS",
        "version": "1.3",
        "cipher_suite": "TLS_AES_128_GCM_SHA256",
        "group": "X25519MLKEM768",
        "signature_scheme": "mldsa65",
    }
    found.append(
        Finding(
            "capture/tls",
            Location("a.pcap", frame=4),
            AssetType.PROTOCOL,
            "TLS 1.3",
            (AlgorithmUse("x25519mlkem768", Role.KEY_EXCHANGE),),
            Basis.OBSERVED,
            facts=tls,
        )
    )
    return found


def emitted(spec: Spec, coverage: Coverage = WHOLE) -> bytes:
    return b"".join(write_cbom(findings(), coverage, spec=spec, name="estate"))


@pytest.mark.parametrize("spec", Spec)
def test_every_export_is_valid(spec: Spec) -> None:
    encoded = emitted(spec)
    assert validate_cbom(encoded) == ()
    assert crypto_assets(encoded) > len(findings())
    assert emitted(spec) == encoded


def test_an_export_says_the_new_things_of_1_7() -> None:
    document = json.loads(emitted(Spec.V1_7))
    by_title = {each["name"]: each for each in document["components"]}
    tls = by_title["TLS 1.3"]["cryptoProperties"]["protocolProperties"]
    assert tls["cipherSuites"][0]["tlsGroups"] == ["X25519MLKEM768"]
    assert tls["cipherSuites"][0]["tlsSignatureSchemes"] == ["mldsa65"]
    certificates = [
        each["cryptoProperties"]["certificateProperties"]
        for each in document["components"]
        if each["cryptoProperties"]["assetType"] == "certificate"
    ]
    assert certificates[0]["fingerprint"] == {"alg": "SHA-256", "content": "ab" * 32}
    assert certificates[0]["notValidAfter"] == "2027-01-01T08:00:00Z"
    assert "notValidAfter" not in certificates[-1]
    algorithm = by_title["ml-dsa-65"]["cryptoProperties"]["algorithmProperties"]
    assert (algorithm["nistQuantumSecurityLevel"], algorithm["algorithmFamily"]) == (3, "ML-DSA")
    hybrid = next(
        row for row in document["dependencies"] if row["ref"] == "algorithm/x25519mlkem768"
    )
    assert set(hybrid["dependsOn"]) == {"algorithm/x25519", "algorithm/ml-kem-768"}


@pytest.mark.parametrize(
    ("coverage", "aggregate"),
    [
        (WHOLE, "complete"),
        (Coverage(("x",), 0, 0, ()), "unknown"),
        (Coverage(("x",), 1, 1, (Gap(Location("z"), Cause.TRUNCATED, "too long"),)), "incomplete"),
    ],
)
def test_what_was_not_read_is_said(coverage: Coverage, aggregate: str) -> None:
    encoded = emitted(Spec.V1_7, coverage)
    document = json.loads(encoded)
    assert document["compositions"][0]["aggregate"] == aggregate
    said = {row["name"]: row["value"] for row in document["metadata"]["properties"]}
    if coverage.gaps:
        assert said["roadseal:gap:truncated"] == "z: too long"
    assert validate_cbom(encoded) == ()


@pytest.mark.parametrize("spec", Spec)
def test_somebody_elses_library_reads_it_and_writes_it_again(spec: Spec) -> None:
    from cyclonedx.model.bom import Bom
    from cyclonedx.output.json import JsonV1Dot6, JsonV1Dot7

    document = json.loads(emitted(spec))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses dependencies of the subject
        bom = Bom.from_json(document)
        writer = JsonV1Dot6 if spec is Spec.V1_6 else JsonV1Dot7
        again = writer(bom).output_as_string().encode()
    assert validate_cbom(again) == ()
    theirs = json.loads(again)

    def told(text: dict) -> list:
        return sorted(
            (
                each["bom-ref"],
                each["name"],
                each["cryptoProperties"]["assetType"],
                sorted(row["value"] for row in each["properties"]),
                each.get("evidence", {}).get("occurrences", []) != [],
            )
            for each in text["components"]
        )

    assert told(theirs) == told(document)
    ours, other = (
        {row["ref"]: sorted(row.get("dependsOn", ())) for row in each["dependencies"]}
        for each in (document, theirs)
    )
    assert {ref: depends for ref, depends in other.items() if ref != "subject"} == ours


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_official_examples_are_valid(version: str) -> None:
    files = sorted((DATA / version).glob("*.json"))
    if not files:
        pytest.skip("no field material: set ROADSEAL_TESTDATA")
    for file in files:
        assert validate_cbom(file.read_bytes()) == (), file.name


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d["components"][0].update(nistQuantumSecurityLevel=3), "components/0"),
        (
            lambda d: d["components"][0]["cryptoProperties"].update(assetType="cipher"),
            "components/0",
        ),
        (lambda d: d["components"].append(d["components"][0]), "components"),
        (lambda d: d["dependencies"].append({"ref": "nowhere"}), "dependencies"),
        (lambda d: d.update(specVersion="1.3"), "specVersion"),
        (lambda d: d.update(bomFormat="SPDX"), "bomFormat"),
        (lambda d: d.update(extra=1), ""),
    ],
    ids=["level-misplaced", "asset-type", "twice", "dangling", "version", "format", "extra"],
)
def test_what_is_wrong_is_found_where_it_is(change, where: str) -> None:
    document = json.loads(emitted(Spec.V1_7))
    change(document)
    faults = validate_cbom(json.dumps(document).encode())
    assert faults
    assert any(fault.where.startswith(where) for fault in faults)


@pytest.mark.fuzz
def test_no_mutant_makes_the_validator_raise() -> None:
    small = b"".join(write_cbom(findings()[:6], WHOLE, spec=Spec.V1_7, name="x"))
    chance = random.Random(3)
    for _ in range(MUTANTS):
        mutant = bytearray(small)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(mutant))
            match chance.randrange(3):
                case 0:
                    mutant[at] ^= 1 << chance.randrange(8)
                case 1:
                    mutant[at:at] = chance.choice([b"[", b"{", b"null", b"1e999", b'"', b"[" * 300])
                case 2:
                    del mutant[at : at + chance.randint(1, 40)]
        validate_cbom(bytes(mutant))
    assert validate_cbom(b"[" * 100_000)
    deep = b'{"bomFormat":"CycloneDX","specVersion":"1.7","components":' + b'[{"components":' * 240
    assert validate_cbom(deep + b"[]" + b"}]" * 240 + b"}")


def test_from_somebody_elses_cbom_and_back(tmp_path: Path) -> None:
    (tmp_path / "theirs.cdx.json").write_bytes(emitted(Spec.V1_6))
    scan, out = tmp_path / "f.json", tmp_path / "ours.json"

    def run(*arguments: object, code: int = 0) -> None:
        done = CliRunner().invoke(app, ["cbom", *map(str, arguments)])
        assert done.exit_code == code, done.output

    run("import", tmp_path / "theirs.cdx.json", "--out", scan)
    found, coverage = load_scan(scan)
    assert len(found) > 20
    assert coverage.complete
    for spec in Spec:
        run("export", scan, "--out", out, "--spec", spec.value)
        run("validate", out)
    cut = tmp_path / "cut.json"
    cut.write_bytes((tmp_path / "theirs.cdx.json").read_bytes().replace(b"bomFormat", b"")[:900])
    run("import", cut, "--out", scan, code=3)
    (tmp_path / "empty.json").write_text('{"bomFormat":"CycloneDX","specVersion":"1.7"}')
    run("validate", tmp_path / "empty.json", code=3)
    run("validate", tmp_path / "empty.json", tmp_path / "f.json", code=1)
