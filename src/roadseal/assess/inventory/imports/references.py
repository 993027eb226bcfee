"""References between the components of a bill of materials, and where they lead.

BOM-Link: CycloneDX specification, "Referencing BOMs": ``urn:cdx:serial/version#bom-ref``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Gap, Location, Role
from roadseal.assess.inventory.imports.algorithm_names import canonical, canonical_curve
from roadseal.assess.inventory.imports.dialects import Dialect
from roadseal.assess.inventory.imports.document import rows, table, text, texts

ROLES: Final = {
    "kem": Role.KEY_EXCHANGE,
    "key-agree": Role.KEY_EXCHANGE,
    "combiner": Role.KEY_EXCHANGE,
    "pke": Role.ENCRYPTION,
    "block-cipher": Role.ENCRYPTION,
    "stream-cipher": Role.ENCRYPTION,
    "ae": Role.ENCRYPTION,
    "key-wrap": Role.ENCRYPTION,
    "hash": Role.INTEGRITY,
    "mac": Role.INTEGRITY,
    "xof": Role.INTEGRITY,
}
"""What a primitive is for; of a signature it does not say."""

Crypto = tuple[str, dict[str, Any], str, dict[str, Any]]
"""Place, component, asset type, properties."""
_LINK: Final = re.compile(r"urn:cdx:([0-9a-f-]{36})/\d+#(.+)", re.IGNORECASE)
_MAX_STEPS: Final = 4  # from a protocol through a certificate and its key to an algorithm


class References:
    """The components of a document by their names in it.

    Args:
        document: the whole.
        components: its cryptographic components.
        dialect: is told what is wrong.
    """

    def __init__(
        self, document: Mapping[str, Any], components: Sequence[Crypto], dialect: Dialect
    ) -> None:
        self._serial = text(document.get("serialNumber")).lower().removeprefix("urn:uuid:")
        self._assets: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {}
        for place, component, asset_type, properties in components:
            ref = text(component.get("bom-ref"))
            if ref in self._assets:
                dialect.say_of(place, f"bom-ref {ref!r} stands twice; the first is meant by it")
            elif ref:
                self._assets[ref] = component, asset_type, properties
        self._depends = {
            text(row.get("ref")): texts(row.get("dependsOn"))
            for row in rows(document.get("dependencies"))
        }
        self._dead: dict[str, str] = {}
        for place, _, _, properties in components:
            for ref in _references(properties):
                self._look(place, ref, dialect)

    def gaps(self, uri: str) -> Iterator[Gap]:
        """The references that lead nowhere in this document."""
        for ref, place in self._dead.items():
            other = " in another bill of materials" if _LINK.fullmatch(ref) else ""
            why = f"it refers to {ref[:200]!r}{other}, which is not here"
            yield Gap(Location(f"{uri}#{place}"), Cause.UNREADABLE, why)

    def resolve(self, refs: list[tuple[Role, str]]) -> tuple[AlgorithmUse, ...]:
        """Algorithms that references lead to, through keys and certificates if need be."""
        used = [use for role, ref in refs for use in self._follow(role, ref, _MAX_STEPS)]
        return tuple(dict.fromkeys(used))

    def depended(self, ref: str) -> tuple[AlgorithmUse, ...]:
        """The algorithms that a component depends on: how CBOMkit says whose a key is."""
        found = []
        for each in self._depends.get(ref, ()):
            asset = self._assets.get(self._local(each))
            if asset and asset[1] == "algorithm":
                found.append((Role.UNKNOWN, each))
        return self.resolve(found)

    def _look(self, place: str, ref: str, dialect: Dialect) -> None:
        if not ref or self._local(ref) in self._assets:
            return
        if classify(canonical(ref)).bearing is Bearing.UNKNOWN:
            self._dead.setdefault(ref, place)
            return
        self._assets[ref] = ({"name": ref}, "algorithm", {})
        dialect.say_of(place, f"{ref!r} is the name of an algorithm, not a reference")

    def _local(self, ref: str) -> str:
        """The reference within this document, where a BOM-Link names the document itself."""
        link = _LINK.fullmatch(ref)
        return link[2] if link and link[1].lower() == self._serial else ref

    def _follow(self, role: Role, ref: str, steps: int) -> Iterator[AlgorithmUse]:
        found = self._assets.get(self._local(ref))
        if found is None or not steps:
            return
        component, asset_type, properties = found
        if asset_type == "algorithm":
            oid = text(table(component.get("cryptoProperties")).get("oid"))
            yield AlgorithmUse(
                name_of(text(component.get("name")), properties, oid), _role(role, properties)
            )
            return
        if asset_type == "protocol":  # a finding of its own
            return
        inner = list(_references(properties))
        if asset_type == "certificate":
            role = Role.LIVE_AUTHENTICATION if role is Role.UNKNOWN else role
        for each in inner:
            yield from self._follow(role, each, steps - 1)
        if not inner and asset_type != "certificate":
            known = name_of(text(component.get("name")), properties, "")
            if classify(known).bearing is not Bearing.UNKNOWN:
                yield AlgorithmUse(known, role)


def name_of(name: str, properties: Mapping[str, Any], oid: str) -> str:
    """The canonical name of an algorithm by all that its component says of it."""
    primitive = text(properties.get("primitive"))
    parameter = text(properties.get("parameterSetIdentifier"))
    curve = text(properties.get("ellipticCurve") or properties.get("curve"))
    if primitive == "combiner":  # its parameters are those of one part
        parameter = curve = ""
    known = canonical(name, parameter, curve, oid)
    family = text(properties.get("algorithmFamily"))
    if primitive != "combiner" and classify(known).bearing is Bearing.UNKNOWN:
        for other in filter(None, (family, _by_curve(primitive, curve))):
            better = canonical(other, parameter, curve, oid)
            if better != other or classify(better).bearing is not Bearing.UNKNOWN:
                return better
    return known


def _by_curve(primitive: str, curve: str) -> str:
    """What is done on a curve, where the name is nobody's: "host key of the server"."""
    if not curve:
        return ""
    if (known := canonical_curve(curve)) in {"x25519", "x448", "ed25519", "ed448"}:
        return known
    return {"signature": "ecdsa", "key-agree": "ecdh", "pke": "ecies"}.get(primitive, "")


def _role(role: Role, properties: Mapping[str, Any]) -> Role:
    return ROLES.get(text(properties.get("primitive")), role) if role is Role.UNKNOWN else role


def _references(properties: Mapping[str, Any]) -> Iterator[str]:
    """References to algorithms and keys, whatever asset they stand in."""
    for field in ("algorithmRef", "signatureAlgorithmRef", "subjectPublicKeyRef", "cryptoRefArray"):
        yield from texts(properties.get(field))
    for related in rows(properties.get("relatedCryptographicAssets")):
        yield from texts(related.get("ref"))
    for suite in rows(properties.get("cipherSuites")):
        yield from texts(suite.get("algorithms"))
