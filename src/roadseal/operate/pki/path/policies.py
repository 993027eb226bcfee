"""Certificate policies along a chain.

Of the policy tree of RFC 5280 clause 6.1 what matters is its lowest level, and which policy of the
anchor's domain each of its nodes comes from; so that is kept and the tree is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from roadseal.operate.pki.der import contents, elements
from roadseal.operate.pki.path.extensions import extension, extensions_of

ANY_POLICY: Final = "2.5.29.32.0"
"""Stands for every policy."""
_ANY_NODE: Final = (ANY_POLICY, ANY_POLICY)


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The policies still expected, and the three counters of clause 6.1.2.

    Args:
        expected: policies that the next certificate may assert, each after the policy of the
            anchor's domain that it comes from.
        explicit: certificates until a policy is required.
        mapping: certificates until mappings are forbidden.
        any_policy: certificates until anyPolicy counts for nothing.
    """

    expected: frozenset[tuple[str, str]]
    explicit: int
    mapping: int
    any_policy: int

    @classmethod
    def start(
        cls, length: int, *, explicit: bool = False, no_mapping: bool = False, no_any: bool = False
    ) -> PolicyState:
        """The state at the anchor of a chain of `length` certificates, with the initial flags."""
        late = length + 1
        return cls(
            frozenset({_ANY_NODE}),
            0 if explicit else late,
            0 if no_mapping else late,
            0 if no_any else late,
        )

    @property
    def refused(self) -> bool:
        """Whether a policy is required and none is left."""
        return self.explicit == 0 and not self.expected

    def refused_by(self, acceptable: frozenset[str]) -> bool:
        """Whether, below the leaf, a policy is required and none left is one of `acceptable`."""
        if self.explicit > 0:
            return False
        origins = {origin for origin, _ in self.expected}
        takes_any = ANY_POLICY in acceptable or ANY_POLICY in origins
        return not (origins if takes_any else origins & acceptable)

    def after(
        self, certificate: x509.Certificate, *, is_leaf: bool, self_issued: bool
    ) -> PolicyState:
        """The state below `certificate`.

        Raises:
            ValueError: its policy mappings are none; a leaf's too, which map nothing.
        """
        pairs = _mappings(certificate)
        takes_any = self.any_policy > 0 or (self_issued and not is_leaf)
        state = replace(self, expected=self._valid(certificate, takes_any=takes_any))
        limits = extension(certificate, x509.PolicyConstraints)
        required = limits.require_explicit_policy if limits else None
        if is_leaf:
            explicit = 0 if required == 0 else max(0, state.explicit - 1)
            return replace(state, explicit=explicit)
        if state.refused:
            return state
        state = replace(state, expected=state._mapped(pairs))
        step = 0 if self_issued else 1
        inhibit = extension(certificate, x509.InhibitAnyPolicy)
        return PolicyState(
            state.expected,
            _lower(state.explicit - step, required),
            _lower(state.mapping - step, limits.inhibit_policy_mapping if limits else None),
            _lower(state.any_policy - step, inhibit.skip_certs if inhibit else None),
        )

    def _valid(
        self, certificate: x509.Certificate, *, takes_any: bool
    ) -> frozenset[tuple[str, str]]:
        policies = extension(certificate, x509.CertificatePolicies)
        if policies is None:
            return frozenset()
        named = {one.policy_identifier.dotted_string for one in policies} - {ANY_POLICY}
        known = {policy for _, policy in self.expected}
        valid = {node for node in self.expected if node[1] in named}
        if _ANY_NODE in self.expected:
            valid |= {(policy, policy) for policy in named - known}
        asserts_any = any(one.policy_identifier.dotted_string == ANY_POLICY for one in policies)
        return frozenset(valid | self.expected if asserts_any and takes_any else valid)

    def _mapped(self, pairs: list[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        sources = {source for source, _ in pairs}
        kept = {node for node in self.expected if node[1] not in sources}
        if self.mapping == 0:
            return frozenset(kept)
        known = {policy for _, policy in self.expected}
        for source, to in pairs:
            if source in known:
                kept |= {(origin, to) for origin, policy in self.expected if policy == source}
            elif _ANY_NODE in self.expected:
                kept.add((source, to))
        return frozenset(kept)


def _lower(counter: int, limit: int | None) -> int:
    counter = max(0, counter)
    return counter if limit is None else min(counter, limit)


def _mappings(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """Pairs of issuer and subject policy; the library leaves this extension undecoded.

    Raises:
        ValueError: the extension is no PolicyMappings, or maps anyPolicy.
    """
    try:
        found = extensions_of(certificate)
        raw = found.get_extension_for_oid(ExtensionOID.POLICY_MAPPINGS).value
    except x509.ExtensionNotFound:
        return []
    pairs = []
    for pair in elements(contents(raw.public_bytes())):
        source, to = (_dotted(contents(part)) for part in elements(contents(pair)))
        if ANY_POLICY in (source, to):
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
