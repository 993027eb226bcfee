"""The corridor's own PKI: units and centre get their identities from `roadseal.operate.pki`.

Embedded, on SQLite, made anew for a run and thrown away with it. Keys, certificates and enrolment
are real; only time is virtual.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509

from roadseal.clock import Clock
from roadseal.crypto import Profile, load_profile
from roadseal.events import Emit, unheard
from roadseal.net import Identity, TlsContext, TlsProfile
from roadseal.net.refusal import Refusal
from roadseal.net.session import State
from roadseal.operate.pki import SCHEMA, Authority
from roadseal.operate.pki.request import DAY_S
from roadseal.operate.pki.tls_identity import SCHEMES, issue_identity
from roadseal.store import open_store

ALGORITHMS: Final = {scheme: algorithm for algorithm, scheme in SCHEMES.items()}
"""Algorithm of a TLS signature scheme."""

_PROFILES: Final = {"classical": "classical-2016", "pqc": "pqc-2030"}
_PASSPHRASE: Final = b"thrown away with the run"  # the database lives no longer than the run


class CorridorPki:
    """A root and an issuing authority for each algorithm that a TLS profile has certificates of.

    Args:
        profile: of the backhaul.
        clock: for validity.
        emit: hears what changes trust.
    """

    def __init__(self, profile: TlsProfile, *, clock: Clock, emit: Emit | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="roadseal-pki-")
        self.store = open_store(Path(self._folder.name) / "pki.db", SCHEMA)
        self.crypto = crypto_profile(profile)
        self._clock = clock
        self._emit = emit or unheard
        self.authorities = {
            scheme: self.authority(ALGORITHMS[scheme]) for scheme in profile.certificate_algorithms
        }

    def authority(self, algorithm: str, name: str = "corridor") -> Authority:
        """Make an issuing authority under a root of its own."""
        return self._create(
            f"{name} {algorithm}",
            algorithm,
            self._create(f"{name} root {algorithm}", algorithm, None),
        )

    def _create(self, name: str, algorithm: str, parent: Authority | None) -> Authority:
        return Authority.create(
            self.store,
            name,
            algorithm=algorithm,
            passphrase=_PASSPHRASE,
            profile=self.crypto,
            clock=self._clock,
            emit=self._emit,
            parent=parent,
        )

    def close(self) -> None:
        """Throw everything away."""
        self.store.close()
        self._folder.cleanup()

    @property
    def anchors(self) -> list[x509.Certificate]:
        """What both ends trust."""
        return [authority.chain[-1] for authority in self.authorities.values()]

    def identities(self, name: str, *, life_s: int = 30 * DAY_S) -> list[Identity]:
        """A certificate of each algorithm for `name`, each with a key of its own."""
        return [
            issue_identity(authority, name, algorithm=ALGORITHMS[scheme], life_s=life_s)
            for scheme, authority in self.authorities.items()
        ]


def crypto_profile(profile: TlsProfile) -> Profile:
    """The cryptographic profile whose certificates a TLS profile shows."""
    return load_profile(_PROFILES.get(profile.name, "hybrid-2026"))


def handshake(
    client: TlsContext, server: TlsContext, clock: Clock, *, centre: str, units: Sequence[str]
) -> Refusal | None:
    """One TLS handshake, from memory to memory; why it was refused, or None.

    Args:
        client: the unit's end.
        server: the centre's end.
        clock: the time of both.
        centre: the name the unit expects.
        units: the names the centre expects.
    """
    one = client.session(at=clock.now(), expect=[centre])
    other = server.session(at=clock.now(), expect=units)
    while one.state is State.HANDSHAKE or other.state is State.HANDSHAKE:
        to_server, to_client = one.outgoing(), other.outgoing()
        if not to_server and not to_client:
            break
        if to_server:
            other.receive(to_server)
        if to_client:
            one.receive(to_client)
    return other.refusal or one.refusal
