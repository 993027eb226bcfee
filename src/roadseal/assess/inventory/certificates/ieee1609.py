"""Certificates, trust lists and messages of IEEE 1609.2 and ETSI TS 103 097, by our own parser.

They carry no tags that a scanner of X.509 could find. A certificate file is read whole; a trust
list, a message or a bundle is searched for the certificates in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Final

from roadseal import _core
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
from roadseal.clock import Time64, to_datetime
from roadseal.events import Fact

STARTS: Final = (b"\x80\x03\x00", b"\x80\x03\x01", b"\x00\x03\x00", b"\x00\x03\x01")
MESSAGE_STARTS: Final = (
    b"\x03\x81\x00", b"\x03\x81\x01", b"\x03\x81\x02", b"\x03\x81\x40", b"\x03\x82\x01",
)  # fmt: skip
_LISTS: Final = {  # by AID or PSID of the header: ETSI TS 102 965 annex A, IEEE 1609.2 §7.3
    256: "certificate revocation list",
    622: "certificate revocation list",
    623: "certificate request",
    624: "certificate trust list",
}
_LEAST_CUT_BYTES: Final = 40
"""Octets that read well before a certificate is called cut off, rather than nothing of the kind."""

MAX_BYTES: Final = 64 << 20
_MAX_CERTIFICATE_BYTES: Final = 65_536
_MAX_CANDIDATES: Final = 100_000


def is_certificate(data: bytes) -> bool:
    """Whether `data` is one certificate from its first octet to its last."""
    return "error" not in _core.describe_certificate(data)


def looks_like_certificate(data: bytes) -> bool:
    """Whether a file starts as one does, and reads as one for a while, or from end to end."""
    if not data.startswith(STARTS):
        return False
    tree = _core.describe_certificate(data[:_MAX_CERTIFICATE_BYTES])
    return "error" not in tree or tree.get("offset", 0) >= _LEAST_CUT_BYTES


def looks_like_message(data: bytes) -> bool:
    """Whether a file starts as a signed list does, or is a message from end to end."""
    if data.startswith(b"\x03\x81") and data[3:5] == b"\x40\x03":  # signed data with a payload
        return True
    return "error" not in _core.describe_message(data[:MAX_BYTES])


def certificates(uri: str, data: bytes) -> Iterator[Finding | Gap]:
    """Describe the certificate that `data` is, or those that lie in it."""
    if len(data) > MAX_BYTES:
        yield Gap(Location(uri), Cause.TRUNCATED, "Too large for a trust list.")
        return
    if data.startswith(STARTS) and is_certificate(data):
        yield _finding(Location(uri, offset=0), data, _core.describe_certificate(data))
        return
    found = end = 0
    for offset, encoded in carve(data):
        found += 1
        end = offset + len(encoded)
        tree = _core.describe_certificate(encoded)
        yield _finding(Location(uri, offset=offset), encoded, tree)
    message: Mapping[str, Any] = {"error": ""}
    if data.startswith(b"\x03"):
        message = _core.describe_message(data)
    psid = message.get("headerInfo", {}).get("psid")
    what = _LISTS.get(psid) or message.get("content")
    if "error" not in message and (use := _message_use(message)):
        yield Finding(
            "certificate/ieee1609.2",
            Location(uri, offset=0),
            AssetType.PROTOCOL,
            f"IEEE 1609.2 {what}",
            use,
            Basis.OBSERVED,
            excerpt=f"IEEE 1609.2 {what} with {found} certificates",
            facts={} if psid is None else {"psid": psid},
        )
    elif data.startswith(STARTS) and not found:
        at = _core.describe_certificate(data[:_MAX_CERTIFICATE_BYTES]).get("offset", 0)
        detail = "A certificate of IEEE 1609.2 is malformed or cut off."
        yield Gap(Location(uri, offset=at), Cause.UNREADABLE, detail)
    elif data.startswith(b"\x03"):
        detail = "A message or list of IEEE 1609.2 is malformed or cut off."
        yield Gap(Location(uri, offset=message.get("offset", 0)), Cause.UNREADABLE, detail)
    elif not found:
        yield Gap(
            Location(uri), Cause.UNREADABLE, "No certificate of IEEE 1609.2 can be read here."
        )
    elif data.startswith(STARTS) and end < len(data):
        detail = "What follows is no certificate of IEEE 1609.2 and is not read."
        yield Gap(Location(uri, offset=end), Cause.UNREADABLE, detail)


def carve(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield offset and octets of each certificate in `data`, not those within another."""
    at = tried = 0
    while tried < _MAX_CANDIDATES:
        candidates = [data.find(start, at) for start in STARTS]
        at = min((each for each in candidates if each >= 0), default=-1)
        if at < 0:
            return
        tried += 1
        encoded = _prefix(data[at : at + _MAX_CERTIFICATE_BYTES])
        if encoded is None:
            at += 1
        else:
            yield at, encoded
            at += len(encoded)


