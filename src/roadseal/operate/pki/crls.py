"""What a set of CRLs says about one certificate: partitioned, indirect and delta lists included.

A list may be signed by another key than the certificate was, if a certificate of the list's issuer
for that key is itself believed.

Source: RFC 5280 §§ 5.2.4, 5.2.5, 5.3 and 6.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from roadseal.operate.pki.path.extensions import extension
from roadseal.operate.pki.path.names import same_name
from roadseal.operate.pki.serials import in_shard
from roadseal.operate.pki.signature import check_signature

Crl = x509.CertificateRevocationList
_T = TypeVar("_T", bound=x509.ExtensionType)
_ALL_REASONS: Final = frozenset(x509.ReasonFlags) - {
    x509.ReasonFlags.unspecified,
    x509.ReasonFlags.remove_from_crl,
}
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
        ExtensionOID.DELTA_CRL_INDICATOR,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT,
        ExtensionOID.FRESHEST_CRL,
    }
)
_UNDERSTOOD_OF_ENTRY: Final = frozenset(
    {
        CRLEntryExtensionOID.CRL_REASON,
        CRLEntryExtensionOID.INVALIDITY_DATE,
        CRLEntryExtensionOID.CERTIFICATE_ISSUER,
    }
)


class CrlState(StrEnum):
    """What lists say about a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


def counts(crl: Crl, *, strict: bool) -> bool:
    """Whether a list can be read; with `strict`, also whether it conforms (RFC 5280 §5.2).

    What cannot be read counts for nothing, and spoils no other list.
    """
    try:
        found = {one.oid: one for one in crl.extensions}
        number = found.get(ExtensionOID.CRL_NUMBER)
        conforms = (
            number is not None
            and not number.critical
            and ExtensionOID.AUTHORITY_KEY_IDENTIFIER in found
        )
        return crl.issuer is not None and (conforms or not strict)
    except Exception:  # whatever the library stumbles on
        return False


@dataclass(frozen=True, slots=True)
class _Point:
    """Where a certificate says that its state is found (RFC 5280 §4.2.1.13)."""

    names: frozenset[x509.GeneralName]
    reasons: frozenset[x509.ReasonFlags]
    indirect: frozenset[x509.GeneralName]


@dataclass
class RevocationLists:
    """The lists of one validation.

    Args:
        crls: lists, full and delta.
        signers: certificates that may have signed them.
        now: the instant.
        believe: whether a certificate that signed a list chains to this anchor (§6.3.3 f).
    """

    crls: Sequence[Crl]
    signers: Sequence[x509.Certificate]
    now: datetime
    believe: Callable[[x509.Certificate, x509.Certificate], bool]
    _signed: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)

    def state(
        self, certificate: x509.Certificate, issuer: x509.Certificate, anchor: x509.Certificate
    ) -> CrlState:
        """What is known of a certificate that `issuer` signed, in a chain that ends at `anchor`.

        Any newest list that revokes it is enough; to clear it, every reason must be covered.
        """
        covered: frozenset[x509.ReasonFlags] = frozenset()
        for point in _points(certificate):
            for crl in self._newest(point, certificate, issuer, anchor):
                if self._revoked(crl, certificate, issuer, anchor):
                    return CrlState.REVOKED
                scope = _extension(crl, x509.IssuingDistributionPoint)
                named = scope.only_some_reasons if scope else None
                covered |= point.reasons & (named or _ALL_REASONS)
        return CrlState.GOOD if covered >= _ALL_REASONS else CrlState.UNKNOWN

    def _newest(
        self,
        point: _Point,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        anchor: x509.Certificate,
    ) -> list[Crl]:
        """Of each signer and scope the newest full list that is meant for the certificate."""
        newest: dict[object, Crl] = {}
        for crl in self.crls:
            scope = _extension(crl, x509.IssuingDistributionPoint)
            if _extension(crl, x509.DeltaCRLIndicator) or not _in_scope(
                crl, scope, point, certificate
            ):
                continue
            signer = self._signer(crl, issuer, anchor)
            if signer is None:
                continue
            group = (signer.public_bytes(Encoding.DER), scope)
            if group not in newest or _age(newest[group]) < _age(crl):
                newest[group] = crl
        return list(newest.values())

    def _revoked(
        self,
        crl: Crl,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        anchor: x509.Certificate,
    ) -> bool:
        """Whether a full list, as its newest delta corrects it, names the certificate."""
        deltas = [
            one for one in self.crls if _amends(one, crl) and self._signer(one, issuer, anchor)
        ]
        newest = max(deltas, key=_number, default=None)
        amended = _entry(newest, certificate) if newest else None
        entry = amended or _entry(crl, certificate)
        if entry is None:
            return False
        return _reason(entry) is not x509.ReasonFlags.remove_from_crl

    def _signer(
        self, crl: Crl, issuer: x509.Certificate, anchor: x509.Certificate
    ) -> x509.Certificate | None:
        """Who signed a list, if it is current, understood, and theirs to sign."""
        current = (
            crl.last_update_utc <= self.now
            and crl.next_update_utc is not None
            and self.now <= crl.next_update_utc
            and all(one.oid in _UNDERSTOOD for one in crl.extensions if one.critical)
        )
        if not current:
            return None
        candidates = (one for one in (issuer, *self.signers) if self._signed_by(crl, one))
        return next((one for one in candidates if self.believe(one, anchor)), None)

    def _signed_by(self, crl: Crl, signer: x509.Certificate) -> bool:
        if not same_name(crl.issuer, signer.subject):
            return False
        pair = (crl.public_bytes(Encoding.DER), signer.public_bytes(Encoding.DER))
        if pair not in self._signed:
            usage = _extension(signer, x509.KeyUsage)
            self._signed[pair] = (usage is None or usage.crl_sign) and (
                check_signature(crl, signer) is None
            )
        return self._signed[pair]


