"""CycloneDX 1.4 to 1.7 (ECMA-424), JSON and XML: cryptographic assets as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from roadseal.assess.inventory import cipher_suite, identifiers
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.imports.algorithm_names import canonical
from roadseal.assess.inventory.imports.cyclonedx_xml import document_from_xml
from roadseal.assess.inventory.imports.dialects import Dialect
from roadseal.assess.inventory.imports.document import (
    Imported,
    Repair,
    load_json,
    malformed,
    rows,
    table,
    text,
    texts,
)
from roadseal.assess.inventory.imports.references import ROLES, Crypto, References, name_of
from roadseal.assess.inventory.wire.tls import algorithms as tls_algorithms
from roadseal.events import Fact

MAX_COMPONENTS: Final = 1_000_000
MAX_DEPTH: Final = 16
"""Components within components that are followed."""

_KNOWN_VERSIONS = {"1.4", "1.5", "1.6", "1.7"}


def read(data: bytes, uri: str) -> Imported:
    """Read a bill of materials.

    Raises:
        RoadsealError: ``report-malformed`` where it is no document at all.
    """
    is_xml = data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    document = document_from_xml(data) if is_xml else load_json(data, "CycloneDX document")
    if not isinstance(document, dict):
        raise malformed("CycloneDX document", "its root is no object")
    dialect = Dialect()
    version = text(document.get("specVersion"))
    if version not in _KNOWN_VERSIONS:
        dialect.repairs.append(Repair("specVersion", f"{version!r} is read as 1.7 would be"))
    left: list[Gap] = []
    components = list(_once(_components(document, dialect, uri, left), dialect))
    links = References(document, components, dialect)
    findings = []
    for place, component, asset_type, properties in components:
        mine = dialect.of(place)
        findings.append(_finding(uri, place, component, asset_type, properties, links, mine))
    gaps = [*left, *links.gaps(uri)]
    if not findings:
        gaps.append(Gap(Location(uri), Cause.NOT_SUPPORTED, "it lists no cryptographic assets"))
    form = "XML" if is_xml else "JSON"
    return Imported(
        f"CycloneDX {version} {form}",
        _tool(document),
        tuple(findings),
        tuple(dialect.repairs),
        tuple(gaps),
    )


def _components(
    document: Mapping[str, Any], dialect: Dialect, uri: str, left: list[Gap]
) -> Iterator[Crypto]:
    """The cryptographic components, those within others too, without recursion.

    What lies beyond a limit goes to `left`.
    """
    count = 0
    stack = [
        (f"components[{at}]", component, 0)
        for at, component in reversed(list(enumerate(rows(document.get("components")))))
    ]
    main = table(table(document.get("metadata")).get("component"))
    if main:
        stack.append(("metadata.component", main, 0))
    while stack and count < MAX_COMPONENTS:
        place, component, depth = stack.pop()
        count += 1
        if found := dialect.crypto(component, place):
            yield place, component, *found
        inner = list(enumerate(rows(component.get("components"))))
        if inner and depth >= MAX_DEPTH:
            why = f"components lie more than {MAX_DEPTH} deep"
            left.append(Gap(Location(f"{uri}#{place}"), Cause.TRUNCATED, why))
            continue
        stack.extend((f"{place}.components[{at}]", one, depth + 1) for at, one in reversed(inner))
    if stack:
        why = f"it has more than {MAX_COMPONENTS:,} components"
        left.append(Gap(Location(uri), Cause.TRUNCATED, why))


def _once(components: Iterator[Crypto], dialect: Dialect) -> Iterator[Crypto]:
    """The components without those that stand there again, word for word, as CBOMkit has them."""
    first: dict[str, Crypto] = {}
    for each in components:
        ref = text(each[1].get("bom-ref"))
        known = first.setdefault(ref, each) if ref else each
        if known is not each and known[1] == each[1]:
            dialect.say_of(known[0], "it stands in the document again, word for word")
        else:
            yield each


def _occurrences(component: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Files and lines: as the standard has them, in the draft's context, as cdxgen's property."""
    stated = rows(table(component.get("evidence")).get("occurrences"))
    if stated:
        return [(text(row.get("location")), row.get("line")) for row in stated]
    crypto = table(component.get("cryptoProperties"))
    places: list[tuple[str, object]] = []
    for row in rows(crypto.get("detectionContext")):
        lines = row.get("lineNumbers")
        first = lines[0] if isinstance(lines, list) and lines else None
        places.append((text(row.get("filePath")), first))
    files = [
        text(row.get("value"))
        for row in rows(component.get("properties"))
        if text(row.get("name")) == "SrcFile"
    ]
    return places or [(file, None) for file in files]


