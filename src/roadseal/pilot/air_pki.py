"""The corridor's V2X authorities: stations get credentials and tickets from `roadseal.operate.pki`.

Embedded, on SQLite, thrown away with the process. Enrolment, authorisation and lists are those of
TS 102 941, from octets to octets; only time is virtual, and nothing travels.
"""

from __future__ import annotations

import atexit
import itertools
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki.v2x import (
    SCHEMA,
    EuSystem,
    Keyring,
    Station,
    TrustAnchors,
    create_eu,
    follow_eu,
    open_eu,
    retire_eu,
)
from roadseal.operate.pki.v2x.enrolment import ENROLMENT_SSP
from roadseal.operate.pki.v2x.hierarchy import Role
from roadseal.operate.pki.v2x.station import (
    Request,
    Response,
    authorization_request,
    enrolment_request,
    read_response,
)
from roadseal.store import Store, open_store
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    Permission,
    SigningKey,
    service,
)

_ENROLLED: Final = Duration(6, 1)
_ASSURANCE: Final = 0x60
_ACCESS_POINT: Final = "http://pki.corridor.invalid"  # written into lists; nobody asks there
_MAY_ASK: Final = (Permission(service.CERTIFICATE_REQUEST, ENROLMENT_SSP),)
_NUMBERS: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A station that is enrolled and may ask for tickets.

    Args:
        its_id: under which the EA knows it.
        credential: what it asks with.
        ea: the name of the EA that issued that.
        permissions: what its tickets may permit.
    """

    its_id: bytes
    credential: Credential
    ea: str
    permissions: tuple[Permission, ...]


class AirPki:
    """A European system: root, TLM, EA, and an AA for each algorithm that signs tickets.

    Args:
        algorithms: what tickets are signed with; root, TLM and EA sign with the first.
        start: when the authorities begin, in whole seconds.
    """

    def __init__(self, algorithms: Sequence[str], *, start: Time64) -> None:
        self.name = f"air{next(_NUMBERS):06}"  # of one length, since certificates bear it
        self.start = start
        first, *others = dict.fromkeys(algorithms)
        create_eu(_keyring(), start, algorithm=first, system=self.name)
        self.aas = {first: f"{self.name}-aa"}
        """The name of the AA that signs with an algorithm."""
        for algorithm in others:
            self.aas[algorithm] = self.follow("aa", start, algorithm=algorithm)
        self._system: EuSystem | None = None
        self.go_on()
        self.anchors = TrustAnchors(self.certificates[f"{self.name}-tlm"])
        """What a station trusts that has heard all lists so far."""
        self.publish(start)

    @property
    def system(self) -> EuSystem:
        """The authorities, while they are there.

        Raises:
            RoadsealError: ``authority-stopped``.
        """
        if self._system is None:
            raise RoadsealError(
                "authority-stopped", "The authorities do not run.", advice="Let them go on."
            )
        return self._system

    @property
    def running(self) -> bool:
        """Whether anybody answers."""
        return self._system is not None

    def stop(self) -> None:
        """Let nobody answer any more; what is on the disk stays."""
        self._system = None

    def go_on(self) -> None:
        """Start from what is on the disk."""
        self._system = open_eu(
            _store(), _keyring(), random=os.urandom, emit=EventLog(), system=self.name
        )
        self.certificates = {name: keys.certificate for name, keys in self._system.keys.items()}
        self._authorities = self._system.authorities()

    def follow(
        self, role: Role, now: Time64, *, algorithm: str | None = None, root: str | None = None
    ) -> str:
        """Make one more authority; it serves after `go_on`. Its name."""
        return follow_eu(_keyring(), role, now, algorithm=algorithm, root=root, system=self.name)

    def retire(self, name: str) -> None:
        """Leave an authority out of the lists from now on."""
        retire_eu(_keyring(), self.system.ledger, name, system=self.name)

    def publish(self, now: Time64) -> tuple[bytes, ...]:
        """Sign the lists as they are now: the TLM's, then CTL and CRL of each root."""
        lists = [self.system.ectl(now, _ACCESS_POINT)]
        for root, _ in self.system.in_use("root"):
            lists.append(self.system.ctl(now, _ACCESS_POINT, root=root))
            lists.append(self.system.crl(now, root=root))
        for octets in lists:
            self.anchors, _ = self.anchors.hear(octets, now)
        return tuple(lists)

    def enrol(
        self,
        permissions: tuple[Permission, ...],
        algorithm: str,
        now: Time64,
        *,
        fixed: bool = False,
    ) -> Bearer:
        """Register a station by its factory's key, and let it enrol with the newest EA.

        Args:
            permissions: what its tickets may permit.
            algorithm: of its keys.
            now: when.
            fixed: whether it stays where it is, and so gets fewer tickets at once.

        Raises:
            RoadsealError: ``pilot-pki``: it was refused, which is a defect here.
        """
        its_id = f"{self.name}-{next(_NUMBERS)}".encode()
        factory = SigningKey.generate(algorithm)
        known = Station(its_id, factory.algorithm, factory.public_key, permissions, fixed=fixed)
        self.system.ea.ledger.enter(known)
        return self._enrolled(its_id, factory, permissions, now)

    def move(self, bearer: Bearer, now: Time64) -> Bearer:
        """Let a station get a credential of the newest EA with the one it has.

        Raises:
            RoadsealError: ``pilot-pki``.
        """
        return self._enrolled(bearer.its_id, bearer.credential, bearer.permissions, now)

    def request(
        self, bearer: Bearer, contents: CertificateContents, aa: str, algorithm: str, now: Time64
    ) -> Request:
        """What a station sends to an AA, which need not be there.

        Args:
            bearer: who asks.
            contents: what the ticket shall hold.
            aa: the AA's name.
            algorithm: of the ticket's key.
            now: when.
        """
        ea, certificate = self.certificates[bearer.ea], self.certificates[aa]
        key = SigningKey.generate(algorithm)
        return authorization_request(
            contents, key, bearer.credential, ea, certificate, now, os.urandom
        )

    def answer(self, request: Request, now: Time64) -> Response:
        """What comes back: a ticket, or the AA's reason.

        Raises:
            RoadsealError: ``authority-stopped``.
        """
        outcome = self.system.ticket(request.octets, now)
        if outcome.answer is None:
            return Response(outcome.verdict)
        return read_response(request, outcome.answer, self._authorities, now)

    def _enrolled(
        self,
        its_id: bytes,
        identity: SigningKey | Credential,
        permissions: tuple[Permission, ...],
        now: Time64,
    ) -> Bearer:
        ea, _ = list(self.system.in_use("ea"))[-1]
        contents = CertificateContents(
            start=now, duration=_ENROLLED, app_permissions=_MAY_ASK, assurance=_ASSURANCE
        )
        signer = identity.signer if isinstance(identity, Credential) else identity
        key = SigningKey.generate(signer.algorithm)
        request = enrolment_request(
            its_id, contents, key, identity, self.certificates[ea], now, os.urandom
        )
        answer = self.system.enrol(request.octets, now).answer or b""
        response = read_response(request, answer, self._authorities, now)
        return Bearer(its_id, granted(response), ea, permissions)


def granted(response: Response) -> Credential:
    """The certificate of an answer that must be one.

    Raises:
        RoadsealError: ``pilot-pki``: it is a refusal, which is a defect here.
    """
    if response.credential is None:
        raise RoadsealError(
            "pilot-pki",
            f"The corridor's authority refused one of its stations: {response.verdict}.",
            advice="Report it: the pilot's stations are all registered.",
        )
    return response.credential


@cache
def _store() -> Store:
    """One file a process: opening it and deriving its key take longer than a hundred tickets."""
    folder = tempfile.TemporaryDirectory(prefix="roadseal-air-")
    store = open_store(Path(folder.name) / "scms.db", SCHEMA, durable=False)
    atexit.register(folder.cleanup)
    atexit.register(store.close)  # first
    return store


@cache
def _keyring() -> Keyring:
    return Keyring(_store(), lambda: os.urandom(16), os.urandom)
