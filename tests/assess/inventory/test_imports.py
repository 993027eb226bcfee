"""Reports of other tools: official examples, broken dialects, logs, and hostile ones."""

from __future__ import annotations

import contextlib
import json
import os
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from ndpi import CAPTURES

from roadseal.assess.inventory.collector import Context, Source
from roadseal.assess.inventory.finding import AlgorithmUse, AssetType, Basis, Gap, Role
from roadseal.assess.inventory.imports import Imported, import_report, recognise_report
from roadseal.assess.inventory.imports.collector import REPORTS
from roadseal.errors import RoadsealError

DATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "inventory/cyclonedx"
EXAMPLES = sorted(DATA.glob("*/*.json"))
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))

needs_examples = pytest.mark.skipif(not EXAMPLES, reason="no examples under ROADSEAL_TESTDATA")


def bom(*components: dict[str, Any], version: str = "1.6") -> Imported:
    document = {"bomFormat": "CycloneDX", "specVersion": version, "components": list(components)}
    return import_report(orjson.dumps(document), "bom.json")


def asset(name: str, **crypto: Any) -> dict[str, Any]:
    return {"type": "cryptographic-asset", "name": name, "cryptoProperties": crypto}


@needs_examples
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_official_example_reads_without_repair(example: Path) -> None:
    data = example.read_bytes()
    found = import_report(data, example.name)
    wanted = [
        component["name"]
        for component in json.loads(data).get("components", [])
        if component["type"] == "cryptographic-asset"
    ]
    assert [finding.title for finding in found.findings] == wanted
    assert found.repairs == ()
    dangling = [gap for gap in found.gaps if "which is not here" in gap.detail]
    assert bool(set(found.gaps) - set(dangling)) == (not wanted), "an empty bill says so"
    assert all(finding.basis is Basis.DECLARED for finding in found.findings)


