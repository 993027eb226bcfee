"""Q-day's adversary: it holds every classical private key whose public key it has seen.

The power is declared, not built: of every credential it is handed it keeps the certificate and the
classical half of the key. Where there is none it signs with a key of its own in the holder's name.
All that follows is real: the messages are signed, and an engine believes them or does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from roadseal.clock import Time64
from roadseal.crypto import algorithm
from roadseal.pilot.drills.classical_half import ClassicalHalf, classical_part
from roadseal.pilot.drills.grafted_signer import GraftedSigner
from roadseal.v2x import (
    CertificateContents,
    Credential,
    Duration,
    GroupPermissions,
    Permission,
    PermissionRange,
    SigningKey,
    issue,
)
from roadseal.v2x.testing import Authority

_ECDSA = "ecdsa-p256"
_ECDSA_SIGNATURE_BYTES = 66  # two CHOICE tags, r as x-only, s (IEEE 1609.2 clause 6.3.30)
_VALID = Duration.hours(24)


class ForgeryKind(StrEnum):
    """How it forges."""

    STOLEN_KEY = "stolen key"
    """A certificate it has seen; what it can of the key signs."""
    GRAFTED_SIGNATURE = "grafted signature"
    """The same, and the post-quantum signature of an earlier genuine message."""
    MINTED_CERTIFICATE = "minted certificate"
    """A new certificate for its own key; what it can of the authority's key signs it."""
    GRAFTED_CERTIFICATE = "grafted certificate"
    """The same, and the post-quantum signature of a genuine certificate."""
    MINTED_AUTHORITY = "minted authority"
    """A new authority under the root; what it can of the root's key signs it."""
    OWN_ROOT = "own root"
    """A whole hierarchy of its own."""


@dataclass(frozen=True)
class Guise:
    """As whom the adversary appears.

    Args:
        kind: how it came by it.
        credential: certificate and signer, to sign messages with.
        handed_out: certificates it sends round beforehand, for receivers to learn.
    """

    kind: ForgeryKind
    credential: Credential
    handed_out: tuple[bytes, ...] = ()


class QuantumAdversary:
    """Forges under every guise that there is.

    Args:
        root: of the stations it attacks.
        authorisation: the authority under it.
        profile: the stations' message profile, for keys of its own.
        now: when its own certificates begin.
    """

    def __init__(
        self, root: Credential, authorisation: Credential, *, profile: str, now: Time64
    ) -> None:
        self._root = taken(root)
        self._authorisation = taken(authorisation)
        self._whole_algorithm = authorisation.signer.algorithm
        self._now = now
        self._own = Authority(profile, now=now, name="own")  # nobody's but its own: throw-away

    def guises(
        self, seen: Credential, permissions: tuple[Permission, ...], heard: bytes
    ) -> tuple[Guise, ...]:
        """Every guise in which it can send what `seen` sends.

        Args:
            seen: a station it has seen.
            permissions: that station's.
            heard: a genuine message of that station.
        """
        stolen = taken(seen)
        guises = [
            Guise(ForgeryKind.STOLEN_KEY, stolen),
            Guise(ForgeryKind.MINTED_CERTIFICATE, self._minted(self._authorisation, permissions)),
            self._under_minted_authority(permissions),
            self._under_own_root(permissions),
        ]
        if algorithm(seen.signer.algorithm).quantum_safe:
            graft = GraftedSigner(seen.signer.algorithm, stolen.signer, heard)
            guises.append(Guise(ForgeryKind.GRAFTED_SIGNATURE, Credential(seen.certificate, graft)))
        if algorithm(self._whole_algorithm).quantum_safe:
            tail = _ECDSA_SIGNATURE_BYTES if classical_part(self._whole_algorithm) else 0
            genuine = seen.certificate[: len(seen.certificate) - tail]
            graft = GraftedSigner(self._whole_algorithm, self._authorisation.signer, genuine)
            issuer = Credential(self._authorisation.certificate, graft)
            guises.append(Guise(ForgeryKind.GRAFTED_CERTIFICATE, self._minted(issuer, permissions)))
        return tuple(guises)

    def _minted(self, issuer: Credential, permissions: Sequence[Permission]) -> Credential:
        """A certificate for a key of its own, as strong as the stations' keys."""
        key = SigningKey.generate(self._own.profile.message)
        contents = CertificateContents(
            start=self._now, duration=_VALID, app_permissions=permissions
        )
        return Credential(issue(contents, key.algorithm, key.public_key, issuer), key)

    def _under_minted_authority(self, permissions: Sequence[Permission]) -> Guise:
        # Exactly what the station needs: nothing that the root could not give.
        ranges = [
            PermissionRange(each.psid, (each.ssp, b"\xff" * len(each.ssp)))
            if each.ssp
            else PermissionRange(each.psid)
            for each in permissions
        ]
        key = SigningKey.generate(self._own.profile.certificate)
        contents = CertificateContents(
            start=self._now,
            duration=_VALID,
            name="minted AA",
            issue_permissions=(GroupPermissions(ranges),),
        )
        certificate = issue(contents, key.algorithm, key.public_key, self._root)
        station = self._minted(Credential(certificate, key), permissions)
        return Guise(ForgeryKind.MINTED_AUTHORITY, station, (certificate,))

    def _under_own_root(self, permissions: tuple[Permission, ...]) -> Guise:
        chain = (self._own.root.certificate, self._own.authorisation.certificate)
        return Guise(ForgeryKind.OWN_ROOT, self._own.station(permissions), chain)


def taken(credential: Credential) -> Credential:
    """What a quantum adversary has of a credential whose certificate it has seen."""
    part = classical_part(credential.signer.algorithm)
    signer = ClassicalHalf(credential.signer) if part else SigningKey.generate(_ECDSA)
    return Credential(credential.certificate, signer)
