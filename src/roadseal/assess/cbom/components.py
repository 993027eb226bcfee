"""Findings and algorithms as components of CycloneDX.

What the schema has no field for goes into properties named ``roadseal:…``; the schema allows no
other place. Source: ECMA-424, 2nd edition (CycloneDX 1.7), and the 1.6 schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from roadseal.assess.cbom.spec import Spec, curves, families
from roadseal.assess.inventory.classifier import Classification, classify
from roadseal.assess.inventory.finding import AssetType, Basis, Finding
from roadseal.events import Fact

_TECHNIQUES: Final = {
    Basis.OBSERVED: "dynamic-analysis",
    Basis.CONFIGURED: "manifest-analysis",
    Basis.DECLARED: "attestation",
    Basis.INFERRED: "other",
}
_BINARY: Final = ("certificate", "key", "firmware", "carve", "elf")
_PROTOCOLS: Final = {
    "tls": "tls",
    "https": "tls",
    "ssl": "tls",
    "dtls": "dtls",
    "quic": "quic",
    "ssh": "ssh",
    "ipsec": "ipsec",
    "ike": "ike",
    "ikev1": "ike",
    "ikev2": "ike",
    "wpa": "wpa",
    "wpa2": "wpa",
    "wpa3": "wpa",
    "sstp": "sstp",
}
_PRIMITIVES_OF_1_7: Final = {"key-wrap": "other"}
_HASHES: Final = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "sha1": "SHA-1"}
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")
_USED_FACTS: Final = frozenset(
    [
        "subject",
        "issuer",
        "serial",
        "not_before",
        "not_after",
        "format",
        "sha256",
        "fingerprint",
        "protocol",
        "version",
        "cipher_suite",
        "group",
        "signature_scheme",
        "size_bits",
        "material",
    ]
)


def algorithm_reference(name: str) -> str:
    """The bom-ref of an algorithm."""
    return f"algorithm/{name}"


def algorithm_component(name: str, spec: Spec) -> dict[str, Any]:
    """An algorithm, as far as its name is known."""
    known = classify(name)
    properties: dict[str, Any] = {"primitive": _primitive(known, spec)}
    if known.parameter_set:
        properties["parameterSetIdentifier"] = known.parameter_set
    if known.curve:
        if spec is Spec.V1_6:
            properties["curve"] = known.curve
        elif known.curve in curves():
            properties["ellipticCurve"] = known.curve
    if spec is Spec.V1_7 and known.family in families():
        properties["algorithmFamily"] = known.family
    if known.mode:
        properties["mode"] = known.mode
    if known.padding:
        properties["padding"] = known.padding
    properties["cryptoFunctions"] = list(known.functions)
    if known.classical_bits is not None:
        properties["classicalSecurityLevel"] = known.classical_bits
    if known.nist_level is not None:
        properties["nistQuantumSecurityLevel"] = known.nist_level
    return {
        "type": "cryptographic-asset",
        "bom-ref": algorithm_reference(name),
        "name": name,
        "cryptoProperties": {"assetType": "algorithm", "algorithmProperties": properties},
        "properties": _properties({"bearing": known.bearing.value}),
    }


def finding_component(finding: Finding, spec: Spec, reference: str) -> dict[str, Any]:
    """What was found, with where and how surely; `reference` becomes its bom-ref."""
    crypto: dict[str, Any] = {"assetType": finding.asset_type.value}
    match finding.asset_type:
        case AssetType.CERTIFICATE:
            crypto["certificateProperties"] = _certificate(finding, spec)
        case AssetType.PROTOCOL:
            crypto["protocolProperties"] = _protocol(finding, spec)
        case AssetType.MATERIAL:
            crypto["relatedCryptoMaterialProperties"] = _material(finding, spec)
        case AssetType.ALGORITHM:
            first = finding.algorithms[0].name if finding.algorithms else finding.title
            inner = algorithm_component(first, spec)["cryptoProperties"]
            crypto["algorithmProperties"] = inner["algorithmProperties"]
    stated: dict[str, Fact] = {
        "basis": finding.basis.value,
        "collector": finding.collector,
        **{name: value for name, value in finding.facts.items() if name not in _USED_FACTS},
    }
    uses = [(f"use:{use.role.value}", use.name) for use in finding.algorithms if use.preferred]
    allowed = [
        (f"allows:{use.role.value}", use.name) for use in finding.algorithms if not use.preferred
    ]
    return {
        "type": "cryptographic-asset",
        "bom-ref": reference,
        "name": finding.title or finding.collector,
        "cryptoProperties": crypto,
        "evidence": _evidence(finding),
        "properties": _properties(stated, *uses, *allowed),
    }


def _primitive(known: Classification, spec: Spec) -> str:
    if spec is Spec.V1_6:
        return _PRIMITIVES_OF_1_7.get(known.primitive, known.primitive)
    return known.primitive


def _certificate(finding: Finding, spec: Spec) -> dict[str, Any]:
    facts = finding.facts
    properties: dict[str, Any] = {
        "subjectName": _text(facts.get("subject")) or finding.title,
        "issuerName": _text(facts.get("issuer")),
        "notValidBefore": _instant(facts.get("not_before")),
        "notValidAfter": _instant(facts.get("not_after")),
        "certificateFormat": _text(facts.get("format")) or _format(finding.collector),
    }
    references = [algorithm_reference(use.name) for use in finding.algorithms if use.preferred]
    if spec is Spec.V1_6:
        if references:
            properties["signatureAlgorithmRef"] = references[0]
    else:
        properties["serialNumber"] = _text(facts.get("serial"))
        properties["fingerprint"] = _fingerprint(facts)
        properties["relatedCryptographicAssets"] = [
            {"type": "algorithm", "ref": reference} for reference in dict.fromkeys(references)
        ]
    return _filled(properties)


def _protocol(finding: Finding, spec: Spec) -> dict[str, Any]:
    facts = finding.facts
    protocol = str(facts.get("protocol", "unknown")).lower()
    kind = _PROTOCOLS.get(protocol, "unknown" if protocol == "unknown" else "other")
    references = [algorithm_reference(use.name) for use in finding.algorithms]
    suite: dict[str, Any] = {
        "name": _text(facts.get("cipher_suite")),
        "algorithms": list(dict.fromkeys(references)),
    }
    if spec is Spec.V1_7 and kind in ("tls", "dtls", "quic"):
        suite["tlsGroups"] = [facts["group"]] if facts.get("group") else []
        suite["tlsSignatureSchemes"] = (
            [facts["signature_scheme"]] if facts.get("signature_scheme") else []
        )
    suite = _filled(suite)
    return _filled(
        {
            "type": kind,
            "version": _text(facts.get("version")),
            "cipherSuites": [suite] if suite else [],
        }
    )


def _material(finding: Finding, spec: Spec) -> dict[str, Any]:
    facts = finding.facts
    kind = str(facts.get("material", "")).lower().replace("_", "-")
    properties: dict[str, Any] = {
        "type": kind if kind in _MATERIALS else "unknown",
        "size": facts["size_bits"] if isinstance(facts.get("size_bits"), int) else None,
        "format": _text(facts.get("format")),
    }
    references = [algorithm_reference(use.name) for use in finding.algorithms if use.preferred]
    if references and spec is Spec.V1_6:
        properties["algorithmRef"] = references[0]
    elif references:
        properties["relatedCryptographicAssets"] = [
            {"type": "algorithm", "ref": reference} for reference in dict.fromkeys(references)
        ]
        properties["fingerprint"] = _fingerprint(facts)
    return _filled(properties)


_MATERIALS: Final = frozenset(
    [
        "private-key",
        "public-key",
        "secret-key",
        "key",
        "signature",
        "digest",
        "seed",
        "password",
        "credential",
        "token",
        "shared-secret",
        "salt",
        "nonce",
        "other",
    ]
)


def _evidence(finding: Finding) -> dict[str, Any]:
    place = finding.location
    occurrence: dict[str, Any] = {"location": place.uri}
    if place.line is not None:
        occurrence["line"] = place.line
    if place.offset is not None:
        occurrence["offset"] = place.offset
    context = [f"frame {place.frame}"] if place.frame is not None else []
    context += [finding.excerpt] if finding.excerpt else []
    if context:
        occurrence["additionalContext"] = "; ".join(context)
    technique = _TECHNIQUES[finding.basis]
    if finding.basis is Basis.OBSERVED and finding.collector.split("/")[0] in _BINARY:
        technique = "binary-analysis"
    method = {"technique": technique, "confidence": finding.confidence, "value": finding.collector}
    identity = {"field": "name", "confidence": finding.confidence, "methods": [method]}
    return {"identity": [identity], "occurrences": [occurrence]}


def _properties(stated: Mapping[str, Fact], *more: tuple[str, str]) -> list[dict[str, str]]:
    pairs = [(name, _said(value)) for name, value in stated.items() if value is not None]
    return [{"name": f"roadseal:{name}", "value": value} for name, value in sorted([*pairs, *more])]


def _said(value: Fact) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filled(properties: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known: the schema takes no null and no empty text."""
    return {name: value for name, value in properties.items() if value not in (None, "", [], {})}


def _text(value: Fact) -> str | None:
    return None if value is None else str(value)


def _instant(value: Fact) -> str | None:
    """A date and time of RFC 3339, or nothing where it is none."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fingerprint(facts: Mapping[str, Fact]) -> dict[str, str] | None:
    for name, algorithm in _HASHES.items():
        value = str(facts.get(name, "")).replace(":", "").lower()
        if _HEX.fullmatch(value) and len(value) == _HASH_CHARS[algorithm]:
            return {"alg": algorithm, "content": value}
    return None


_HASH_CHARS: Final = {"SHA-256": 64, "SHA-384": 96, "SHA-512": 128, "SHA-1": 40}


def _format(collector: str) -> str:
    return {"certificate/x509": "X.509", "certificate/1609.2": "IEEE 1609.2"}.get(
        collector, "unknown"
    )
