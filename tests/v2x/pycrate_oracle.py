"""pycrate as an independent decoder, put into the shape of Roadseal's own trees."""

from __future__ import annotations

from typing import Any

from pycrate_asn1dir import ITS_IEEE1609_2

_DATA = ITS_IEEE1609_2.Ieee1609Dot2.Ieee1609Dot2Data
_CERTIFICATE = ITS_IEEE1609_2.Ieee1609Dot2.Certificate

_ALGORITHMS = {
    "ecdsaNistP256": "ecdsa-p256",
    "ecdsaNistP384": "ecdsa-p384",
    "ecdsaBrainpoolP256r1": "ecdsa-brainpoolp256r1",
    "ecdsaBrainpoolP384r1": "ecdsa-brainpoolp384r1",
    "eciesNistP256": "ecies-p256",
    "eciesBrainpoolP256r1": "ecies-brainpoolp256r1",
}
_HASHES = {"sha256": "sha-256", "sha384": "sha-384"}
_UNITS_US = {
    "microseconds": 1,
    "milliseconds": 1_000,
    "seconds": 1_000_000,
    "minutes": 60_000_000,
    "hours": 3_600_000_000,
    "sixtyHours": 216_000_000_000,
    "years": 31_556_952_000_000,
}


def decode_message(octets: bytes) -> dict[str, Any]:
    """The message as a tree; also asserts that pycrate writes the same bytes again."""
    _DATA.from_coer(octets)
    tree = _content(_DATA.get_val())
    assert _DATA.to_coer() == octets
    return tree


def decode_certificate(octets: bytes) -> dict[str, Any]:
    """The certificate as a tree; also asserts that pycrate writes the same bytes again."""
    _CERTIFICATE.from_coer(octets)
    tree = _certificate(_CERTIFICATE.get_val())
    assert _CERTIFICATE.to_coer() == octets
    return tree


def _content(value: dict[str, Any]) -> dict[str, Any]:
    kind, inner = value["content"]
    if kind == "unsecuredData":
        return {"content": kind, "data": inner.hex()}
    assert kind == "signedData"
    tbs, signer = inner["tbsData"], inner["signer"]
    header = dict(tbs["headerInfo"])
    if "inlineP2pcdRequest" in header:
        header["inlineP2pcdRequest"] = [name.hex() for name in header["inlineP2pcdRequest"]]
    if "p2pcdLearningRequest" in header:
        header["p2pcdLearningRequest"] = header["p2pcdLearningRequest"].hex()
    if "missingCrlIdentifier" in header:
        missing = header["missingCrlIdentifier"]
        header["missingCrlIdentifier"] = (missing["cracaId"].hex(), missing["crlSeries"])
    if "encryptionKey" in header:
        header["encryptionKey"] = _header_key(*header["encryptionKey"])
    if "requestedCertificate" in header:
        header["requestedCertificate"] = _certificate(header["requestedCertificate"])
    if "generationLocation" in header:
        place = header["generationLocation"]
        header["generationLocation"] = (place["latitude"] / 1e7, place["longitude"] / 1e7)
        header["generationElevationM"] = (place["elevation"] - 4095) / 10
    return {
        "content": kind,
        "hashId": _HASHES[inner["hashId"]],
        "payload": _content(tbs["payload"]["data"]),
        "headerInfo": header,
        "signer": {"digest": signer[1].hex()}
        if signer[0] == "digest"
        else {"certificate": [_certificate(one) for one in signer[1]]},
        "signature": _signature(inner["signature"]),
    }


