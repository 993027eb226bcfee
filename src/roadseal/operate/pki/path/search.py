"""Searching chains: depth first from a leaf to an anchor, with a budget, so that meshes end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.operate.pki.path.names import same_name
from roadseal.operate.pki.path.rules import PathReason
from roadseal.operate.pki.signature import check_signature

_DER: Final = Encoding.DER
_MAX_DEPTH: Final = 12
_MAX_SIGNATURES: Final = 200
_MAX_STEPS: Final = 2_000  # a mesh has more chains than signatures
_MAX_COMPARISONS: Final = 1 << 20  # of names with constraints: what OpenSSL allows, too


class TooComplexError(Exception):
    """The budget is spent."""


@dataclass
class Budget:
    """How much one search may cost."""

    signatures: int = 0
    steps: int = 0
    comparisons: int = 0
    known: dict[tuple[bytes, bytes], str | None] = field(default_factory=dict)

    def compare(self, count: int) -> None:
        """Compare `count` pairs of a name and a constraint."""
        self.comparisons += count
        if self.comparisons > _MAX_COMPARISONS:
            raise TooComplexError

    def check(self, signed: x509.Certificate, issuer: x509.Certificate) -> str | None:
        """Verify once a pair."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise TooComplexError
        pair = (signed.public_bytes(_DER), issuer.public_bytes(_DER))
        if pair not in self.known:
            self.signatures += 1
            if self.signatures > _MAX_SIGNATURES:
                raise TooComplexError
            self.known[pair] = check_signature(signed, issuer)
        return self.known[pair]


def chains(
    chain: tuple[x509.Certificate, ...],
    untrusted: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    budget: Budget,
) -> Iterator[tuple[tuple[x509.Certificate, ...], PathReason, str]]:
    """Yield each chain whose signatures hold, and each that breaks, with its reason."""
    last = chain[-1]
    if last in anchors:
        broken = budget.check(last, last) if same_name(last.issuer, last.subject) else None
        yield chain, PathReason(broken or "ok"), f"signature of {called(last)}"
        return
    if len(chain) >= _MAX_DEPTH:
        yield chain, PathReason.PATH_TOO_LONG, f"more than {_MAX_DEPTH} certificates"
        return
    for candidate in (*anchors, *untrusted):
        if candidate in chain or not same_name(candidate.subject, last.issuer):
            continue
        broken = budget.check(last, candidate)
        longer = (*chain, candidate)
        if broken:
            yield longer, PathReason(broken), f"signature of {called(last)}"
        elif candidate in anchors:
            yield longer, PathReason.OK, ""
        else:
            yield from chains(longer, untrusted, anchors, budget)


def called(certificate: x509.Certificate) -> str:
    """What to call a certificate in a verdict."""
    name = certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"
    return name[:200]
