"""A whole European system on one store: root, TLM, EA, AA, and the lists that they publish.

The certificate policy wants EA and AA apart, so that nobody knows both who asks and what they get.
Here they share a process, which suits a test bed or a road operator's own stations; each still sees
only its own messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.events import Emit
from roadseal.operate.pki.v2x.authorization import WEEK_US, AuthorizationAuthority
from roadseal.operate.pki.v2x.ecies import Random
from roadseal.operate.pki.v2x.enrolment import EnrolmentAuthority, Outcome
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys, make_authority
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Ledger
from roadseal.operate.pki.v2x.lists import (
    SEQUENCES,
    Entry,
    RevocationList,
    TrustList,
    read_list,
    sign_revocation_list,
    sign_trust_list,
)
from roadseal.operate.pki.v2x.secured import trusting
from roadseal.store.database import Store
from roadseal.v2x.verifier import Verifier

_REVOKED: Final = "revoked-authority"
_LIST: Final = "trust-list"


@dataclass(frozen=True, slots=True)
class EuSystem:
    """The authorities, ready to answer."""

    keys: dict[str, AuthorityKeys]
    ea: EnrolmentAuthority
    aa: AuthorizationAuthority
    ledger: Ledger
    trusted: Verifier
    """What EA and AA believe of one another."""

    @property
    def root(self) -> bytes:
        """The root's certificate."""
        return self.keys["eu-root"].certificate

    @property
    def authorities_certificates(self) -> list[bytes]:
        """The certificates of EA and AA."""
        return [self.keys["eu-ea"].certificate, self.keys["eu-aa"].certificate]

    def enter(self, verifier: Verifier) -> None:
        """Put the certificates into a station's engine."""
        verifier.add_root(self.root)
        verifier.add_certificates(self.authorities_certificates)

    def authorities(self) -> Verifier:
        """A verifier of the authorities' own messages."""
        return trusting([self.root], self.authorities_certificates)

    def enrol(self, request: bytes, now: Time64) -> Outcome:
        """Answer a station's request to enrol, or an AA's to validate."""
        self.learn_revocations()
        return self.ea.handle(request, now)

    def ticket(self, request: bytes, now: Time64) -> Outcome:
        """Answer a request for a ticket; EA and AA of one system talk here."""
        self.learn_revocations()
        pending = self.aa.request(request, now)
        if isinstance(pending, Outcome):
            return pending
        return self.aa.finish(pending, self.ea.handle(pending.message, now).answer, now)

    def revoke_authority(self, hashed_id8: bytes) -> None:
        """Put an EA or AA on the root's next CRL; the others stop believing it at once."""
        self.ledger.put(_REVOKED, [(hashed_id8, b"")])
        self.learn_revocations()

    def learn_revocations(self) -> None:
        """Believe nobody who is revoked, even if another process has noted it."""
        for name, _ in self.ledger.items(_REVOKED):
            self.trusted.revoke(name)

    def ctl(self, now: Time64, access_point: str) -> bytes:
        """The root's full trust list."""
        ea, aa = self.authorities_certificates
        lines = (
            Entry("ea", ea, f"{access_point}/eu/ea", f"{access_point}/eu/ea"),
            Entry("aa", aa, f"{access_point}/eu/aa"),
            Entry(
                "dc",
                access_point=f"{access_point}/eu",
                certificates=(self.keys["eu-root"].credential.hashed_id8,),
            ),
        )
        return self._trust_list("eu-root", now, lines)

    def ectl(self, now: Time64, access_point: str) -> bytes:
        """The trust list manager's full list."""
        tlm = self.keys["eu-tlm"].certificate
        lines = (Entry("rca", self.root), Entry("tlm", tlm, f"{access_point}/eu/ectl"))
        return self._trust_list("eu-tlm", now, lines)

    def crl(self, now: Time64) -> bytes:
        """The root's list of revoked authorities."""
        revoked = tuple(name for name, _ in self.ledger.items(_REVOKED))
        contents = RevocationList(now, Time64(now + WEEK_US), revoked)
        return sign_revocation_list(contents, self.keys["eu-root"].credential, now)

    def _trust_list(self, signer: str, now: Time64, lines: tuple[Entry, ...]) -> bytes:
        """The list as it stands; a new one when something changed or half its time is over."""
        keys = self.keys[signer]
        last = self.ledger.get(_LIST, signer.encode())
        if last is not None:
            contents = read_list(last, [keys.certificate], now).contents
            young = contents is not None and contents.next_update - now > WEEK_US // 2
            if young and isinstance(contents, TrustList) and contents.added == lines:
                return last
        contents = TrustList(
            sequence=self.ledger.next_number(f"ctl-{signer}", SEQUENCES),
            is_full=True,
            next_update=Time64(now + WEEK_US),
            added=lines,
            of_tlm=signer == "eu-tlm",
        )
        octets = sign_trust_list(contents, keys.credential, now)
        self.ledger.put(_LIST, [(signer.encode(), octets)])
        return octets


def create_eu(keyring: Keyring, now: Time64, *, algorithm: str = "ecdsa-p256") -> None:
    """Make the authorities' keys and certificates and keep them.

    Args:
        keyring: where; it holds no European system yet.
        now: when they begin.
        algorithm: what signs their certificates and answers; tickets may stay classical.

    Raises:
        RoadsealError: ``scms-exists``.
    """
    if keyring.names("eu-"):
        raise RoadsealError(
            "scms-exists",
            "There is a European system already.",
            advice="Use it, or another database.",
        )
    root = make_authority("root", "eu-root", algorithm, now)
    keyring.keep("eu-root", root)
    keyring.keep("eu-tlm", make_authority("tlm", "eu-tlm", algorithm, now))
    for role in ("ea", "aa"):
        keys = make_authority(role, f"eu-{role}", algorithm, now, root=root.credential)
        keyring.keep(f"eu-{role}", keys)


def open_eu(store: Store, keyring: Keyring, *, random: Random, emit: Emit) -> EuSystem:
    """Open the authorities that `create_eu` made.

    Raises:
        RoadsealError: ``scms-absent``, ``scms-passphrase``.
    """
    names = ("eu-root", "eu-tlm", "eu-ea", "eu-aa")
    keys = {name: keyring.load(name) for name in names}
    ea, aa = keys["eu-ea"], keys["eu-aa"]
    authorities = trusting([keys["eu-root"].certificate], [ea.certificate, aa.certificate])
    enrolment = EnrolmentAuthority(
        ea.credential,
        ea.decrypting,
        Ledger(store, "eu-ea"),
        authorities=authorities,
        random=random,
        emit=emit,
    )
    authorization = AuthorizationAuthority(
        aa.credential,
        aa.decrypting,
        Ledger(store, "eu-aa"),
        enrolment_authorities={ea.credential.hashed_id8: ea.certificate},
        authorities=authorities,
        random=random,
        emit=emit,
    )
    system = EuSystem(keys, enrolment, authorization, Ledger(store, "eu-root"), authorities)
    system.learn_revocations()
    return system