@needs_examples
def test_xml_of_another_library_says_what_its_json_says() -> None:
    """`cyclonedx-python-lib` writes the same bill in both forms; the fields it knows agree."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    source = json.loads((DATA / "1.6/valid-cryptography-implementation-1.6.json").read_bytes())
    model = Bom.from_json(source)  # type: ignore[attr-defined]  # added by its decorator
    for version in (SchemaVersion.V1_6, SchemaVersion.V1_7):
        forms = [
            import_report(make_outputter(model, form, version).output_as_string().encode(), "bom")
            for form in (OutputFormat.JSON, OutputFormat.XML)
        ]
        ours = [
            [(one.title, one.algorithms, one.asset_type) for one in form.findings] for form in forms
        ]
        assert ours[0] == ours[1] != []


def test_a_certificate_leads_to_its_algorithms_through_references() -> None:
    key = asset(
        "server key",
        assetType="related-crypto-material",
        relatedCryptoMaterialProperties={"type": "public-key", "algorithmRef": "alg"},
    ) | {"bom-ref": "key"}
    algorithm = asset(
        "ECDSA",
        assetType="algorithm",
        algorithmProperties={"primitive": "signature", "ellipticCurve": "nist/P-256"},
    ) | {"bom-ref": "alg"}
    certificate = asset(
        "CN=rsu",
        assetType="certificate",
        certificateProperties={"subjectName": "CN=rsu", "subjectPublicKeyRef": "key"},
    )
    found = bom(key, algorithm, certificate, version="1.7").findings
    assert found[2].asset_type is AssetType.CERTIFICATE
    assert found[2].algorithms == (AlgorithmUse("ecdsa-p256", Role.LIVE_AUTHENTICATION),)


DIALECTS = {
    "level one too high": (
        asset("AES-128-GCM", assetType="algorithm", nistQuantumSecurityLevel=1),
        "nistQuantumSecurityLevel stands in cryptoProperties",
    ),
    "empty enumeration": (
        asset("AES-128-GCM", assetType="algorithm", algorithmProperties={"mode": ""}),
        "mode is empty",
    ),
    "level as text": (
        asset(
            "AES-128-GCM",
            assetType="algorithm",
            algorithmProperties={"nistQuantumSecurityLevel": "1"},
        ),
        "is text, not a number",
    ),
    "the draft's type": (
        asset("AES-128-GCM", assetType="algorithm") | {"type": "crypto-asset"},
        "is taken for cryptographic-asset",
    ),
    "asset type in another case": (
        asset("AES-128-GCM", assetType="Algorithm"),
        "is taken for 'algorithm'",
    ),
    "functions as text": (
        asset("AES-128-GCM", assetType="algorithm", algorithmProperties={"cryptoFunctions": "tag"}),
        "is one text, not a list",
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_broken_dialects_are_read_and_said(name: str) -> None:
    component, said = DIALECTS[name]
    found = bom(component)
    assert [use.name for use in found.findings[0].algorithms] == ["aes-128-gcm"]
    assert any(said in repair.what for repair in found.repairs)
    assert said in str(found.findings[0].facts["repaired"])
    assert found.findings[0].confidence < 0.9


def test_the_value_of_a_key_is_not_taken_over() -> None:
    secret = "c2VjcmV0IGtleSBtYXRlcmlhbA"
    found = bom(
        asset(
            "AES-256",
            assetType="related-crypto-material",
            relatedCryptoMaterialProperties={"type": "secret-key", "value": secret, "size": 256},
        )
    )
    assert secret not in repr(found)


SSL_LOG = """#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tssl
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tcipher\tcurve\tserver_name\tresumed
#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\tstring\tstring\tbool
1.0\tC1\t10.0.0.2\t4000\t10.0.0.1\t443\tTLSv12\tTLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\tsecp256r1\tx.example\tF
2.0\tC2\t10.0.0.3\t4001\t10.0.0.1\t443\tTLSv12\tTLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\tsecp256r1\tx.example\tF
3.0\tC3\tfe80::1\t4002\tfe80::2\t8443\tTLSv13\tTLS_AES_256_GCM_SHA384\tX25519MLKEM768\t-\tF
4.0\tcut
#close\t2026-01-01
"""


def test_zeek_rows_that_say_the_same_are_one_finding() -> None:
    found = import_report(SSL_LOG.encode(), "ssl.log")
    first, hybrid = found.findings
    assert first.facts["rows"] == 2
    assert AlgorithmUse("p256", Role.KEY_EXCHANGE) in first.algorithms
    assert hybrid.facts["endpoint"] == "[fe80::2]:8443"
    assert AlgorithmUse("x25519mlkem768", Role.KEY_EXCHANGE) in hybrid.algorithms
    (gap,) = found.gaps
    assert (gap.location.line, gap.detail) == (11, "it has 2 fields, not 11")


def test_zeek_json_says_the_same_as_its_table() -> None:
    lines = SSL_LOG.splitlines()
    fields = lines[5].split("\t")[1:]
    rows = [dict(zip(fields, line.split("\t"), strict=True)) for line in lines[7:10]]
    for row in rows:
        row["id.resp_p"] = int(row["id.resp_p"])  # type: ignore[assignment]  # as Zeek writes it
        if row["server_name"] == "-":
            del row["server_name"]
    as_json = b"\n".join(orjson.dumps(row) for row in rows)
    table, objects = import_report(SSL_LOG.encode(), "ssl.log"), import_report(as_json, "ssl.log")
    assert [(one.title, one.algorithms) for one in objects.findings] == [
        (one.title, one.algorithms) for one in table.findings
    ]


def test_zeek_communities_are_not_taken_over() -> None:
    row = {"_path": "snmp", "id.orig_h": "10.0.0.2", "id.resp_h": "10.0.0.1", "id.resp_p": 161}
    found = import_report(
        orjson.dumps(row | {"version": "2c", "community": "citySecret"}), "snmp.log"
    )
    assert "citySecret" not in repr(found)
    assert found.findings[0].algorithms == (AlgorithmUse("community-string", Role.PLAINTEXT),)


@pytest.mark.skipif(not CAPTURES, reason="no field captures under ROADSEAL_TESTDATA")
def test_ndpi_output_is_read() -> None:
    found = {}
    for capture in CAPTURES:
        data = capture.with_name(capture.name + ".out").read_bytes()
        assert recognise_report(data) == "ndpi"
        for finding in import_report(data, capture.name).findings:
            found.setdefault(finding.facts["protocol"], finding)
    assert {"tls", "dtls", "quic", "ssh", "wireguard", "openvpn", "dnp3", "http"} <= found.keys()


def test_ssh_audit_lists_what_a_server_offers() -> None:
    report = {
        "banner": {"protocol": "2.0", "software": "OpenSSH_9.9", "raw": "SSH-2.0-OpenSSH_9.9"},
        "target": "10.0.0.5:22",
        "kex": [
            {"algorithm": "mlkem768x25519-sha256"},
            {"algorithm": "kex-strict-s-v00@openssh.com"},
        ],
        "key": [{"algorithm": "rsa-sha2-512", "keysize": 3072}],
        "enc": [{"algorithm": "aes256-gcm@openssh.com"}],
        "mac": [{"algorithm": "hmac-sha1"}],
    }
    (finding,) = import_report(orjson.dumps(report), "audit.json").findings
    assert [use.name for use in finding.algorithms] == [
        "mlkem768x25519-sha256",
        "rsa-pkcs1-sha-512",
        "rsa-3072",
        "aes-256-gcm",
        "hmac-sha-1",
    ]


def test_sarif_takes_cryptography_and_counts_the_rest() -> None:
    log = {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [
            {
                "tool": {"driver": {"name": "Scanner", "version": "1", "rules": []}},
                "results": [
                    {
                        "ruleId": "weak-cipher",
                        "message": {"text": "Use of AES-128-ECB here"},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": "src/a.c"},
                                    "region": {"startLine": 12},
                                }
                            }
                        ],
                    },
                    {"ruleId": "unused-variable", "message": {"text": "x is not used"}},
                ],
            }
        ],
    }
    found = import_report(orjson.dumps(log), "log.sarif")
    (finding,) = found.findings
    assert (finding.location.uri, finding.location.line) == ("log.sarif!/src/a.c", 12)
    assert [use.name for use in finding.algorithms] == ["aes-128-ecb"]
    assert "1 results" in found.gaps[0].detail


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1, 2]",
        b'{"bomFormat": "CycloneDX", "components": ',
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>'
        b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6">&a;</bom>',
        b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6">' + b"<components>" * 500,
    ],
)
def test_what_cannot_be_read_is_an_error_with_advice(data: bytes) -> None:
    with pytest.raises(RoadsealError) as error:
        import_report(data, "x")
    assert error.value.advice


def test_a_scan_hands_reports_to_their_collector() -> None:
    document = orjson.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []})
    (empty,) = REPORTS.collect(Source("x/bom.json", document), Context())
    (broken,) = REPORTS.collect(Source("x/bom.json", document[:-2]), Context())
    assert isinstance(empty, Gap)
    assert isinstance(broken, Gap)
    assert "cannot be read" in broken.detail
    assert list(REPORTS.collect(Source("x/y.json", b'{"a": 1}'), Context())) == []


@needs_examples
def test_mutants_of_reports_never_raise_anything_else() -> None:
    numbers = random.Random(5)
    sources = [example.read_bytes() for example in EXAMPLES] + [SSL_LOG.encode(), PROFILES]
    values = [None, 1, -1.5, True, "", "x" * 300, [], {}, [[]], {"a": {}}]
    for number in range(MUTANTS):
        data = bytearray(sources[number % len(sources)])
        if number % 2 and data[:1] == b"{":
            document = json.loads(data)
            mutate(document, numbers, values)
            data = bytearray(orjson.dumps(document))
        else:
            for _ in range(numbers.randrange(1, 5)):
                data[numbers.randrange(len(data))] = numbers.randrange(256)
        with contextlib.suppress(RoadsealError):
            import_report(bytes(data), "mutant")


def mutate(node: Any, numbers: random.Random, values: list[Any]) -> None:
    """Put something unfit in the place of a random value."""
    while isinstance(node, dict | list) and node:
        key = numbers.choice(list(node)) if isinstance(node, dict) else numbers.randrange(len(node))
        if numbers.random() < 0.3 or not isinstance(node[key], dict | list) or not node[key]:
            node[key] = numbers.choice(values)
            return
        node = node[key]


PROFILES = orjson.dumps(
    {
        "format": "roadseal-certificate-profiles/1",
        "certificates": [
            {"sha256": "ab" * 32, "issued_under": "hybrid-2026/1", "identity": "rsu-1"},
            {"sha256": "cd" * 32, "issued_under": "classical-2016/1", "not_after": "2027-01-01"},
        ],
    }
)
ZEEK_SSH = {
    "id.orig_h": "10.0.0.2",
    "id.resp_h": "10.0.0.1",
    "id.resp_p": 22,
    "version": 2,
    "kex_alg": "curve25519-sha256",
}


@pytest.mark.parametrize(
    ("fields", "agreed"),
    [
        ({"cipher_alg": "aes128-ctr", "mac_alg": "hmac-sha2-256"}, True),
        ({"cipher_alg": "Algorithm negotiation failed", "mac_alg": "hmac-sha2-256"}, False),
        ({"cipher_alg": "aes128-gcm@openssh.com", "mac_alg": "Algorithm negotiation failed"}, True),
        (
            {
                "cipher_alg": "To server: aes128-ctr, to client: Algorithm negotiation failed",
                "mac_alg": "hmac-sha2-256",
            },
            False,
        ),
    ],
)
def test_zeek_ssh_without_a_common_algorithm_is_no_agreement(
    fields: dict[str, str], agreed: bool
) -> None:
    row = orjson.dumps({"_path": "ssh", **ZEEK_SSH, **fields})
    (finding,) = import_report(row, "ssh.log").findings
    assert all(use.preferred is agreed for use in finding.algorithms)
    assert ("outcome" in finding.facts) is not agreed
    assert "negotiation failed" not in repr(finding.algorithms)


def test_zeek_tls_that_was_not_established_uses_nothing() -> None:
    row = {
        "_path": "ssl",
        "id.orig_h": "10.0.0.2",
        "version": "TLSv12",
        "cipher": "TLS_RSA_WITH_AES_128_CBC_SHA",
    }
    row |= {"established": False, "last_alert": "unknown_ca"}
    (finding,) = import_report(orjson.dumps(row), "ssl.log").findings
    assert finding.facts["outcome"] == "not established: unknown ca"
    assert not any(use.preferred for use in finding.algorithms)


def asset(name: str, **crypto: Any) -> dict[str, Any]:
    """An algorithm as CycloneDX 1.6 has it."""
    crypto = {"assetType": "algorithm", **crypto}
    kind = "cryptographic-asset"
    return {"type": kind, "bom-ref": name, "name": name, "cryptoProperties": crypto}


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("AES128-GCM", "aes-128-gcm"),
        ("AES256-CBC-PKCS7", "aes-256-cbc"),
        ("AES/CBC/PKCS5Padding", "aes-cbc"),
        ("AES/GCM/NoPadding", "aes-gcm"),
        ("DESede/ECB/PKCS5Padding", "3des-ecb"),
        ("RSA/ECB/PKCS1Padding", "rsa-pkcs1"),
        ("RSA/ECB/OAEPWithSHA-256AndMGF1Padding", "rsa-oaep-sha-256"),
        ("RSA-OAEP-SHA256", "rsa-oaep-sha-256"),
        ("RSASSA-PSS-SHA384", "rsa-pss-sha-384"),
        ("SHA256withRSAandMGF1", "rsa-pss-sha-256"),
        ("RSA-PKCS1-1.5-SHA-256-2048", "rsa-pkcs1-sha-256"),
        ("PBKDF2WithHmacSHA512", "pbkdf2-sha-512"),
        ("PS256", "rsa-pss-sha-256"),
        ("ES512", "ecdsa-p521"),
        ("HS256", "hmac-sha-256"),
        ("HMAC-SHA512/224", "hmac-sha-512-224"),
        ("CAST-128", "cast5-cbc"),
        ("MGF1", "mgf1"),
        ("id-alg-ml-kem-1024", "ml-kem-1024"),
        ("MLDSA65", "ml-dsa-65"),
        ("Kyber768", "kyber-768/round-3"),
        ("modp2048", "dh-2048"),
        ("our own AES", "our own AES"),
        ("AESsomething", "AESsomething"),
        ("DESCRIPTION", "DESCRIPTION"),
        ("RSA/ECB/OAEPWithMyHashPadding", "RSA/ECB/OAEPWithMyHashPadding"),
    ],
)
def test_spellings_of_java_jose_and_scanners_lead_to_one_name(spelling: str, name: str) -> None:
    (finding,) = bom(asset(spelling)).findings
    assert [use.name for use in finding.algorithms] == [name]


def test_the_draft_that_became_cyclonedx_1_6_is_read() -> None:
    """CBOM 1.4-cbom-1.0 of IBM: other names, places in a context of its own."""
    draft = {"type": "crypto-asset", "bom-ref": "a", "name": "aes128-GCM"}
    algorithm = {
        "assetType": "algorithm",
        "algorithmProperties": {"variant": "AES-128-GCM", "primitive": "blockcipher"},
        "detectionContext": [{"filePath": "src/a.c", "lineNumbers": [12, 14]}],
    }
    key = {
        "assetType": "relatedCryptoMaterial",
        "relatedCryptoMaterialProperties": {"relatedCryptoMaterialType": "publicKey", "size": 2048},
    }
    certificate = {
        "assetType": "certificate",
        "certificateProperties": {"certificateAlgorithm": "sha256WithRSAEncryption"},
    }
    protocol = {
        "assetType": "protocol",
        "protocolProperties": {"tlsCipherSuites": [{"name": "TLS_DHE_RSA_WITH_AES_128_CCM"}]},
    }
    properties = (algorithm, key, certificate, protocol)
    found = bom(
        *({**draft, "cryptoProperties": each} for each in properties), version="1.4-cbom-1.0"
    )
    cipher, public, signed, tls = found.findings
    assert (cipher.algorithms[0].name, cipher.algorithms[0].role) == (
        "aes-128-gcm",
        Role.ENCRYPTION,
    )
    assert cipher.facts["occurrence"] == "src/a.c:12"
    assert public.facts["material"] == "public-key"
    assert [use.name for use in signed.algorithms] == ["rsa-pkcs1-sha-256"]
    assert {use.name for use in tls.algorithms} == {"dh", "rsa", "aes-128-ccm"}
    assert found.repairs


def test_fields_with_underscores_are_read_and_said() -> None:
    found = bom(
        {
            "name": "RSA",
            "crypto_properties": {
                "asset_type": "algorithm",
                "algorithm_properties": {"primitive": "pke", "parameter_set_identifier": 2048},
            },
        }
    )
    (finding,) = found.findings
    assert [use.name for use in finding.algorithms] == ["rsa-2048"]
    assert any("underscores" in repair.what for repair in found.repairs)


def test_a_name_where_a_reference_belongs_is_read_and_said() -> None:
    key = {
        "assetType": "related-crypto-material",
        "relatedCryptoMaterialProperties": {"type": "public-key", "algorithmRef": "RSA-3072"},
    }
    found = bom(asset("key", **key))
    assert [use.name for use in found.findings[0].algorithms] == ["rsa-3072"]
    assert any("not a reference" in repair.what for repair in found.repairs)
    dead = bom(asset("key", **key | {"relatedCryptoMaterialProperties": {"algorithmRef": "x-1"}}))
    assert dead.findings[0].algorithms == ()


def test_protocols_list_their_algorithms_by_reference() -> None:
    protocol = asset(
        "TLS", assetType="protocol", protocolProperties={"cryptoRefArray": ["X25519", "dead-end"]}
    )
    (_, found) = bom(asset("X25519"), protocol).findings
    assert [use.name for use in found.algorithms] == ["x25519"]


def test_files_that_cdxgen_names_are_places() -> None:
    component = {**asset("sha256"), "properties": [{"name": "SrcFile", "value": "a/b.js"}]}
    assert bom(component).findings[0].facts["occurrence"] == "a/b.js"


def test_protocol_buffers_are_refused_by_name() -> None:
    """Field 1, the version 1.6; field 2, a number (bom-1.6.proto)."""
    document = b"\x0a\x031.6\x10\x01\x1a\x05hello"
    with pytest.raises(RoadsealError, match="Protocol Buffers") as refused:
        import_report(document, "bom.cdx")
    assert refused.value.code == "report-protobuf"
    (gap,) = REPORTS.collect(Source("bom.cdx", document), Context())
    assert isinstance(gap, Gap)
    assert "Protocol Buffers" in gap.detail