def _certificate(value: dict[str, Any]) -> dict[str, Any]:
    tbs = value["toBeSigned"]
    issuer, digest = value["issuer"]
    validity = tbs["validityPeriod"]
    start = validity["start"] * 1_000_000
    unit, count = validity["duration"]
    tree: dict[str, Any] = {
        "type": value["type"],
        "issuer": {issuer: _HASHES[digest] if issuer == "self" else digest.hex()},
        "id": _identifier(*tbs["id"]),
        "cracaId": tbs["cracaId"].hex(),
        "crlSeries": tbs["crlSeries"],
        "validFrom": start,
        "validUntil": start + count * _UNITS_US[unit],
        "appPermissions": [_permission(one) for one in tbs.get("appPermissions", ())],
        "canRequestRollover": "canRequestRollover" in tbs,
    }
    for name in ("certIssuePermissions", "certRequestPermissions"):
        tree[name] = [_group(one) for one in tbs.get(name, ())]
    if "region" in tbs:
        tree["region"] = _region(*tbs["region"])
    if "assuranceLevel" in tbs:
        tree["assuranceLevel"] = tbs["assuranceLevel"].hex()
    if "encryptionKey" in tbs:
        tree["encryptionKey"] = _header_key("public", tbs["encryptionKey"])
    kind, indicator = tbs["verifyKeyIndicator"]
    if kind == "reconstructionValue":
        tree["reconstructionValue"] = _point(*indicator)
    else:
        tree["verificationKey"] = {
            "algorithm": _ALGORITHMS[indicator[0]],
            "point": _point(*indicator[1]),
        }
    if "signature" in value:
        tree["signature"] = _signature(value["signature"])
    return tree


def _header_key(kind: str, value: Any) -> dict[str, Any]:
    if kind == "symmetric":
        return {"algorithm": "aes-128-ccm", "key": value[1].hex()}
    curve, point = value["publicKey"]
    return {"algorithm": _ALGORITHMS[curve], "point": _point(*point)}


def _identifier(kind: str, value: Any) -> dict[str, Any]:
    if kind == "linkageData":
        text = f"i={value['iCert']} {value['linkage-value'].hex()}"
        if group := value.get("group-linkage-value"):
            text += f" group j={group['jValue'].hex()} {group['value'].hex()}"
        return {kind: text}
    if kind == "binaryId":
        return {kind: value.hex()}
    return {kind: "" if kind == "none" else value}


def _permission(value: dict[str, Any]) -> dict[str, Any]:
    tree = {"psid": value["psid"]}
    if "ssp" in value:
        form, octets = value["ssp"]
        tree[form] = octets.hex()
    return tree


def _group(value: dict[str, Any]) -> dict[str, Any]:
    bits, _ = value.get("eeType", (0x80, 8))
    kinds = [name for bit, name in ((0x80, "app"), (0x40, "enrol")) if bits & bit]
    form, subjects = value["subjectPermissions"]
    return {
        "minChainLength": value.get("minChainLength", 1),
        "chainLengthRange": value.get("chainLengthRange", 0),
        "eeType": kinds,
        "subjectPermissions": "all" if form == "all" else [_range(one) for one in subjects],
    }


def _range(value: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {"psid": value["psid"]}
    match value.get("sspRange"):
        case ("all", _):
            tree["sspRange"] = "all"
        case ("opaque", allowed):
            tree["opaque"] = [octets.hex() for octets in allowed]
        case ("bitmapSspRange", pattern):
            tree["sspValue"] = pattern["sspValue"].hex()
            tree["sspBitmask"] = pattern["sspBitmask"].hex()
    return tree


def _region(kind: str, value: Any) -> dict[str, Any]:
    match kind:
        case "circularRegion":
            return {"center": _degrees(value["center"]), "radiusM": value["radius"]}
        case "rectangularRegion":
            corners = [(_degrees(one["northWest"]), _degrees(one["southEast"])) for one in value]
            return {"rectangles": corners}
        case "polygonalRegion":
            return {"polygon": [_degrees(corner) for corner in value]}
        case _:
            return {"countries": [_country(*one) for one in value]}


def _country(kind: str, value: Any) -> dict[str, Any]:
    if kind == "countryOnly":
        return {"country": value}
    if kind == "countryAndRegions":
        regions = [(region, None) for region in value["regions"]]
        return {"country": value["countryOnly"], "regions": regions}
    regions = [(one["region"], one["subregions"]) for one in value["regionAndSubregions"]]
    return {"country": value["country"], "regions": regions}


def _degrees(place: dict[str, int]) -> tuple[float, float]:
    return place["latitude"] / 1e7, place["longitude"] / 1e7


def _point(form: str, value: Any) -> str:
    if form.startswith("uncompressed"):
        return f"uncompressed {value['x'].hex()}{value['y'].hex()}"
    return f"{form} {value.hex()}"


def _signature(value: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    kind, parts = value
    return {
        "algorithm": _ALGORITHMS[kind.removesuffix("Signature")],
        "r": _point(*parts["rSig"]),
        "s": parts["sSig"].hex(),
    }
