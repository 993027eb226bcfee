"""What one structure of DER is, whole or cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from roadseal.assess.inventory.certificates import bouncy_castle, cms, der, enrolment
from roadseal.assess.inventory.certificates.keys import der_key
from roadseal.assess.inventory.certificates.pkcs12 import pkcs12
from roadseal.assess.inventory.certificates.status import status
from roadseal.assess.inventory.certificates.tpm import tpm_key
from roadseal.assess.inventory.certificates.x509 import certificate, request, revocation_list
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Gap, Location, Role

_SIGNED_DATA, _DATA = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1"
_MAX_MISSING_BYTES: Final = 1 << 16
_OF_WHOLE: Final = frozenset({"sha256", "spki_sha256", "key_id"})


def der_at(location: Location, encoded: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe the one structure that starts `encoded`, whatever of them it is."""
    found = (
        certificate(location, encoded, "x509")
        or revocation_list(location, encoded)
        or request(location, encoded)
        or der_key(location, encoded, context)
        or tpm_key(location, encoded)
    )
    if found:
        yield found
        return
    yield from status(location, encoded)
    yield from bouncy_castle.bcfks(location, encoded)
    yield from enrolment.cmp_message(location, encoded)
    yield from enrolment.requests(location, encoded)
    outer = der.element(encoded, 0, len(encoded))
    parts = der.shape(encoded, outer, 2) if outer else []
    match [one.tag for one in parts]:
        case [der.OID, *_] if der.dotted(encoded, parts[0]) in cms.CONTENTS:
            yield from cms.message(location, encoded)
        case [der.INTEGER, der.SEQUENCE]:
            inner = der.shape(encoded, parts[1], 1)
            if inner and der.dotted(encoded, inner[0]) in {_DATA, _SIGNED_DATA}:
                yield from pkcs12(location, encoded, context)


def cut_off(
    location: Location,
    encoded: bytes,
    context: Context,
    read: Callable[[Location, bytes, Context], Iterator[Finding | Gap]],
) -> Iterator[Finding]:
    """Describe what a structure says that ends before its own length, as if zeros followed.

    Its digests are those of nothing that exists, and are left out.
    """
    size = said_size(encoded)
    if not len(encoded) < size <= len(encoded) + _MAX_MISSING_BYTES:
        size = len(encoded)
    for output in read(location, encoded + bytes(size - len(encoded)), context):
        if isinstance(output, Finding):
            facts = {k: v for k, v in output.facts.items() if k not in _OF_WHOLE}
            before = f"{facts['defects']}; " if "defects" in facts else ""
            facts["defects"] = f"{before}it is cut off"
            # what is not there may have been cut off
            uses = tuple(use for use in output.algorithms if use.name != "null")
            yield replace(
                output,
                algorithms=uses or (AlgorithmUse("unreadable-encryption", Role.STORAGE),),
                confidence=min(output.confidence, 0.6),
                facts=facts,
            )


def said_size(encoded: bytes) -> int:
    """How long the first structure says that it is."""
    first = encoded[1] if len(encoded) > 1 else 0
    octets = first & 0x7F if first & 0x80 else 0
    if not 0 < octets <= 4:
        return 2 + first
    return 2 + octets + int.from_bytes(encoded[2 : 2 + octets])
