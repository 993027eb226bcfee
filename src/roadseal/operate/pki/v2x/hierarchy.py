"""A root with the authorities under it, as the European certificate policy shapes them.

Source: ETSI TS 103 097 V2.1.1 clause 7.2; TS 102 941 V2.2.1 annex B (SSPs of PSIDs 622 to 624).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.making import credential_of
from roadseal.operate.pki.v2x.points import generate_scalar, public_point
from roadseal.v2x import service
from roadseal.v2x.certificate import (
    CertificateContents,
    Credential,
    Duration,
    GroupPermissions,
    Permission,
    PermissionRange,
    issue,
    self_signed,
)
from roadseal.v2x.signer import SigningKey

Role = Literal["root", "tlm", "ea", "aa"]

_APP_SSP: Final = {
    "root": (Permission(service.CRL, b"\1"), Permission(service.CTL, b"\1\x38")),
    "tlm": (Permission(service.CTL, b"\1\xc8"),),
    "ea": (Permission(service.CERTIFICATE_REQUEST, b"\1\x0e"),),
    "aa": (Permission(service.CERTIFICATE_REQUEST, b"\1\x32"),),
}
_REQUESTS: Final = PermissionRange(service.CERTIFICATE_REQUEST, (b"\1\xfe", b"\xff\1"))
_CREDENTIALS: Final = PermissionRange(service.CERTIFICATE_REQUEST, (b"\1\xc0", b"\xff\x3f"))

STATIONS: Final = (
    PermissionRange(service.CAM, (bytes.fromhex("01fffc"), bytes.fromhex("ff0003"))),
    PermissionRange(service.DENM, (bytes.fromhex("01ffffff"), bytes.fromhex("ff000000"))),
    PermissionRange(service.SPATEM, (bytes.fromhex("01e0"), bytes.fromhex("ff1f"))),
    PermissionRange(service.MAPEM, (bytes.fromhex("01c0"), bytes.fromhex("ff3f"))),
    PermissionRange(service.IVIM, (bytes.fromhex("01000000fff8"), bytes.fromhex("ff0000000007"))),
    PermissionRange(service.SREM, (bytes.fromhex("02ffffe0"), bytes.fromhex("ff00001f"))),
    PermissionRange(service.SSEM, (b"\1", b"\xff")),
    PermissionRange(service.GN_MANAGEMENT),
    PermissionRange(service.CPM),
    PermissionRange(service.VAM),
)
"""What stations may be given: the services of Release 2 within the SSPs that are defined."""


@dataclass(frozen=True, slots=True)
class AuthorityKeys:
    """An authority's certificate and secrets.

    Args:
        role: which: a `Role`, or of the US system ``ica``, ``eca``, ``aca``, ``ra``, ``craca``.
        certificate: its own.
        signing: the secret of its signing key.
        decrypting: the secret of its encryption key; roots and TLMs have none.
    """

    role: str
    certificate: bytes
    algorithm: str
    signing: bytes = field(repr=False)
    decrypting: bytes = field(default=b"", repr=False)

    @property
    def credential(self) -> Credential:
        """Ready to sign."""
        return credential_of(self.certificate, self.signing)

    @property
    def hashed_id8(self) -> bytes:
        """How messages name it."""
        return _core.certificate_digest(self.certificate)[0][-8:]

    @property
    def issuer(self) -> bytes | None:
        """HashedId8 of whoever issued it; `None` is itself."""
        ((form, name),) = _core.describe_certificate(self.certificate)["issuer"].items()
        return None if form == "self" else bytes.fromhex(name)


def make_authority(
    role: Role,
    name: str,
    algorithm: str,
    start: Time64,
    *,
    root: Credential | None = None,
    stations: Sequence[PermissionRange] = STATIONS,
    years: int | None = None,
) -> AuthorityKeys:
    """Make an authority with fresh keys.

    Its signature algorithm may be post-quantum while stations keep theirs: a partially hybrid
    chain. The encryption key is on P-256, since the standard has no other.

    Args:
        role: a root and a TLM sign themselves, the others are signed by `root`.
        name: in the certificate.
        algorithm: of its signing key.
        start: when it begins.
        root: who signs.
        stations: what may be given to stations below it.
        years: validity; the EU certificate policy's longest if absent.

    Raises:
        ValueError: the root is missing, or too much; or the algorithm cannot sign.
    """
    if (root is None) is not (role in ("root", "tlm")):
        raise ValueError("roots and TLMs sign themselves, the others do not")
    secret = SigningKey.generate_secret(algorithm)
    signer = SigningKey.from_secret(algorithm, secret)
    decrypting = b"" if root is None else generate_scalar(0)
    contents = CertificateContents(
        start=start,
        duration=Duration(6, years or {"root": 8, "tlm": 4, "ea": 5, "aa": 5}[role]),
        name=name,
        app_permissions=_APP_SSP[role],
        issue_permissions=_issuing(role, stations),
        encryption_key=(0, public_point(0, decrypting)) if decrypting else None,
    )
    if root:
        certificate = issue(contents, algorithm, signer.public_key, root)
    else:
        certificate = self_signed(contents, signer).certificate
    return AuthorityKeys(role, certificate, algorithm, secret, decrypting)


def _issuing(role: Role, stations: Sequence[PermissionRange]) -> tuple[GroupPermissions, ...]:
    match role:
        case "root":
            return (
                GroupPermissions(stations, min_chain_length=2),
                # For the authorities' own certificates, and for credentials below the EA.
                GroupPermissions((_REQUESTS,), chain_length_range=1, enrol=True),
            )
        case "ea":
            return (GroupPermissions((_CREDENTIALS,), enrol=True),)
        case "aa":
            return (GroupPermissions(stations),)
    return ()