def _prefix(data: bytes) -> bytes | None:
    """The certificate at the start of `data`: where it is malformed, it may merely have ended."""
    tree = _core.describe_certificate(data)
    if "error" not in tree:
        return data
    end = tree.get("offset", 0)
    return data[:end] if end > 20 and is_certificate(data[:end]) else None


def _finding(location: Location, encoded: bytes, tree: Mapping[str, Any]) -> Finding:
    authority = bool(tree.get("certIssuePermissions"))
    own = "self" in tree.get("issuer", {})
    role = Role.TRUST_ANCHOR if authority or own else Role.MESSAGE_SIGNATURE
    uses: list[AlgorithmUse] = []
    if key := tree.get("verificationKey"):
        uses.append(AlgorithmUse(str(key["algorithm"]), role))
    elif "reconstructionValue" in tree:  # an implicit certificate: ECQV on P-256 or its issuer's
        uses.append(AlgorithmUse("ecdsa-p256", role))
    if key := tree.get("encryptionKey"):
        uses.append(AlgorithmUse(str(key["algorithm"]), Role.ENCRYPTION))
    signature = tree.get("signature")
    if isinstance(signature, Mapping) and signature.get("algorithm"):
        use = AlgorithmUse(str(signature["algorithm"]), Role.TRUST_ANCHOR, preferred=not own)
        uses.append(use)
    name = tree.get("id", {}).get("name") or tree.get("hashedId8", "")
    facts: dict[str, Fact] = {
        "hashedId8": tree.get("hashedId8"),
        "type": tree.get("type"),
        "not_before": _instant(tree.get("validFrom")),
        "not_after": _instant(tree.get("validUntil")),
        "is_ca": authority,
        "sha256": hashlib.sha256(encoded).hexdigest(),
    }
    return Finding(
        "certificate/ieee1609.2",
        location,
        AssetType.CERTIFICATE,
        f"IEEE 1609.2 certificate {name}",
        tuple(dict.fromkeys(uses)),
        Basis.OBSERVED,
        excerpt=f"IEEE 1609.2 {tree.get('type')} certificate {tree.get('hashedId8')}",
        facts={key: value for key, value in facts.items() if value is not None},
    )


def _message_use(message: Mapping[str, Any]) -> tuple[AlgorithmUse, ...]:
    signature = message.get("signature")
    if isinstance(signature, Mapping) and signature.get("algorithm"):
        return (AlgorithmUse(str(signature["algorithm"]), Role.MESSAGE_SIGNATURE),)
    if message["content"] == "encryptedData":
        return (
            AlgorithmUse("ecies-p256", Role.ENCRYPTION),
            AlgorithmUse("aes-128-ccm", Role.ENCRYPTION),
        )
    return ()


def _instant(moment: int | None) -> str | None:
    if moment is None:
        return None
    try:
        return to_datetime(Time64(moment)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return None
