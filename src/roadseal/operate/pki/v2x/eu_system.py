"""A whole European system on one store: roots, TLM, EAs, AAs, and the lists that they publish.

The certificate policy wants EA and AA apart, so that nobody knows both who asks and what they get.
Here they share a process, which suits a test bed or a road operator's own stations; each still sees
only its own messages. Authorities are renewed beside the old ones: `eu_rotation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from roadseal.clock import Time64
from roadseal.events import Emit
from roadseal.operate.pki.v2x.authorization import WEEK_US, AuthorizationAuthority
from roadseal.operate.pki.v2x.ecies import Random, recipients
from roadseal.operate.pki.v2x.enrolment import EnrolmentAuthority
from roadseal.operate.pki.v2x.eu_rotation import SYSTEM, create_eu, in_order, retired
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
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
from roadseal.operate.pki.v2x.outcome import Outcome
from roadseal.operate.pki.v2x.secured import trusting
from roadseal.store.database import Store
from roadseal.v2x.reason import Reason
from roadseal.v2x.verifier import Verifier

__all__ = ["EuSystem", "create_eu", "open_eu"]

_REVOKED: Final = "revoked-authority"
_LIST: Final = "trust-list"


@dataclass(frozen=True, slots=True)
class EuSystem:
    """The authorities, ready to answer; `ea`, `aa` and `root` are the newest that are in use."""

    name: str
    keys: dict[str, AuthorityKeys]
    """By name, of each role the oldest first; retired ones, too."""
    eas: dict[bytes, EnrolmentAuthority]
    aas: dict[bytes, AuthorizationAuthority]
    """By the HashedId8 of their certificates."""
    ledger: Ledger
    trusted: Verifier
    """What EAs and AAs believe of one another."""

    @property
    def ea(self) -> EnrolmentAuthority:
        """The EA that stations ask."""
        return self.eas[self._newest("ea").hashed_id8]

    @property
    def aa(self) -> AuthorizationAuthority:
        """The AA that stations ask."""
        return self.aas[self._newest("aa").hashed_id8]

    @property
    def root(self) -> bytes:
        """The root's certificate."""
        return self._newest("root").certificate

    @property
    def authorities_certificates(self) -> list[bytes]:
        """The certificates of EAs and AAs in use."""
        return [keys.certificate for role in ("ea", "aa") for _, keys in self.in_use(role)]

    def in_use(self, role: str) -> Iterator[tuple[str, AuthorityKeys]]:
        """Names and keys of a role's authorities that are not retired, the oldest first."""
        gone = retired(self.ledger)
        for name, keys in self.keys.items():
            if keys.role == role and name not in gone:
                yield name, keys

    def enter(self, verifier: Verifier) -> None:
        """Put the certificates into a station's engine."""
        for _, keys in self.in_use("root"):
            verifier.add_root(keys.certificate)
        verifier.add_certificates(self.authorities_certificates)

    def authorities(self) -> Verifier:
        """A verifier of the authorities' own messages."""
        roots = [keys.certificate for _, keys in self.in_use("root")]
        return trusting(roots, self.authorities_certificates)

    def enrol(self, request: bytes, now: Time64) -> Outcome:
        """Answer a station's request to enrol, or an AA's to validate."""
        self.learn_revocations()
        return self.eas[self._asked("ea", request)].handle(request, now)

    def ticket(self, request: bytes, now: Time64) -> Outcome:
        """Answer a request for a ticket; EA and AA of one system talk here."""
        self.learn_revocations()
        aa = self.aas[self._asked("aa", request)]
        pending = aa.request(request, now)
        if isinstance(pending, Outcome):
            return pending
        return aa.finish(pending, self.eas[pending.ea].handle(pending.message, now).answer, now)

    def revoke_authority(self, hashed_id8: bytes) -> None:
        """Put an EA or AA on its root's next CRL; the others stop believing it at once."""
        self.ledger.put(_REVOKED, [(hashed_id8, b"")])
        self.learn_revocations()

    def learn_revocations(self) -> None:
        """Believe nobody who is revoked, even if another process has noted it."""
        for name, _ in self.ledger.items(_REVOKED):
            self.trusted.revoke(name)

    def ctl(self, now: Time64, access_point: str, *, root: str | None = None) -> bytes:
        """A root's full trust list: the EAs and AAs in use that it issued, and where to ask.

        Args:
            now: when.
            access_point: the address of this system.
            root: its name; the newest if absent.
        """
        name, keys = self._root(root)
        here = f"{access_point}/{SYSTEM}"
        hashed = keys.hashed_id8
        issued = {"ea": self._issued_by("ea", hashed), "aa": self._issued_by("aa", hashed)}
        lines = (
            *(Entry("ea", one, f"{here}/ea", f"{here}/ea") for one in issued["ea"]),
            *(Entry("aa", one, f"{here}/aa") for one in issued["aa"]),
            Entry("dc", access_point=here, certificates=(hashed,)),
        )
        return self._trust_list(name, now, lines)

    def ectl(self, now: Time64, access_point: str) -> bytes:
        """The trust list manager's full list: the roots in use, each with whom it follows."""
        name, tlm = next(self.in_use("tlm"))
        lines: list[Entry] = []
        before: bytes | None = None
        in_use = [keys.certificate for _, keys in self.in_use("root")]
        for keys in self.keys.values():
            if keys.role == "root":
                if keys.certificate in in_use:
                    lines.append(Entry("rca", keys.certificate, successor_to=before))
                before = keys.certificate
        lines.append(Entry("tlm", tlm.certificate, f"{access_point}/{SYSTEM}/ectl"))
        return self._trust_list(name, now, tuple(lines))

    def crl(self, now: Time64, *, root: str | None = None) -> bytes:
        """A root's list of revoked authorities.

        Args:
            now: when.
            root: its name; the newest if absent.
        """
        _, keys = self._root(root)
        hashed = keys.hashed_id8
        others = {
            one.hashed_id8
            for one in self.keys.values()
            if one.role in ("ea", "aa") and one.issuer != hashed
        }
        revoked = tuple(name for name, _ in self.ledger.items(_REVOKED) if name not in others)
        contents = RevocationList(now, Time64(now + WEEK_US), revoked)
        return sign_revocation_list(contents, keys.credential, now)

    def _asked(self, role: str, request: bytes) -> bytes:
        """Whom a request is for: an authority in use, or else the newest, which will refuse it."""
        names = [keys.hashed_id8 for _, keys in self.in_use(role)]
        return next((name for name in recipients(request) if name in names), names[-1])

    def _newest(self, role: str) -> AuthorityKeys:
        return list(self.in_use(role))[-1][1]

    def _root(self, name: str | None) -> tuple[str, AuthorityKeys]:
        roots = list(self.in_use("root"))
        return roots[-1] if name is None else (name, dict(roots)[name])

    def _issued_by(self, role: str, root: bytes) -> list[bytes]:
        chosen = [keys for _, keys in self.in_use(role) if keys.issuer == root]
        return [keys.certificate for keys in chosen]

    def _trust_list(self, signer: str, now: Time64, lines: tuple[Entry, ...]) -> bytes:
        """The list as it stands; a new one when something changed or half its time is over."""
        keys = self.keys[signer]
        last = self.ledger.get(_LIST, signer.encode())
        if last is not None:
            judged = read_list(last, [keys.certificate], now)
            contents = judged.contents
            # One that was signed while the clock was ahead does not hold: stations refuse it.
            if judged.reason is Reason.OK and isinstance(contents, TrustList):
                young = contents.next_update - now > WEEK_US // 2
                if young and contents.added == lines:
                    return last
        contents = TrustList(
            sequence=self.ledger.next_number(f"ctl-{signer}", SEQUENCES),
            is_full=True,
            next_update=Time64(now + WEEK_US),
            added=lines,
            of_tlm=keys.role == "tlm",
        )
        octets = sign_trust_list(contents, keys.credential, now)
        self.ledger.put(_LIST, [(signer.encode(), octets)])
        return octets


