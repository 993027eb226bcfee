"""CBOMs of other tools: where references lead, and what is not said in the standard's way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion

from roadseal.assess.inventory.finding import Cause, Role
from roadseal.assess.inventory.imports.cyclonedx import MAX_DEPTH, read
from roadseal.assess.inventory.imports.document import Imported

SERIAL = "3e671687-395b-41f5-a30f-a58921a69b79"
ELSEWHERE = "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#key"


def algorithm(ref: str, name: str, **properties: Any) -> dict[str, Any]:
    crypto = {"assetType": "algorithm", "algorithmProperties": properties}
    return {"type": "cryptographic-asset", "bom-ref": ref, "name": name, "cryptoProperties": crypto}


def asset(ref: str, kind: str, field: str, **properties: Any) -> dict[str, Any]:
    crypto = {"assetType": kind, field: properties}
    return {"type": "cryptographic-asset", "bom-ref": ref, "name": ref, "cryptoProperties": crypto}


def imported(*components: dict[str, Any], **more: Any) -> Imported:
    document = {
        **more,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{SERIAL}",
        "components": components,
    }
    return read(json.dumps(document).encode(), "bom.json")


def uses(found: Imported, title: str) -> list[tuple[str, Role]]:
    finding = next(each for each in found.findings if each.title == title)
    return [(use.name, use.role) for use in finding.algorithms]


CURVE = algorithm("alg", "ECDH-P-256", primitive="key-agree", ellipticCurve="nist/P-256")
SIGNED = algorithm("sig", "SHA256withECDSA", primitive="signature", ellipticCurve="nist/P-256")


def test_a_protocol_uses_the_algorithms_of_its_certificate_and_not_its_name() -> None:
    found = imported(
        CURVE,
        SIGNED,
        asset("crt", "certificate", "certificateProperties", signatureAlgorithmRef="sig"),
        asset("tls", "protocol", "protocolProperties", type="tls", cryptoRefArray=["alg", "crt"]),
    )
    assert uses(found, "tls") == [
        ("p256", Role.KEY_EXCHANGE),
        ("ecdsa-p256", Role.LIVE_AUTHENTICATION),
    ]
    assert (found.gaps, found.repairs) == ((), ())


def test_a_bom_link_to_the_document_itself_is_followed_and_one_to_another_is_a_gap() -> None:
    found = imported(
        SIGNED,
        asset(
            "crt",
            "certificate",
            "certificateProperties",
            signatureAlgorithmRef=f"urn:cdx:{SERIAL.upper()}/1#sig",
            subjectPublicKeyRef=ELSEWHERE,
        ),
    )
    assert uses(found, "crt") == [("ecdsa-p256", Role.LIVE_AUTHENTICATION)]
    assert [gap.cause for gap in found.gaps] == [Cause.UNREADABLE]
    assert f"{ELSEWHERE!r} in another bill of materials" in found.gaps[0].detail


def test_a_reference_that_leads_nowhere_is_a_gap() -> None:
    material = asset("key", "related-crypto-material", "relatedCryptoMaterialProperties")
    material["cryptoProperties"]["relatedCryptoMaterialProperties"]["algorithmRef"] = "gone"
    assert ["'gone'" in gap.detail for gap in imported(material).gaps] == [True]


def test_a_key_without_a_reference_has_the_algorithm_that_it_depends_on() -> None:
    key = asset(
        "key", "related-crypto-material", "relatedCryptoMaterialProperties", type="private-key"
    )
    rows = [{"ref": "key", "dependsOn": ["sig", "gone"]}, {"ref": "sig", "dependsOn": ["alg"]}]
    found = imported(CURVE, SIGNED, key, dependencies=rows)
    assert uses(found, "key") == [("ecdsa-p256", Role.UNKNOWN)]
    assert uses(imported(CURVE, key), "key") == []


def test_references_in_a_circle_end() -> None:
    field = "relatedCryptoMaterialProperties"
    one = asset("one", "related-crypto-material", field, algorithmRef="two")
    two = asset("two", "related-crypto-material", field, algorithmRef="one")
    assert uses(imported(one, two), "one") == []


def test_a_reference_that_stands_twice_is_said_and_means_the_first() -> None:
    second = algorithm("sig", "RSA-2048", primitive="signature")
    key = asset("key", "certificate", "certificateProperties", signatureAlgorithmRef="sig")
    found = imported(SIGNED, second, key)
    assert uses(found, "key") == [("ecdsa-p256", Role.LIVE_AUTHENTICATION)]
    assert len(found.findings) == 3
    assert "stands twice" in found.repairs[0].what


def test_a_component_that_stands_twice_word_for_word_is_one() -> None:
    # CBOMkit has written whole lists twice.
    key = asset("key", "related-crypto-material", "relatedCryptoMaterialProperties", size=2048)
    found = imported(SIGNED, key, SIGNED, key, dependencies=[{"ref": "key", "dependsOn": ["sig"]}])
    assert [each.title for each in found.findings] == [SIGNED["name"], "key"]
    assert uses(found, "key") == uses(found, SIGNED["name"])
    again = "it stands in the document again, word for word"
    assert [each.what for each in found.repairs] == [again] * 2
    assert all(each.facts["repaired"] == again for each in found.findings)


def test_components_that_lie_too_deep_are_a_gap() -> None:
    nested = algorithm("deep", "DSA-1024", primitive="signature")
    for _ in range(MAX_DEPTH + 1):
        nested = {"type": "library", "name": "l", "components": [nested]}
    assert [gap.cause for gap in imported(CURVE, nested).gaps] == [Cause.TRUNCATED]
    assert len(imported(CURVE, nested["components"][0]).findings) == 2


def test_cipher_suites_that_are_names_are_read_and_said() -> None:
    tls = asset(
        "tls",
        "protocol",
        "protocolProperties",
        type="tls",
        cipherSuites=["TLS_AES_256_GCM_SHA384"],
        keyExchangeAlgorithm="X25519",
    )
    found = imported(tls)
    assert uses(found, "tls") == [
        ("aes-256-gcm", Role.ENCRYPTION),
        ("x25519", Role.KEY_EXCHANGE),
    ]
    assert len(found.repairs) == 2


def test_an_algorithm_that_is_only_named_in_a_library_is_read_and_said() -> None:
    library = {"type": "library", "name": "cryptography"}
    named = {"algorithm": "RSA", "implementation": "asymmetric"}
    tls = {"algorithm": "TLS", "implementation": "protocol"}
    found = imported(*({**library, "cryptoProperties": each} for each in (named, tls)))
    assert [each.asset_type.value for each in found.findings] == ["algorithm", "protocol"]
    assert found.findings[0].algorithms[0].name == "rsa"
    assert len(found.repairs) == 2


@pytest.mark.parametrize(
    ("name", "properties", "known"),
    [
        ("Ed25519 host key", {"primitive": "signature", "curve": "ed25519"}, "ed25519"),
        ("host key", {"primitive": "signature", "curve": "Edwards448"}, "ed448"),
        ("session key", {"primitive": "key-agree", "curve": "Curve25519"}, "x25519"),
        ("session key", {"primitive": "key-agree", "ellipticCurve": "nist/P-384"}, "p384"),
        ("server key", {"primitive": "signature", "ellipticCurve": "secg/secp256r1"}, "ecdsa-p256"),
        ("DH group 14", {"primitive": "key-agree", "parameterSetIdentifier": "2048"}, "dh-2048"),
        ("x448", {"primitive": "key-agree", "curve": "Curve448"}, "x448"),
        (
            "ECDSA-P-256-SHA-256",
            {"primitive": "signature", "algorithmFamily": "ECDSA", "ellipticCurve": "nist/P-256"},
            "ecdsa-p256",
        ),
        ("ECDSA-SHA256", {"primitive": "signature", "curve": "secp256r1"}, "ecdsa-p256"),
        ("our own cipher", {"primitive": "block-cipher"}, "our own cipher"),
    ],
)
def test_what_a_name_does_not_say_the_curve_may(
    name: str, properties: dict[str, str], known: str
) -> None:
    found = imported(algorithm("a", name, **properties))
    assert found.findings[0].algorithms[0].name == known


def test_xml_of_another_library_has_the_same_references_numbers_and_dependencies() -> None:
    algorithm_properties = {"primitive": "signature", "nistQuantumSecurityLevel": 0}
    key = asset(
        "key", "related-crypto-material", "relatedCryptoMaterialProperties", type="private-key"
    )
    key["cryptoProperties"]["relatedCryptoMaterialProperties"]["size"] = 256
    components = (
        algorithm("alg", "ECDH", primitive="key-agree", curve="P-256"),  # as 1.6 has it
        algorithm("sig", "ECDSA", **algorithm_properties, curve="P-256"),
        key,
        asset("tls", "protocol", "protocolProperties", type="tls", cryptoRefArray=["alg", "sig"]),
    )
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{SERIAL}",
        "components": components,
        "dependencies": [{"ref": "key", "dependsOn": ["sig"]}],
    }
    bom = Bom.from_json(document)  # type: ignore[attr-defined]  # added by its serializer
    xml = make_outputter(bom, OutputFormat.XML, SchemaVersion.V1_6).output_as_string()
    found = read(xml.encode(), "bom.xml")
    assert (found.repairs, found.gaps) == ((), ())
    assert uses(found, "key") == [("ecdsa-p256", Role.UNKNOWN)]
    assert uses(found, "tls")[0] == ("p256", Role.KEY_EXCHANGE)
    assert {name for name, _ in uses(found, "tls")} == {"p256", "ecdsa-p256"}
    facts = next(each for each in found.findings if each.title == "key").facts
    assert facts["size_bits"] == 256
