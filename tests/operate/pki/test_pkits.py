"""NIST's Public Key Interoperability Test Suite, as `cryptography-vectors` carries it.

Which result is right stands in the name of the certificate; where it depends on what the relying
party asks for, the settings are those of the suite's document, sections 4.8, 4.10 and 4.12.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from cryptography import x509

from roadseal.clock import parse_instant
from roadseal.operate.pki.path.validation import PathReason, PathRules, PathVerdict, validate_path

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")

AT = parse_instant("2020-01-01T00:00:00")
REFUSED_BY_POLICY = "ValidDSASignaturesTest4EE"  # DSA with SHA-1, which nobody should take
UNREADABLE = {  # `cryptography` reads no DSA key without its parameters
    "DSAParametersInheritedCACert",
    "ValidDSAParameterInheritanceTest5EE",
}


def nist(*numbers: int) -> frozenset[str]:
    return frozenset(f"2.16.840.1.101.3.2.1.48.{number}" for number in numbers)


SETTINGS: list[tuple[str, dict[str, Any], bool]] = [
    ("ValidCertificatePathTest1EE", {"require_policy": True}, True),
    ("ValidCertificatePathTest1EE", {"require_policy": True, "policies": nist(1)}, True),
    ("ValidCertificatePathTest1EE", {"require_policy": True, "policies": nist(2)}, False),
    ("ValidCertificatePathTest1EE", {"require_policy": True, "policies": nist(1, 2)}, True),
    ("AllCertificatesNoPoliciesTest2EE", {}, True),
    ("AllCertificatesNoPoliciesTest2EE", {"require_policy": True}, False),
    ("DifferentPoliciesTest3EE", {}, True),
    ("DifferentPoliciesTest3EE", {"require_policy": True}, False),
    ("DifferentPoliciesTest3EE", {"require_policy": True, "policies": nist(1, 2)}, False),
    ("DifferentPoliciesTest4EE", {}, False),
    ("DifferentPoliciesTest5EE", {}, False),
    ("OverlappingPoliciesTest6EE", {}, True),
    ("OverlappingPoliciesTest6EE", {"policies": nist(1)}, True),
    ("OverlappingPoliciesTest6EE", {"policies": nist(2)}, False),
    ("DifferentPoliciesTest7EE", {}, False),
    ("DifferentPoliciesTest8EE", {}, False),
    ("DifferentPoliciesTest9EE", {}, False),
    ("AllCertificatesSamePoliciesTest10EE", {}, True),
    ("AllCertificatesSamePoliciesTest10EE", {"policies": nist(1)}, True),
    ("AllCertificatesSamePoliciesTest10EE", {"policies": nist(2)}, True),
    ("AllCertificatesanyPolicyTest11EE", {}, True),
    ("AllCertificatesanyPolicyTest11EE", {"policies": nist(1)}, True),
    ("DifferentPoliciesTest12EE", {}, False),
    ("AllCertificatesSamePoliciesTest13EE", {"policies": nist(1)}, True),
    ("AllCertificatesSamePoliciesTest13EE", {"policies": nist(2)}, True),
    ("AllCertificatesSamePoliciesTest13EE", {"policies": nist(3)}, True),
    ("AnyPolicyTest14EE", {"policies": nist(1)}, True),
    ("AnyPolicyTest14EE", {"policies": nist(2)}, False),
    ("UserNoticeQualifierTest15EE", {}, True),
    ("UserNoticeQualifierTest16EE", {}, True),
    ("UserNoticeQualifierTest17EE", {}, True),
    ("UserNoticeQualifierTest18EE", {"policies": nist(1)}, True),
    ("UserNoticeQualifierTest18EE", {"policies": nist(2)}, True),
    ("UserNoticeQualifierTest19EE", {}, True),
    ("CPSPointerQualifierTest20EE", {}, True),
    ("ValidPolicyMappingTest1EE", {"policies": nist(1)}, True),
    ("ValidPolicyMappingTest1EE", {"policies": nist(2)}, False),
    ("ValidPolicyMappingTest1EE", {"inhibit_mapping": True}, False),
    ("ValidPolicyMappingTest3EE", {"policies": nist(1)}, False),
    ("ValidPolicyMappingTest3EE", {"policies": nist(2)}, True),
    ("ValidPolicyMappingTest5EE", {"policies": nist(1)}, True),
    ("ValidPolicyMappingTest5EE", {"policies": nist(6)}, False),
    ("ValidPolicyMappingTest6EE", {"policies": nist(1)}, True),
    ("ValidPolicyMappingTest6EE", {"policies": nist(6)}, False),
    ("inhibitAnyPolicyTest3EE", {}, True),
    ("inhibitAnyPolicyTest3EE", {"inhibit_any_policy": True}, False),
]


def _read(kind: str, suffix: str, load: Any) -> Iterator[tuple[str, Any]]:
    folder = files("cryptography_vectors") / "x509" / "PKITS_data" / kind
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        name = file.name.removesuffix(suffix)
        if file.name.endswith(suffix) and name not in UNREADABLE:
            yield name, load(file.read_bytes())


@cache
def suite() -> tuple[dict[str, x509.Certificate], list[x509.CertificateRevocationList]]:
    """Every certificate by its name, and every CRL."""
    with warnings.catch_warnings(action="ignore"):  # negative serial numbers are part of it
        certificates = dict(_read("certs", ".crt", x509.load_der_x509_certificate))
        return certificates, [crl for _, crl in _read("crls", ".crl", x509.load_der_x509_crl)]


def verdict(name: str, **settings: Any) -> PathVerdict:
    """Validate a leaf against everything the suite has, so that building chains is tested too."""
    certificates, crls = suite()
    anchor = certificates["TrustAnchorRootCertificate"]
    others = [one for called, one in certificates.items() if not called.endswith("EE")]
    others.remove(anchor)
    return validate_path(certificates[name], others, [anchor], PathRules(AT, crls=crls, **settings))


def test_every_leaf_whose_name_says_what_it_is() -> None:
    names = [
        name for name in suite()[0] if name.endswith("EE") and name.startswith(("Valid", "Invalid"))
    ]
    assert len(names) == 202
    wrong = {name for name in names if verdict(name).ok is not name.startswith("Valid")}
    assert wrong == {REFUSED_BY_POLICY}
    assert verdict(REFUSED_BY_POLICY).reason is PathReason.WEAK_ALGORITHM


@pytest.mark.parametrize(("name", "settings", "holds"), SETTINGS)
def test_policies_bind_as_the_relying_party_asks(
    name: str, settings: dict[str, Any], holds: bool
) -> None:
    assert verdict(name, **settings).ok is holds