def open_eu(
    store: Store, keyring: Keyring, *, random: Random, emit: Emit, system: str = SYSTEM
) -> EuSystem:
    """Open the authorities that `create_eu` made, and those that were added.

    Raises:
        RoadsealError: ``scms-absent``, ``scms-passphrase``.
    """
    made = in_order(keyring, system) or [f"{system}-root"]  # which is absent, and said to be
    keys = {name: keyring.load(name) for name in made}
    eas = [one for one in keys.values() if one.role == "ea"]
    aas = [one for one in keys.values() if one.role == "aa"]
    authorities = trusting(
        [one.certificate for one in keys.values() if one.role == "root"],
        [one.certificate for one in (*eas, *aas)],
    )
    # One ledger a role: a station that an old EA knows is known to the new one.
    known, issued = Ledger(store, f"{system}-ea"), Ledger(store, f"{system}-aa")
    opened = EuSystem(
        name=system,
        keys=keys,
        eas={
            one.hashed_id8: EnrolmentAuthority(
                one.credential,
                one.decrypting,
                known,
                authorities=authorities,
                random=random,
                emit=emit,
            )
            for one in eas
        },
        aas={
            one.hashed_id8: AuthorizationAuthority(
                one.credential,
                one.decrypting,
                issued,
                enrolment_authorities={ea.hashed_id8: ea.certificate for ea in eas},
                authorities=authorities,
                random=random,
                emit=emit,
            )
            for one in aas
        },
        ledger=Ledger(store, f"{system}-root"),
        trusted=authorities,
    )
    opened.learn_revocations()
    return opened
