"""What a station trusts, from its trust list manager down, learned from signed lists alone.

It is given the TLM's certificate and nothing else. The TLM's list (ECTL) names the roots, a root's
list (CTL) its EAs and AAs, its CRL those that are revoked. A list counts if whoever may say such
things signed it, and if it follows the lists before it (`TrustState.apply`).

Source: ETSI TS 102 941 V2.2.1 clauses 6.3.2 to 6.3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.lists import TrustList, read_list
from roadseal.operate.pki.v2x.trust_state import TrustState
from roadseal.v2x.reason import Reason
from roadseal.v2x.verifier import Verifier


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Values, no file; `hear` gives what is trusted after a list.

    Args:
        tlm: the certificate that was installed.
        manager: what the TLM's lists said.
        roots: what the lists of each root said, by the root's HashedId8.
    """

    tlm: bytes
    manager: TrustState = field(default_factory=TrustState)
    roots: Mapping[bytes, TrustState] = field(default_factory=dict)

    def hear(self, octets: bytes, now: Time64) -> tuple[TrustAnchors, Reason]:
        """Take in a list.

        Args:
            octets: an ECTL, a CTL or a CRL.
            now: when.

        Returns:
            What is trusted now, and `ok`; or what was trusted before, and why the list does not
            count: `replay` is one that was heard before or is too old.
        """
        signers = [self.tlm, *self.manager.certificates("rca")]
        verdict = read_list(octets, signers, now)
        if verdict.reason is not Reason.OK or verdict.contents is None or verdict.signer is None:
            return self, verdict.reason
        of_tlm = isinstance(verdict.contents, TrustList) and verdict.contents.of_tlm
        if of_tlm is not (verdict.signer == _name(self.tlm)):
            return self, Reason.PSID_NOT_PERMITTED  # a root speaks of no roots, a TLM of no others
        before = self.manager if of_tlm else self.roots.get(verdict.signer, TrustState())
        after = before.apply(verdict.contents, verdict.signed_at)
        if after is None:
            return self, Reason.REPLAY
        if of_tlm:
            return replace(self, manager=after), Reason.OK
        return replace(self, roots={**self.roots, verdict.signer: after}), Reason.OK

    def enter(self, verifier: Verifier) -> None:
        """Give an engine the roots, their authorities, and who is revoked.

        An engine forgets nobody: one that shall no longer trust a root is made anew.
        """
        for root in self.manager.certificates("rca"):
            verifier.add_root(root)
            if state := self.roots.get(_name(root)):
                state.enter(verifier)


def _name(certificate: bytes) -> bytes:
    return _core.certificate_digest(certificate)[0][-8:]
