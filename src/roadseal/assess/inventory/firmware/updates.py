"""Updates of SWUpdate and Mender, packages of Alpine: archives with what signs them.

Sources: SWUpdate, "Update images from verified source" and "Symmetrically encrypted update images";
Mender, "Artifact format" (mender-artifact, Documentation/artifact-format-v3.md); Alpine
wiki, "Apk spec".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

from roadseal.assess.inventory.certificates import cms
from roadseal.assess.inventory.collector import Member, Output
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Location, Role
from roadseal.assess.inventory.firmware.described import NOT_SIGNED, image

_DESCRIPTION, _DESCRIPTION_SIGNATURE = "sw-description", "sw-description.sig"
_VERSION, _MANIFEST, _MANIFEST_SIGNATURE = "version", "manifest", "manifest.sig"
_TELLING: Final = frozenset(
    {_DESCRIPTION, _DESCRIPTION_SIGNATURE, _VERSION, _MANIFEST, _MANIFEST_SIGNATURE}
)
_ALPINE: Final = ".SIGN."
_ALPINE_HASHES: Final = {"RSA": "sha-1", "RSA256": "sha-256", "RSA512": "sha-512"}
_SEQUENCE: Final = b"\x30"
_ENCRYPTED: Final = re.compile(rb"\bencrypted\"?\s*[=:]\s*\"?(true|aes-[a-z]+)")
_MENDER: Final = re.compile(rb'\A\s*\{\s*"format"\s*:\s*"mender"')
_P256_BYTES: Final = 64
_SHA256: Final = AlgorithmUse("sha-256", Role.INTEGRITY)


def with_update(uri: str, members: Iterable[Output]) -> Iterator[Output]:
    """Yield the members of an archive, and after them what signs it if it is an update."""
    telling: dict[str, bytes] = {}
    for one in members:
        if isinstance(one, Member) and (one.name in _TELLING or one.name.startswith(_ALPINE)):
            telling.setdefault(one.name, one.data)
        yield one
    location = Location(uri, offset=0)
    if _DESCRIPTION in telling:
        yield _swupdate(location, telling)
    elif signatures := [name for name in telling if name.startswith(_ALPINE)]:
        for name in signatures:
            yield _alpine(location, name, telling[name])
    elif _MANIFEST in telling and _MENDER.match(telling.get(_VERSION, b"")):
        yield _mender(location, telling)


def _swupdate(location: Location, telling: dict[str, bytes]) -> Finding:
    """The signature over its description is bare, or a message that is read as a member, too."""
    signature = telling.get(_DESCRIPTION_SIGNATURE)
    uses: list[AlgorithmUse] = [_SHA256]
    if signature is None:
        uses.append(NOT_SIGNED)
    elif signature.startswith(_SEQUENCE):
        for one in cms.message(location, signature, Role.FIRMWARE_SIGNATURE):
            if isinstance(one, Finding) and one.collector == "certificate/cms":
                uses += one.algorithms
    else:
        uses.append(_bare_signature(signature))
    if encrypted := _ENCRYPTED.search(telling[_DESCRIPTION]):
        named = encrypted[1].decode("ascii")
        cipher = "aes-256-cbc" if named == "true" else named.replace("aes-", "aes-256-")
        uses.append(AlgorithmUse(cipher, Role.ENCRYPTION))
    signed = "" if signature is not None else ", not signed"
    title = f"update for SWUpdate{signed}"
    return image(location, "swupdate", title, uses, {"signed": signature is not None})


def _mender(location: Location, telling: dict[str, bytes]) -> Finding:
    signature = telling.get(_MANIFEST_SIGNATURE)
    uses = [_SHA256]
    if signature is None:
        uses.append(NOT_SIGNED)
    else:
        try:
            uses.append(_bare_signature(base64.b64decode(signature, validate=True)))
        except binascii.Error:
            uses.append(AlgorithmUse("unreadable-signature", Role.FIRMWARE_SIGNATURE))
    title = f"update for Mender{'' if signature is not None else ', not signed'}"
    return image(location, "mender", title, uses, {"signed": signature is not None})


def _alpine(location: Location, name: str, signature: bytes) -> Finding:
    """A package of Alpine: the kind of the signature is in the name of its file (abuild-sign)."""
    kind = name.split(".")[2]
    digest = _ALPINE_HASHES.get(kind)
    named = f"rsa-pkcs1-{digest}" if digest else f"alpine:{kind[:20]}"
    uses = [AlgorithmUse(named, Role.FIRMWARE_SIGNATURE), _bare_signature(signature)]
    return image(location, "alpine", "package of Alpine Linux", uses, {"signed": True})


def _bare_signature(signature: bytes) -> AlgorithmUse:
    """Nothing but its length tells the key: of ECDSA 64 octets, of RSA those of the key."""
    if len(signature) == _P256_BYTES:
        name = "ecdsa-p256"
    elif len(signature) in range(128, 2049, 64):
        name = f"rsa-{8 * len(signature)}"
    else:
        name = "unreadable-signature"
    return AlgorithmUse(name, Role.FIRMWARE_SIGNATURE)
