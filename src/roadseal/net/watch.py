"""Watches a handshake and judges it: what a session must be, and whether it is.

Knows nothing of OpenSSL: `roadseal.net.tls` tells it what it sees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from roadseal.net.identity import subject_names
from roadseal.net.profile import GROUPS, SCHEMES, TlsProfile
from roadseal.net.refusal import Reason, Refusal, from_verify_code
from roadseal.net.session import Negotiated, Side

MESSAGE_HEAD_BYTES: Final = 6
"""What `HandshakeWatch.message` wants to see: type, length, a CertificateVerify's scheme."""

_TICKET, _CERTIFICATE_VERIFY, _KEY_UPDATE = 4, 15, 24  # RFC 8446 appendix B.3
_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED, openssl/x509_vfy.h
_GROUP_BY_LOWER_NAME: Final = {group.name.lower(): group.name for group in GROUPS.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What one session must be.

    Args:
        side: ours.
        profile: what may be negotiated.
        roots: trust anchors, whose own signatures do not count.
        expect: names of which the peer must own one; None admits whoever chains to a root.
        anonymous: the client needs no certificate.
        expired_after: a leaf that expired before this instant is refused.
    """

    side: Side
    profile: TlsProfile
    roots: frozenset[x509.Certificate]
    expect: frozenset[str] | None
    anonymous: bool
    expired_after: datetime

    @property
    def admits_nameless(self) -> bool:
        """Whether the peer may be a client without a certificate."""
        return self.anonymous and self.expect is None and self.side is Side.SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedHandshake:
    """What the library says of a completed handshake."""

    version: str
    group: str
    cipher_suite: str
    resumed: bool
    certificate: x509.Certificate | None
    chain: tuple[x509.Certificate, ...]


class HandshakeWatch:
    """One handshake as it passes.

    Attributes:
        demands: what it is judged by.
        refusal: why the peer's chain was refused.
    """

    def __init__(self, demands: Demands) -> None:
        self.demands = demands
        self.refusal: Refusal | None = None
        self._schemes: dict[Side, int] = {}
        self._flights = 0
        self._sender: Side | None = None

    def message(self, sender: Side, head: bytes) -> None:
        """Note one handshake message by its first bytes, in the clear."""
        if head[0] in (_TICKET, _KEY_UPDATE):
            return
        if sender is not self._sender:
            self._sender = sender
            self._flights += 1
        if head[0] == _CERTIFICATE_VERIFY and len(head) >= MESSAGE_HEAD_BYTES:
            self._schemes[sender] = int.from_bytes(head[4:MESSAGE_HEAD_BYTES], "big")

    def certificate(
        self, read: Callable[[], x509.Certificate], depth: int, code: int, words: str
    ) -> bool:
        """Judge one certificate of the peer's chain, from the root down.

        Args:
            read: parses it; raises ValueError if that cannot be done.
            depth: 0 is the leaf.
            code: the library's objection to it (X509_V_ERR_*), 0 where it has none.
            words: the same in words.
        """
        self.refusal = self._objection(read, depth, code, words) or self.refusal
        return self.refusal is None

    def judge(self, done: CompletedHandshake) -> Negotiated | Refusal:
        """Compare what was negotiated with the profile: the check that nothing replaces."""
        profile = self.demands.profile
        if done.version != "TLSv1.3":
            return Refusal(Reason.WRONG_VERSION, done.version)
        group = _GROUP_BY_LOWER_NAME.get(done.group.lower(), done.group)
        if group not in profile.groups:
            return Refusal(Reason.GROUP_OUTSIDE_PROFILE, f"{group} is not in {profile.name}")
        suite = done.cipher_suite
        if suite not in profile.cipher_suites:
            return Refusal(Reason.CIPHER_OUTSIDE_PROFILE, f"{suite} is not in {profile.name}")
        if done.resumed:
            return Refusal(Reason.RESUMED, "a resumed session shows no certificate")
        certificate = done.certificate
        nameless = certificate is None and self.demands.admits_nameless
        if not nameless and (certificate is None or not done.chain):
            return Refusal(Reason.NO_CERTIFICATE, "no verified chain")
        ours = self.demands.side
        signatures: dict[Side, str] = {}
        for sender in (ours, ours.peer):
            signature = self._signature(sender)
            if isinstance(signature, Refusal):
                return signature
            signatures[sender] = signature
        return Negotiated(
            profile=profile.name,
            group=group,
            cipher_suite=suite,
            client_signature=signatures[Side.CLIENT],
            server_signature=signatures[Side.SERVER],
            flights=self._flights,
            peer_names=frozenset() if certificate is None else subject_names(certificate),
            peer_certificate=certificate,
            peer_chain=done.chain,
        )

    def _objection(
        self, read: Callable[[], x509.Certificate], depth: int, code: int, words: str
    ) -> Refusal | None:
        demands = self.demands
        try:
            certificate = read()
            oid = certificate.signature_algorithm_oid.dotted_string
        except ValueError:
            if code:
                return from_verify_code(code, f"{words}, at depth {depth}")
            return Refusal(Reason.MALFORMED, f"certificate at depth {depth}")
        in_grace = (
            code == _EXPIRED
            and depth == 0
            and certificate.not_valid_after_utc > demands.expired_after
        )
        if code and not in_grace:
            return from_verify_code(code, f"{words}, at depth {depth}")
        if oid not in demands.profile.signature_oids and certificate not in demands.roots:
            return Refusal(
                Reason.CERTIFICATE_OUTSIDE_PROFILE, f"signed with {oid}, at depth {depth}"
            )
        if depth > 0 or demands.expect is None:
            return None
        names = subject_names(certificate)
        if names & demands.expect:
            return None
        called = ", ".join(sorted(names)) or "unnamed"
        return Refusal(Reason.IDENTITY_MISMATCH, f"the peer is {called}")

    def _signature(self, sender: Side) -> str | Refusal:
        """The scheme of a side's CertificateVerify; blank for a client without a certificate."""
        number = self._schemes.get(sender)
        if number is None and self.demands.anonymous and sender is Side.CLIENT:
            return ""
        profile = self.demands.profile
        scheme = SCHEMES.get(number or 0)
        if scheme is not None and scheme.name in profile.signature_schemes:
            return scheme.name
        used = scheme.name if scheme else f"{number or 0:#06x}"
        whose = "own" if sender is self.demands.side else "the peer's"
        return Refusal(Reason.SIGNATURE_OUTSIDE_PROFILE, f"{whose} {used} is not in {profile.name}")
