"""Broken dialects of CycloneDX that tools write, and how each is taken.

Every repair is said. The rules were collected from CBOMs of published tools that fail the official
schemas: fields one level too high, enumerations empty or in another case, numbers as text, single
values for lists, and the names of the draft that became CycloneDX 1.6.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from roadseal.assess.inventory.imports.document import Repair, table, text, texts

MAX_REPAIRS: Final = 10_000
"""Repairs that are listed of one document."""

_ASSET_TYPES = {
    "algorithm": "algorithm",
    "certificate": "certificate",
    "protocol": "protocol",
    "relatedcryptomaterial": "related-crypto-material",
    "key": "related-crypto-material",
    "publickey": "related-crypto-material",
    "privatekey": "related-crypto-material",
    "secretkey": "related-crypto-material",
    "secret": "related-crypto-material",
    "hash": "algorithm",
    "cipher": "algorithm",
}
_PROPERTIES = {
    "algorithm": "algorithmProperties",
    "certificate": "certificateProperties",
    "protocol": "protocolProperties",
    "related-crypto-material": "relatedCryptoMaterialProperties",
}
_RENAMED = {  # the draft's name of a field = the standard's
    "variant": "parameterSetIdentifier",
    "implementationLevel": "executionEnvironment",
    "curve": "ellipticCurve",
    "quantumSecurityLevel": "nistQuantumSecurityLevel",
}
_RENAMED_OF = {  # the same for names of one kind of asset
    "relatedCryptoMaterialProperties": {"relatedCryptoMaterialType": "type"},
    "certificateProperties": {"certificateAlgorithm": "signatureAlgorithmRef"},
    "protocolProperties": {"tlsCipherSuites": "cipherSuites"},
}
_DRAFT_PRIMITIVES = {
    "blockcipher": "block-cipher",
    "streamcipher": "stream-cipher",
    "keyagree": "key-agree",
    "keywrap": "key-wrap",
}
_STANDARD = {"assetType", *_PROPERTIES.values()}
_LEVELS = ("nistQuantumSecurityLevel", "classicalSecurityLevel")


class Dialect:
    """Brings components into the standard's form and keeps what was amiss."""

    def __init__(self) -> None:
        self.repairs: list[Repair] = []
        self._by_component: defaultdict[str, list[str]] = defaultdict(list)
        self._component = ""

    def of(self, place: str) -> list[str]:
        """What was repaired in the component at `place`."""
        return self._by_component.get(place, [])

    def crypto(self, component: Mapping[str, Any], place: str) -> tuple[str, dict[str, Any]] | None:
        """Return asset type and properties of a cryptographic component, None of any other."""
        self._component = place
        kind = text(component.get("type"))
        component = self._camel(component, place)
        crypto = table(component.get("cryptoProperties"))
        if kind != "cryptographic-asset":
            if not crypto:
                return None
            if kind in {"crypto-asset", "cryptographic_asset", "crypto", "cryptoAsset", ""}:
                self.say(place, f"type {kind!r} is taken for cryptographic-asset")
        if (named := text(crypto.get("algorithm"))) and not crypto.keys() & _STANDARD:
            return self._named(component, crypto, named, place)
        stated = text(crypto.get("assetType"))
        asset_type = _ASSET_TYPES.get(stated.lower().replace("-", "").replace("_", ""))
        if asset_type is None:
            asset_type = self._guess(crypto, place, stated)
        elif stated != asset_type:
            self.say(place, f"assetType {stated!r} is taken for {asset_type!r}")
        field = _PROPERTIES[asset_type]
        properties = dict(table(crypto.get(field)))
        self._lift(crypto, component, properties, place)
        self._rename(properties, field, f"{place}.{field}")
        self._clean(properties, f"{place}.{field}")
        return asset_type, properties

    def _named(
        self, component: Mapping[str, Any], crypto: Mapping[str, Any], named: str, place: str
    ) -> tuple[str, dict[str, Any]]:
        """An asset that is only named in the properties of the library that has it."""
        self.say(place, f"cryptoProperties holds nothing of the standard; algorithm is {named!r}")
        asset_type = _ASSET_TYPES.get(text(crypto.get("implementation")).lower(), "algorithm")
        return asset_type, {"algorithmFamily": named} if asset_type == "algorithm" else {}

    def _guess(self, crypto: Mapping[str, Any], place: str, stated: str) -> str:
        for asset_type, field in _PROPERTIES.items():
            if field in crypto:
                self.say(place, f"assetType {stated!r} is none; {field} says {asset_type}")
                return asset_type
        self.say(place, f"assetType {stated!r} is none; taken for algorithm")
        return "algorithm"

    def _lift(
        self,
        crypto: Mapping[str, Any],
        component: Mapping[str, Any],
        properties: dict[str, Any],
        place: str,
    ) -> None:
        """Fields of the properties that stand one or two levels too high."""
        for field in (*_LEVELS, "quantumSecurityLevel", "primitive", "mode", "padding"):
            for where, above in (("cryptoProperties", crypto), ("component", component)):
                if field in above and field not in properties:
                    properties[field] = above[field]
                    self.say(place, f"{field} stands in {where}, not in its properties")

    def _camel(self, component: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        """Names with underscores, as Python would have them, in the standard's form."""
        if not _SNAKE.keys() & {*component, *table(component.get("cryptoProperties"))}:
            return component
        self.say(place, "its fields have underscores in their names")
        return dict(table(_camel(component, 0)))

    def _rename(self, properties: dict[str, Any], field: str, place: str) -> None:
        for old, new in (*_RENAMED.items(), *_RENAMED_OF.get(field, {}).items()):
            if old in properties and new not in properties:
                properties[new] = properties.pop(old)
                if old != "curve":  # deprecated in 1.7, not wrong
                    self.say(place, f"{old} is the draft's name of {new}")

    def _clean(self, properties: dict[str, Any], place: str) -> None:
        for field in _LEVELS:
            value = properties.get(field)
            if isinstance(value, str):
                self.say(place, f"{field} is text, not a number")
                properties[field] = int(value) if value.strip().isdigit() else None
            elif isinstance(value, bool | float):
                self.say(place, f"{field} is {value!r}, not an integer")
                properties[field] = int(value)
        for field in [field for field, value in properties.items() if value == ""]:
            self.say(place, f"{field} is empty")
            del properties[field]
        if (draft := text(properties.get("primitive"))) in _DRAFT_PRIMITIVES:
            self.say(place, f"primitive {draft!r} is the draft's name")
            properties["primitive"] = _DRAFT_PRIMITIVES[draft]
        for field in ("primitive", "mode", "padding", "type"):
            value = properties.get(field)
            if isinstance(value, str) and value != value.lower():
                self.say(place, f"{field} {value!r} is not in lower case")
                camel = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", value)
                properties[field] = camel.lower()
        suites = properties.get("cipherSuites")
        if named := texts(suites):
            self.say(place, "cipherSuites are names, not objects")
            properties["cipherSuites"] = [
                {"name": each} if isinstance(each, str) else each
                for each in (suites if isinstance(suites, list) else named)
            ]
        if "keyExchangeAlgorithm" in properties:
            self.say(place, "keyExchangeAlgorithm is no field of the standard; it is taken")
        functions = properties.get("cryptoFunctions")
        if isinstance(functions, str):
            self.say(place, "cryptoFunctions is one text, not a list")
            properties["cryptoFunctions"] = texts(functions)

    def say_of(self, component: str, what: str) -> None:
        """Note a repair of a component that was read before.

        Args:
            component: its place.
            what: was wrong.
        """
        self._component = component
        self.say(component, what)

    def say(self, place: str, what: str) -> None:
        """Note a repair."""
        self._by_component[self._component].append(what)
        if len(self.repairs) < MAX_REPAIRS:
            self.repairs.append(Repair(place, what))


_SNAKE = {
    "crypto_properties": "cryptoProperties",
    "asset_type": "assetType",
    "algorithm_properties": "algorithmProperties",
    "certificate_properties": "certificateProperties",
    "protocol_properties": "protocolProperties",
    "related_crypto_material_properties": "relatedCryptoMaterialProperties",
}


def _camel(value: Any, depth: int) -> Any:
    """Keys in the standard's form, as deep as properties go."""
    if not isinstance(value, dict) or depth > 3:
        return value

    def renamed(key: str) -> str:
        head, *rest = key.split("_")
        return head + "".join(part.capitalize() for part in rest)

    return {renamed(str(key)): _camel(inner, depth + 1) for key, inner in value.items()}