def _points(certificate: x509.Certificate) -> Iterator[_Point]:
    """The distribution points of a certificate, and the one that every certificate has."""
    for point in _extension(certificate, x509.CRLDistributionPoints) or ():
        indirect = frozenset(point.crl_issuer or ())
        names = frozenset(point.full_name or ())
        if point.relative_name is not None:
            bases = [name.value for name in indirect if isinstance(name, x509.DirectoryName)]
            names |= {
                _relative(base, point.relative_name) for base in bases or [certificate.issuer]
            }
        yield _Point(names or indirect, point.reasons or _ALL_REASONS, indirect)
    own = frozenset({x509.DirectoryName(certificate.issuer)})
    yield _Point(own, _ALL_REASONS, frozenset())


def _in_scope(
    crl: Crl,
    scope: x509.IssuingDistributionPoint | None,
    point: _Point,
    certificate: x509.Certificate,
) -> bool:
    """Whether a list is meant for this certificate and point (RFC 5280 §6.3.3 b)."""
    if point.indirect:
        if scope is None or not scope.indirect_crl or not _among(crl.issuer, point.indirect):
            return False
    elif not same_name(crl.issuer, certificate.issuer):
        return False
    if scope is None:
        return True
    basic = _extension(certificate, x509.BasicConstraints)
    is_authority = basic is not None and basic.ca
    if scope.only_contains_attribute_certs or (
        scope.only_contains_user_certs if is_authority else scope.only_contains_ca_certs
    ):
        return False
    names = set(scope.full_name or ())
    if scope.relative_name is not None:
        names.add(_relative(crl.issuer, scope.relative_name))
    if any(_is_shard_of(one, certificate) for one in names):
        return True
    return not names or any(_same(one, other) for one in names for other in point.names)


def _is_shard_of(name: x509.GeneralName, certificate: x509.Certificate) -> bool:
    """Whether a list says that it is the part of our own shards that covers the certificate."""
    return isinstance(name, x509.UniformResourceIdentifier) and in_shard(
        name.value, certificate.serial_number
    )


def _entry(crl: Crl, certificate: x509.Certificate) -> x509.RevokedCertificate | None:
    """The entry of a certificate; in an indirect list each entry may name another issuer."""
    scope = _extension(crl, x509.IssuingDistributionPoint)
    if scope is None or not scope.indirect_crl:
        return crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    issuers: frozenset[x509.GeneralName] = frozenset({x509.DirectoryName(crl.issuer)})
    for entry in crl:
        named = _extension(entry, x509.CertificateIssuer)
        if named is not None:
            issuers = frozenset(named)
        if entry.serial_number == certificate.serial_number and _among(certificate.issuer, issuers):
            return entry
    return None


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    """The reason of an entry; one that is not understood revokes all the same."""
    if any(one.critical and one.oid not in _UNDERSTOOD_OF_ENTRY for one in entry.extensions):
        return None
    reason = _extension(entry, x509.CRLReason)
    return reason.reason if reason else None


def _amends(delta: Crl, base: Crl) -> bool:
    """Whether `delta` says what changed since `base` (RFC 5280 §5.2.4, §6.3.3 c)."""
    indicator = _extension(delta, x509.DeltaCRLIndicator)
    if indicator is None or not same_name(delta.issuer, base.issuer):
        return False
    scopes = {_extension(one, x509.IssuingDistributionPoint) for one in (delta, base)}
    return len(scopes) == 1 and indicator.crl_number <= _number(base) < _number(delta)


def _age(crl: Crl) -> tuple[int, datetime]:
    """Orders the lists of one signer and scope."""
    return _number(crl), crl.last_update_utc


def _number(crl: Crl) -> int:
    number = _extension(crl, x509.CRLNumber)
    return number.crl_number if number else -1


def _relative(base: x509.Name, part: x509.RelativeDistinguishedName) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([*base.rdns, part]))


def _same(one: x509.GeneralName, other: x509.GeneralName) -> bool:
    if isinstance(one, x509.DirectoryName) and isinstance(other, x509.DirectoryName):
        return same_name(one.value, other.value)
    return one == other


def _among(name: x509.Name, names: frozenset[x509.GeneralName]) -> bool:
    return any(_same(x509.DirectoryName(name), other) for other in names)


def _extension(
    signed: x509.Certificate | Crl | x509.RevokedCertificate, kind: type[_T]
) -> _T | None:
    if isinstance(signed, x509.Certificate):
        return extension(signed, kind)
    try:
        return signed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
