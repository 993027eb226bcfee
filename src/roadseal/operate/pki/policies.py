"""Certificate policies along a chain, for a relying party that accepts any policy.

What matters then is only whether the policy tree of RFC 5280 clause 6.1 has a node left at its
lowest level, so the level is kept and the tree is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

_ANY: Final = "2.5.29.32.0"
_T = TypeVar("_T", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The policies still expected, and the three counters of clause 6.1.2.

    Args:
        expected: policies that the next certificate may assert.
        explicit: certificates until a policy is required.
        mapping: certificates until mappings are forbidden.
        any_policy: certificates until anyPolicy counts for nothing.
    """

    expected: frozenset[str]
    explicit: int
    mapping: int
    any_policy: int

    @classmethod
    def start(cls, length: int) -> PolicyState:
        """The state at the anchor of a chain of `length` certificates."""
        return cls(frozenset({_ANY}), length + 1, length + 1, length + 1)

    @property
    def refused(self) -> bool:
        """Whether a policy is required and none is left."""
        return self.explicit == 0 and not self.expected

    def after(
        self, certificate: x509.Certificate, *, is_leaf: bool, self_issued: bool
    ) -> PolicyState:
        """The state below `certificate`."""
        takes_any = self.any_policy > 0 or (self_issued and not is_leaf)
        state = replace(self, expected=self._valid(certificate, takes_any=takes_any))
        limits = _find(certificate, x509.PolicyConstraints)
        required = limits.require_explicit_policy if limits else None
        if is_leaf:
            explicit = 0 if required == 0 else max(0, state.explicit - 1)
            return replace(state, explicit=explicit)
        if state.refused:
            return state
        state = replace(state, expected=state._mapped(certificate))
        step = 0 if self_issued else 1
        inhibit = _find(certificate, x509.InhibitAnyPolicy)
        return PolicyState(
            state.expected,
            _lower(state.explicit - step, required),
            _lower(state.mapping - step, limits.inhibit_policy_mapping if limits else None),
            _lower(state.any_policy - step, inhibit.skip_certs if inhibit else None),
        )

    def _valid(self, certificate: x509.Certificate, *, takes_any: bool) -> frozenset[str]:
        policies = _find(certificate, x509.CertificatePolicies)
        if policies is None:
            return frozenset()
        named = {one.policy_identifier.dotted_string for one in policies}
        valid = {one for one in named - {_ANY} if one in self.expected or _ANY in self.expected}
        return frozenset(valid | self.expected) if _ANY in named and takes_any else frozenset(valid)

    def _mapped(self, certificate: x509.Certificate) -> frozenset[str]:
        pairs = _mappings(certificate)
        sources = {source for source, _ in pairs}
        kept = self.expected - sources
        if self.mapping == 0:
            return kept
        reached = {to for source, to in pairs if source in self.expected or _ANY in self.expected}
        return kept | reached


def _lower(counter: int, limit: int | None) -> int:
    counter = max(0, counter)
    return counter if limit is None else min(counter, limit)


def _find(certificate: x509.Certificate, kind: type[_T]) -> _T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _mappings(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """Pairs of issuer and subject policy; the library leaves this extension undecoded.

    Raises:
        ValueError: the extension is no PolicyMappings, or maps anyPolicy.
    """
    from roadseal.operate.pki.der import contents, elements

    try:
        raw = certificate.extensions.get_extension_for_oid(ExtensionOID.POLICY_MAPPINGS).value
    except x509.ExtensionNotFound:
        return []
    pairs = []
    for pair in elements(contents(raw.public_bytes())):
        source, to = (_dotted(contents(part)) for part in elements(contents(pair)))
        if _ANY in (source, to):
            raise ValueError
        pairs.append((source, to))
    return pairs


def _dotted(encoded: bytes) -> str:
    arcs, value = [], 0
    for octet in encoded:
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))
