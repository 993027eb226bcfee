"""The tables that Go's crypto/x509 is tested with, read out of an installed Go, on our validation.

What Go and RFC 5280 see differently is named below, with the clause.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from test_path import CA, KEYS, NOW, RULES, usage

from roadseal.clock import Time64, from_datetime, to_datetime
from roadseal.operate.pki.keys import signing_hash
from roadseal.operate.pki.path.policies import ANY_POLICY
from roadseal.operate.pki.path.validation import PathReason, PathRules, validate_path

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|[A-Za-z_][\w.]*|\d+|\S')


@cache
def source() -> Path:
    """The folder of Go's crypto/x509."""
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    done = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True)
    found = Path(done.stdout.strip()) / "src/crypto/x509"
    if not (found / "name_constraints_test.go").is_file():
        pytest.skip("this Go comes without its tests")
    return found


def literal(text: str) -> Any:
    """A composite literal of Go: structs as dicts, slices as lists, calls as their arguments."""
    tokens = [one for one in _TOKEN.findall(text) if not one.startswith("//")]
    value, rest = _value(tokens)
    assert not rest
    return value


def _value(tokens: list[str]) -> tuple[Any, list[str]]:
    head, rest = tokens[0], tokens[1:]
    if head.startswith('"'):
        return head[1:-1].encode().decode("unicode_escape"), rest
    if head == "make":  # make([]spec, 1)
        end = rest.index(")")
        return [{} for _ in range(int(rest[end - 1]))], rest[end + 1 :]
    if head not in ("{", "[", "*") and rest[0] in (",", "}"):
        return head, rest  # a name: true, ExtKeyUsageAny
    while head != "{":  # the type
        head, rest = rest[0], rest[1:]
    fields: dict[str, Any] = {}
    items: list[Any] = []
    while rest[0] != "}":
        if len(rest) > 1 and rest[1] == ":":
            name = rest[0]
            fields[name], rest = _value(rest[2:])
        else:
            item, rest = _value(rest)
            items.append(item)
        if rest[0] == ",":
            rest = rest[1:]
    return (items if items else fields), rest[1:]


def constraint_tests() -> list[dict[str, Any]]:
    """Those of names; usages of intermediates are Go's own rule, and left out."""
    text = (source() / "name_constraints_test.go").read_text()
    body = text.split("var nameConstraintsTests = ", 1)[1].split("\n}\n", 1)[0] + "\n}"
    found: list[dict[str, Any]] = literal(body)
    return [one for one in found if '"ekus' not in str(one) and "'ekus'" not in str(one)]


def general(text: str, *, net: bool) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    match kind:
        case "dns":
            return x509.DNSName._init_without_validation(value)
        case "email":
            return x509.RFC822Name._init_without_validation(value)
        case "uri":
            return x509.UniformResourceIdentifier._init_without_validation(value)
        case "ip":
            network = ipaddress.ip_network(value, strict=False)
            return x509.IPAddress(network if net else ipaddress.ip_address(value))
    raise LookupError(kind)


def certificate(
    subject: str, issuer: str, key: Any, signer: Any, *extensions: tuple[Any, bool]
) -> x509.Certificate:
    now = to_datetime(NOW)
    name, by = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (subject, issuer)
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, signing_hash(signer))


def authority(spec: dict[str, Any], subject: str, issuer: str, key: Any, by: Any) -> Any:
    permitted = [general(one, net=True) for one in spec.get("ok", ())]
    excluded = [general(one, net=True) for one in spec.get("bad", ())]
    extensions = [(CA[0], True), (usage("key_cert_sign"), True)]
    if permitted or excluded:
        extensions.append((x509.NameConstraints(permitted or None, excluded or None), False))
    return certificate(subject, issuer, key, by, *extensions)


