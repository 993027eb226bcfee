"""What pkilint, a linter that others wrote, finds in a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pkilint import loader, validation
from pkilint.pkix import certificate, extension, name


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Args:
        severity: ``debug``, ``info``, ``notice``, ``warning``, ``error`` or ``fatal``.
        code: pkilint's name of it.
        where: path of the field.
        message: further detail, or empty.
    """

    severity: str
    code: str
    where: str
    message: str


def pkilint_findings(encoded: bytes) -> Iterator[Finding]:
    """Lint a certificate, DER; one that pkilint cannot read is a fatal finding."""
    try:
        document = loader.load_certificate(encoded, "certificate")
        results = _validator().validate(document.root)
    except Exception as error:  # it raises whatever its ASN.1 library does
        yield Finding("fatal", "unreadable", "certificate", str(error)[:200])
        return
    for result in results:
        for found in result.finding_descriptions:
            severity = found.finding.severity.name.lower()
            yield Finding(severity, found.finding.code, str(result.node.path), found.message or "")


@cache
def _validator() -> Any:
    decoding = certificate.create_decoding_validators(
        name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
    )
    parts: list[validation.ValidatorContainer] = [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ]
    return certificate.create_pkix_certificate_validator_container(decoding, parts)