def _finding(
    uri: str,
    place: str,
    component: Mapping[str, Any],
    asset_type: str,
    properties: Mapping[str, Any],
    links: References,
    repairs: list[str],
) -> Finding:
    oid = text(table(component.get("cryptoProperties")).get("oid"))
    name = text(component.get("name")) or oid or "unnamed"
    describe = {
        "algorithm": _algorithm,
        "certificate": _certificate,
        "protocol": _protocol,
        "related-crypto-material": _material,
    }[asset_type]
    used, facts = describe(name, properties, oid, links)
    if not used and asset_type == "related-crypto-material":
        used = links.depended(text(component.get("bom-ref")))
    occurrences = _occurrences(component)
    where, line = occurrences[0] if occurrences else ("", None)
    facts |= {
        "bom_ref": text(component.get("bom-ref")),
        "occurrence": f"{where}:{line}" if where and line else where,
        "occurrences": len(occurrences) or None,
        "repaired": "; ".join(repairs),
    }
    return Finding(
        "import/cyclonedx",
        Location(f"{uri}#{place}"),
        AssetType(asset_type),
        name,
        used,
        Basis.DECLARED,
        confidence=0.7 if repairs else 0.9,
        facts={key: value for key, value in facts.items() if value not in (None, "")},
    )


Described = tuple[tuple[AlgorithmUse, ...], dict[str, Fact]]


def _algorithm(name: str, properties: Mapping[str, Any], oid: str, _links: References) -> Described:
    primitive = text(properties.get("primitive"))
    known = name_of(name, properties, oid)
    mode = text(properties.get("mode"))
    if mode and known.startswith("aes-") and not known.endswith(mode):
        known = canonical(f"{known}-{mode}")
    facts: dict[str, Fact] = {
        "primitive": primitive,
        "mode": mode,
        "padding": text(properties.get("padding")),
        "execution_environment": text(properties.get("executionEnvironment")),
        "stated_nist_level": _number(properties.get("nistQuantumSecurityLevel")),
        "stated_classical_bits": _number(properties.get("classicalSecurityLevel")),
    }
    return (AlgorithmUse(known, ROLES.get(primitive, Role.UNKNOWN)),), facts


def _certificate(
    name: str, properties: Mapping[str, Any], _oid: str, links: References
) -> Described:
    refs = [
        (Role.LIVE_AUTHENTICATION, text(properties.get("signatureAlgorithmRef"))),
        (Role.LIVE_AUTHENTICATION, text(properties.get("subjectPublicKeyRef"))),
        *(
            (Role.LIVE_AUTHENTICATION, text(related.get("ref")))
            for related in rows(properties.get("relatedCryptographicAssets"))
            if text(related.get("type")) in {"algorithm", "publicKey"}
        ),
    ]
    fingerprint = table(properties.get("fingerprint"))
    facts: dict[str, Fact] = {
        "subject": text(properties.get("subjectName")) or name,
        "issuer": text(properties.get("issuerName")),
        "serial": text(properties.get("serialNumber")),
        "not_before": text(properties.get("notValidBefore")),
        "not_after": text(properties.get("notValidAfter")),
        "format": text(properties.get("certificateFormat")),
        "fingerprint": text(fingerprint.get("content")),
        "state": ",".join(
            text(row.get("state")) for row in rows(properties.get("certificateState"))
        ),
    }
    return links.resolve(refs), facts


