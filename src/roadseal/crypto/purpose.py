"""Purposes: what cryptography is chosen for, and what each purpose asks of an algorithm."""

from __future__ import annotations

from enum import StrEnum

from roadseal.crypto.algorithms import Algorithm, Kind, Status


class Purpose(StrEnum):
    """What an algorithm is chosen for."""

    MESSAGE = "message"
    CERTIFICATE = "certificate"
    TLS_KEY_EXCHANGE = "tls-key-exchange"
    TLS_AUTHENTICATION = "tls-authentication"
    FIRMWARE = "firmware"
    BACKHAUL = "backhaul"
    STORAGE = "storage"

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of algorithm that serve this purpose."""
        match self:
            case Purpose.TLS_KEY_EXCHANGE | Purpose.BACKHAUL:
                return frozenset({Kind.KEM, Kind.KEY_AGREEMENT})
            case Purpose.STORAGE:
                return frozenset({Kind.AEAD})
            case _:
                return frozenset({Kind.SIGNATURE})

    @property
    def negotiated(self) -> bool:
        """Whether two peers settle on one algorithm of several, which a broadcast cannot."""
        return self in {Purpose.TLS_KEY_EXCHANGE, Purpose.TLS_AUTHENTICATION, Purpose.BACKHAUL}

    @property
    def on_air(self) -> bool:
        """Whether the algorithm needs an index in the CHOICEs of IEEE 1609.2."""
        return self in {Purpose.MESSAGE, Purpose.CERTIFICATE}

    def admits(self, candidate: Algorithm) -> bool:
        """Whether `candidate` can serve this purpose at all."""
        if candidate.kind not in self.kinds or candidate.recognised_only:
            return False
        return not self.on_air or candidate.ieee1609dot2_index is not None

    def status_of(self, candidate: Algorithm) -> Status:
        """How firm `candidate` is in this purpose: on the air its IEEE 1609.2 index counts too."""
        if self.on_air and candidate.ieee1609dot2_status:
            return Status.least_firm([candidate.status, candidate.ieee1609dot2_status])
        return candidate.status