DIFFERENT = {
    "email canonicalization": "a quoted local part is not unquoted: refused",
    "excluded constraint, empty DNS san": "an empty name is none: refused",
    "invalid DNS SAN detected with constraints": "no constraint concerns it (see --strict)",
    "invalid email SAN detected with constraints": "no constraint concerns it (see --strict)",
}
"""Tests of Go that come out otherwise here, and why."""


def verdict(test: dict[str, Any]) -> bool:
    roots = [authority(one, "root", "root", KEYS[0], KEYS[0]) for one in test["roots"]]
    pool, issuer, key = [], "root", KEYS[0]
    for level, specs in enumerate(test.get("intermediates", ())):
        own = KEYS[1 + level % 2]
        pool += [authority(one, f"level {level}", issuer, own, key) for one in specs]
        issuer, key = f"level {level}", own
    sans = test["leaf"].get("sans", []) if test.get("leaf") else []
    names = [general(one, net=False) for one in sans]
    extensions = [(x509.SubjectAlternativeName(names), False)] if names else []
    leaf = certificate("Leaf", issuer, KEYS[3], key, *extensions)
    return validate_path(leaf, pool, roots, RULES).ok


def test_names_are_constrained_as_go_constrains_them() -> None:
    wrong, ran = {}, 0
    for test in constraint_tests():
        try:
            ok = verdict(test)
        except LookupError:
            continue  # kinds of names that only Go's own encoder makes
        ran += 1
        if ok != (not test.get("expectedError")):
            wrong[test["name"]] = ok
    assert ran > 60
    assert wrong.keys() == DIFFERENT.keys(), wrong


def test_policies_are_found_as_go_finds_them() -> None:
    """BoringSSL's chains, in Go's tree, under each setting of its table."""
    text = (source() / "verify_test.go").read_text()
    table = text.split("tests := []testCase{", 1)[1].split("for i, tc := range tests", 1)[0]
    table = re.sub(r"(?m)^\s*//.*$", "", table)
    plain, extra = table.split("for _, useAny := range", 1)
    load = x509.load_pem_x509_certificate

    def policy_file(name: str) -> x509.Certificate:
        return load((source() / f"testdata/policy_{name}.pem").read_bytes())

    cases = re.compile(
        r"\{\s*chain:\s*\[\]\*Certificate\{([^}]*)\},(.*?)valid:\s*(!?\w+),", re.DOTALL
    )
    found: list[Any] = [(*one, {}) for one in cases.findall(plain)]
    for any_policy in (False, True):
        middle = "intermediate_mapped_any" if any_policy else "intermediate_mapped"
        values = {"intermediate": middle, "useAny": str(any_policy).lower()}
        values["!useAny"] = str(not any_policy).lower()
        found += [(*one, values) for one in cases.findall(extra)]
    assert len(found) > 50
    wrong = []
    for chain_text, options, valid, values in found:
        names = [values.get(one.strip(), one.strip()) for one in chain_text.split(",")]
        chain = [policy_file(one) for one in names]
        begin, end = (
            from_datetime(one)
            for one in (chain[-1].not_valid_before_utc, chain[-1].not_valid_after_utc)
        )
        asked = " ".join(options.split())
        oids = {f"1.2.840.113554.4.1.72585.2.{one}" for one in re.findall(r"testOID(\d)", asked)}
        rules = PathRules(
            Time64((begin + end) // 2),
            policies=frozenset(oids or {ANY_POLICY}),
            require_policy="requireExplicitPolicy: true" in asked,
            inhibit_mapping="inhibitPolicyMapping: true" in asked,
        )
        reason = validate_path(chain[0], chain[1:-1], chain[-1:], rules).reason
        # The leaves may sign certificates and are no authorities, which Go does not look at here.
        assert reason in (PathReason.OK, PathReason.KEY_USAGE, PathReason.POLICY)
        if (reason is not PathReason.POLICY) != (values.get(valid, valid) == "true"):
            wrong.append((names, asked, valid, reason))
    assert wrong == []
