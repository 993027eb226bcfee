"""X.509 path building and validation: every chain tried, each rule of RFC 5280 clause 6 applied.

A chain is searched depth first from the leaf to a trust anchor, with a budget, so that
cross-signed meshes end. Rules hold for the anchor too: its validity, path length, usage and name
constraints are taken from its certificate.

Source: RFC 5280 clauses 4.2, 6.1 and 6.3; RFC 9881 clause 5 and RFC 9909 clause 6 (signing keys),
RFC 9935 clause 5 (ML-KEM keys) for key usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roadseal.clock import to_datetime
from roadseal.operate.pki.crls import RevocationLists, counts
from roadseal.operate.pki.path.checks import chain_problems
from roadseal.operate.pki.path.rules import PathReason, PathRules, PathVerdict
from roadseal.operate.pki.path.search import Budget, TooComplexError, called, chains

__all__ = ["PathReason", "PathRules", "PathVerdict", "validate_path"]

_DER: Final = Encoding.DER
_UNREADABLE: Final = "a certificate of the chain cannot be read"


def validate_path(
    leaf: x509.Certificate,
    untrusted: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    rules: PathRules,
) -> PathVerdict:
    """Search a chain from `leaf` to one of `anchors` under `rules`; hostile ones get a verdict."""
    return _Validation(untrusted, anchors, rules).of(leaf)


class _Validation:
    """One leaf under one set of rules, and the signers of the CRLs that it takes."""

    def __init__(
        self,
        untrusted: Sequence[x509.Certificate],
        anchors: Sequence[x509.Certificate],
        rules: PathRules,
    ) -> None:
        self._untrusted = [one for one in untrusted if _is_named(one)]
        self._anchors = anchors
        self._rules = rules
        self._budget = Budget()
        self._believed: dict[tuple[bytes, bytes], bool] = {}
        self._lists: RevocationLists | None = None
        if rules.crls:
            signers = [*anchors, *self._untrusted]
            now = to_datetime(rules.at)
            lists = [one for one in rules.crls if counts(one, strict=rules.strict)]
            self._lists = RevocationLists(lists, signers, now, self._believes)

    def of(self, leaf: x509.Certificate) -> PathVerdict:
        """The verdict about `leaf`."""
        try:
            return self._search(leaf, self._rules, self._anchors)
        except TooComplexError:
            return PathVerdict(PathReason.TOO_COMPLEX, "too many chains to try")
        except Exception:
            return PathVerdict(PathReason.MALFORMED, _UNREADABLE)

    def _search(
        self, leaf: x509.Certificate, rules: PathRules, anchors: Sequence[x509.Certificate]
    ) -> PathVerdict:
        best = PathVerdict(
            PathReason.NO_ISSUER, "no certificate at hand names itself as the issuer"
        )
        found = chains((leaf,), self._untrusted, anchors, self._budget)
        for chain, reason, detail in found:
            verdict = PathVerdict(reason, detail, chain)
            if verdict.ok:
                verdict = self._validate(chain, rules)
            if verdict.ok:
                return verdict
            if not best.chain or len(verdict.chain) > len(best.chain):
                best = verdict
        return best

    def _validate(self, chain: tuple[x509.Certificate, ...], rules: PathRules) -> PathVerdict:
        try:
            for reason, detail in chain_problems(chain, rules, self._lists, self._budget.compare):
                return PathVerdict(reason, detail, chain)
        except TooComplexError:
            raise
        except Exception:  # another chain may do without what cannot be read in this one
            return PathVerdict(PathReason.MALFORMED, _UNREADABLE, chain)
        detail = f"{len(chain)} certificates to {called(chain[-1])}"
        return PathVerdict(PathReason.OK, detail, chain)

    def _believes(self, signer: x509.Certificate, anchor: x509.Certificate) -> bool:
        """Whether the signer of a list chains to `anchor` and is not revoked itself.

        While that is being decided its own list counts: it may only accuse itself.
        """
        pair = signer.public_bytes(_DER), anchor.public_bytes(_DER)
        if pair not in self._believed:
            self._believed[pair] = True
            if signer != anchor:
                plain = replace(self._rules, purpose=None, status=None)
                self._believed[pair] = self._search(signer, plain, [anchor]).ok
        return self._believed[pair]


def _is_named(certificate: x509.Certificate) -> bool:
    """Whether its names can be read; one that is offered and has none spoils no other's chain."""
    try:
        return certificate.subject is not None and certificate.issuer is not None
    except ValueError:
        return False
