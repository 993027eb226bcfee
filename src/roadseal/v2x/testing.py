"""A throw-away authority for tests, for sizes and speeds, and for adversaries that make their own.

    >>> from roadseal.v2x.testing import Authority
    >>> authority = Authority("ecdsa-p256", now=700_000_000_000_000)
    >>> len(authority.vehicle().certificate)
    156

Keys live in this process and die with it; nobody enrols, no list is signed. Nothing here is for a
road that people use: stations that shall be believed get their certificates from the authorities of
`roadseal.operate.pki.v2x`, in the pilot as well.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from roadseal.clock import Time64
from roadseal.v2x import service
from roadseal.v2x.certificate import (
    CertificateContents,
    Credential,
    Duration,
    GroupPermissions,
    Permission,
    PermissionRange,
    Region,
    issue,
    self_signed,
)
from roadseal.v2x.permissions import EMERGENCY_VEHICLE, ROADSIDE_UNIT, VEHICLE
from roadseal.v2x.policy import Policy
from roadseal.v2x.profile import message_profile
from roadseal.v2x.signer import SigningKey
from roadseal.v2x.verifier import Verifier

__all__ = ["EMERGENCY_VEHICLE", "ROADSIDE_UNIT", "VEHICLE", "Authority", "StationOptions"]

_ISSUABLE = (
    PermissionRange(service.CAM, (bytes.fromhex("01fffc"), bytes.fromhex("ff0003"))),
    PermissionRange(service.DENM, (bytes.fromhex("01ffffff"), bytes.fromhex("ff000000"))),
    PermissionRange(service.GN_MANAGEMENT),
    PermissionRange(service.CPM),
    PermissionRange(service.SPATEM, (bytes.fromhex("01e0"), bytes.fromhex("ff1f"))),
    PermissionRange(service.MAPEM, (bytes.fromhex("01c0"), bytes.fromhex("ff3f"))),
    PermissionRange(service.SSEM, (bytes.fromhex("01"), bytes.fromhex("ff"))),
    PermissionRange(service.SREM, (bytes.fromhex("02ffffe0"), bytes.fromhex("ff00001f"))),
    PermissionRange(service.BSM),
)
_ASSURANCE = 0x60


class StationOptions(TypedDict, total=False):
    """What may differ from one station to the next; see `Authority.station`."""

    start: Time64 | None
    duration: Duration | None
    region: Region | None
    algorithm: str | None


class Authority:
    """A root and an authorisation authority under it, for one message profile.

    Args:
        profile: the message profile: what its stations' keys are and what signs their certificates.
        now: when everything begins to hold.
        name: what its certificates are called.
        years: how long the authorities hold.
    """

    def __init__(self, profile: str, *, now: Time64, name: str = "test", years: int = 10) -> None:
        self.profile = message_profile(profile)
        self.start = now
        groups = (
            GroupPermissions(_ISSUABLE, min_chain_length=2),
            GroupPermissions((PermissionRange(service.CERTIFICATE_REQUEST),)),
        )
        contents = CertificateContents(
            start=now,
            duration=Duration(6, years),
            name=f"{name} root",
            app_permissions=(
                Permission(service.CRL, b"\x01"),
                Permission(service.CTL, b"\x01\x38"),
            ),
            issue_permissions=groups,
        )
        self.root = self_signed(contents, SigningKey.generate(self.profile.certificate))
        signer = SigningKey.generate(self.profile.certificate)
        contents = CertificateContents(
            start=now,
            duration=Duration(6, years),
            name=f"{name} AA",
            app_permissions=(Permission(service.CERTIFICATE_REQUEST, b"\x01\x32"),),
            issue_permissions=(GroupPermissions(_ISSUABLE),),
        )
        certificate = issue(contents, signer.algorithm, signer.public_key, self.root)
        self.authorisation = Credential(certificate, signer)

    def vehicle(self, **options: Unpack[StationOptions]) -> Credential:
        """An authorisation ticket of an ordinary vehicle."""
        return self.station(VEHICLE, **options)

    def emergency_vehicle(self, **options: Unpack[StationOptions]) -> Credential:
        """An authorisation ticket that permits an emergency vehicle to ask for priority."""
        return self.station(EMERGENCY_VEHICLE, **options)

    def roadside_unit(self, **options: Unpack[StationOptions]) -> Credential:
        """A certificate of a roadside unit: SPaT, MAP and answers to priority requests."""
        return self.station(ROADSIDE_UNIT, **options)

    def station(
        self,
        permissions: tuple[Permission, ...],
        *,
        start: Time64 | None = None,
        duration: Duration | None = None,
        region: Region | None = None,
        algorithm: str | None = None,
    ) -> Credential:
        """A station with these permissions.

        Args:
            permissions: what it may do.
            start: when its certificate begins; the authority's own beginning if absent.
            duration: how long it holds; a week if absent.
            region: where it holds; everywhere if absent.
            algorithm: of its key; the profile's if absent.
        """
        signer = SigningKey.generate(algorithm or self.profile.message)
        contents = CertificateContents(
            start=self.start if start is None else start,
            duration=duration or Duration.hours(168),
            app_permissions=permissions,
            region=region,
            assurance=_ASSURANCE,
        )
        certificate = issue(contents, signer.algorithm, signer.public_key, self.authorisation)
        return Credential(certificate, signer)

    def verifier(self, policy: Policy | None = None, *, threads: int = 1) -> Verifier:
        """A verifier that trusts this authority."""
        verifier = Verifier(policy or Policy(), threads)
        self.enter(verifier)
        return verifier

    def enter(self, verifier: Verifier) -> None:
        """Put this authority's certificates into a verifier's trust store."""
        verifier.add_root(self.root.certificate)
        verifier.add_certificates([self.authorisation.certificate])