def _material(name: str, properties: Mapping[str, Any], oid: str, links: References) -> Described:
    """Keys and the like; a value, if one stands there, is not read."""
    refs = [(Role.UNKNOWN, text(properties.get("algorithmRef")))]
    refs += [
        (Role.UNKNOWN, text(related.get("ref")))
        for related in rows(properties.get("relatedCryptographicAssets"))
        if text(related.get("type")) == "algorithm"
    ]
    size = _number(properties.get("size"))
    used = links.resolve(refs)
    if not used:
        known = canonical(name, text(size) if size else "", oid=oid)
        used = (AlgorithmUse(known, Role.UNKNOWN),) if known != name else ()
    facts: dict[str, Fact] = {
        "material": text(properties.get("type")),
        "size_bits": size,
        "state": text(properties.get("state")),
        "expires": text(properties.get("expirationDate")),
        "format": text(properties.get("format")),
    }
    return used, facts


def _protocol(_name: str, properties: Mapping[str, Any], _oid: str, links: References) -> Described:
    used: list[AlgorithmUse] = []
    suites = []
    for row in rows(properties.get("cipherSuites")):
        name = text(row.get("name"))
        suites.append(name)
        if name:
            used += tls_algorithms(cipher_suite.from_name(name))
        used += _allowed(
            map(identifiers.tls_group_from_name, texts(row.get("tlsGroups"))), Role.KEY_EXCHANGE
        )
        schemes = map(identifiers.tls_scheme_from_name, texts(row.get("tlsSignatureSchemes")))
        used += _allowed(schemes, Role.LIVE_AUTHENTICATION)
        used += links.resolve([(Role.UNKNOWN, ref) for ref in texts(row.get("algorithms"))])
    used += _ike(table(properties.get("ikev2TransformTypes")), links)
    refs = [(Role.UNKNOWN, ref) for ref in texts(properties.get("cryptoRefArray"))]
    refs += [
        (Role.UNKNOWN, text(related.get("ref")))
        for related in rows(properties.get("relatedCryptographicAssets"))
        if text(related.get("type")) == "algorithm"
    ]
    used += links.resolve(refs)
    if exchange := text(properties.get("keyExchangeAlgorithm")):
        used.append(AlgorithmUse(canonical(exchange), Role.KEY_EXCHANGE))
    placed = {use.name for use in used if use.role is not Role.UNKNOWN}
    allowed = [
        AlgorithmUse(use.name, use.role, preferred=False)
        for use in used
        if use.role is not Role.UNKNOWN or use.name not in placed
    ]
    facts: dict[str, Fact] = {
        "protocol": text(properties.get("type")),
        "version": text(properties.get("version")),
        "cipher_suites": ",".join(filter(None, suites)),
    }
    return tuple(dict.fromkeys(allowed)), facts


def _ike(transforms: Mapping[str, Any], links: References) -> list[AlgorithmUse]:
    roles = {"encr": Role.ENCRYPTION, "prf": Role.INTEGRITY, "integ": Role.INTEGRITY} | {
        "auth": Role.LIVE_AUTHENTICATION
    }
    used: list[AlgorithmUse] = []
    for kind, role in roles.items():
        value = transforms.get(kind)
        # 1.6 holds references here, 1.7 objects.
        used += links.resolve([(role, ref) for ref in texts(value)])
        for row in rows(value):
            if name := text(row.get("name")):
                used.append(AlgorithmUse(canonical(name, text(row.get("keyLength"))), role))
    for row in rows(transforms.get("ke")):
        if (group := _number(row.get("group"))) is not None:
            used.append(AlgorithmUse(identifiers.ike_key_exchange(group), Role.KEY_EXCHANGE))
    used += links.resolve([(Role.KEY_EXCHANGE, ref) for ref in texts(transforms.get("ke"))])
    return used


def _allowed(names: Iterator[str], role: Role) -> list[AlgorithmUse]:
    return [AlgorithmUse(name, role) for name in names]


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return (
        int(value)
        if isinstance(value, str) and value.strip().isdigit() and len(value) < 10
        else None
    )


def _tool(document: Mapping[str, Any]) -> str:
    tools = table(document.get("metadata")).get("tools")
    named = (
        rows(tools) or rows(table(tools).get("components")) or rows(table(tools).get("services"))
    )
    return ", ".join(
        f"{text(tool.get('name'))} {text(tool.get('version'))}".strip() for tool in named[:4]
    )
