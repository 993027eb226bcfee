"""A whole US system on one store: root, ICA, ECA, ACA, RA, two LAs, and the MA with its generator.

The standard wants them run by separate organisations: PCA ≠ RA, LA1 ≠ LA2, MA ≠ all of them. Here
they share a process and a passphrase, which suits a test bed or a road operator's own devices; what
one learns of another still passes only through their messages and the MA's calls.

Certificates of authorities may be post-quantum (partially hybrid: ECDSA pseudonyms under them). The
encryption to the RA, the ACA and the device is ECIES on P-256 in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.events import Emit
from roadseal.operate.pki.v2x.ecies import Random
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.keyring import Keyring
from roadseal.operate.pki.v2x.ledger import Ledger
from roadseal.operate.pki.v2x.linkage import LinkageAuthority
from roadseal.operate.pki.v2x.points import generate_scalar, public_point
from roadseal.operate.pki.v2x.secured import trusting
from roadseal.operate.pki.v2x.us_authorization import AuthorizingAuthority
from roadseal.operate.pki.v2x.us_crl import crl_ssp
from roadseal.operate.pki.v2x.us_enrolment import EnrollmentAuthority
from roadseal.operate.pki.v2x.us_misbehaviour import MisbehaviourAuthority
from roadseal.operate.pki.v2x.us_registration import RegistrationAuthority
from roadseal.operate.pki.v2x.us_series import (
    APPLICATION_SERIES,
    ENROLMENT_SERIES,
    PSEUDONYM_SERIES,
)
from roadseal.operate.pki.v2x.us_types import CRL_PSID, SECURITY_MANAGEMENT, scms_ssp
from roadseal.store.database import Store
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
from roadseal.v2x.verifier import Verifier

DEVICES: Final = tuple(
    PermissionRange(psid, any_ssp=True)
    for psid in (service.BSM, 0x26, 0x80, 0x82, 0x83, 0x87, 0x204095, 0x204096, 0x204097, 0x204099)
)
"""What devices may be given: the services of field certificates in the US."""

_LA_IDS: Final = (b"\0\1", b"\0\2")
_SERIES: Final = (PSEUDONYM_SERIES, APPLICATION_SERIES, ENROLMENT_SERIES)


@dataclass(frozen=True, slots=True)
class UsSystem:
    """The authorities, ready to answer."""

    keys: dict[str, AuthorityKeys]
    eca: EnrollmentAuthority
    aca: AuthorizingAuthority
    ra: RegistrationAuthority
    ma: MisbehaviourAuthority
    linkage: tuple[LinkageAuthority, LinkageAuthority]

    @property
    def root(self) -> bytes:
        """The root's certificate."""
        return self.keys["us-root"].certificate

    @property
    def intermediates(self) -> list[bytes]:
        """The certificates between the root and devices."""
        return [self.keys[name].certificate for name in ("us-ica", "us-aca", "us-eca", "us-ra")]

    def enter(self, verifier: Verifier) -> None:
        """Put the certificates into a station's engine."""
        verifier.add_root(self.root)
        verifier.add_certificates(self.intermediates)

    def authorities(self) -> Verifier:
        """A verifier of the authorities' own messages."""
        return trusting([self.root], self.intermediates)


def create_us(
    keyring: Keyring, now: Time64, *, algorithm: str = "ecdsa-p256", years: int = 15
) -> None:
    """Make the authorities' keys and certificates and keep them.

    Args:
        keyring: where; it holds no US system yet.
        now: when they begin.
        algorithm: what signs authorities' and explicit certificates; implicit ones need ecdsa-p256.
        years: of validity.

    Raises:
        RoadsealError: ``scms-exists``.
    """
    if keyring.names("us-"):
        raise RoadsealError(
            "scms-exists", "There is a US system already.", advice="Use it, or another database."
        )
    root = _authority(keyring, "us-root", algorithm, now, years, None, ())
    ica = _authority(keyring, "us-ica", algorithm, now, years, root.credential, ())
    above = ica.credential
    for role in ("eca", "aca", "ra"):
        management = (Permission(SECURITY_MANAGEMENT, scms_ssp(role), bitmap=False),)
        _authority(keyring, f"us-{role}", algorithm, now, years, above, management)
    lists = (Permission(CRL_PSID, crl_ssp(_SERIES), bitmap=False),)
    _authority(keyring, "us-craca", algorithm, now, years, root.credential, lists)


def open_us(
    store: Store, keyring: Keyring, *, random: Random, emit: Emit, per_period: int = 20
) -> UsSystem:
    """Open the authorities that `create_us` made.

    Raises:
        RoadsealError: ``scms-absent``, ``scms-passphrase``.
    """
    names = ("us-root", "us-ica", "us-eca", "us-aca", "us-ra", "us-craca")
    keys = {name: keyring.load(name) for name in names}
    vault = keyring.vault
    craca: Credential = keys["us-craca"].credential
    craca_id = craca.hashed_id8[-3:]
    shared_keys = {la_id: keyring.shared_key(f"us-la-{la_id.hex()}") for la_id in _LA_IDS}
    la1, la2 = (
        LinkageAuthority(
            la_id,
            Ledger(store, f"us-la-{la_id.hex()}"),
            random=random,
            seal=vault.seal,
            unseal=vault.unseal,
            shared_key=shared_keys[la_id],
        )
        for la_id in _LA_IDS
    )
    eca = EnrollmentAuthority(
        keys["us-eca"],
        [keys[name].certificate for name in ("us-eca", "us-ica", "us-root")],
        Ledger(store, "us-eca"),
        craca_id=craca_id,
        random=random,
        emit=emit,
    )
    ra_signer = keys["us-ra"].credential.signer
    aca = AuthorizingAuthority(
        keys["us-aca"],
        Ledger(store, "us-aca"),
        registration=(keys["us-ra"].certificate, ra_signer.algorithm, ra_signer.public_key),
        shared_keys=shared_keys,
        craca_id=craca_id,
        random=random,
        emit=emit,
    )
    ra = RegistrationAuthority(
        keys["us-ra"],
        Ledger(store, "us-ra"),
        eca=keys["us-eca"].certificate,
        enrolled=eca.ledger,
        linkage=(la1, la2),
        aca_certificate=keys["us-aca"].certificate,
        to_aca=aca.handle,
        to_eca=eca.handle,
        random=random,
        emit=emit,
        per_period=per_period,
    )
    ma = MisbehaviourAuthority(
        craca,
        Ledger(store, "us-ma"),
        aca=aca,
        ra=ra,
        linkage={la.la_id: la for la in (la1, la2)},
        seal=vault.seal,
        unseal=vault.unseal,
        emit=emit,
    )
    return UsSystem(keys, eca, aca, ra, ma, (la1, la2))


def _authority(
    keyring: Keyring,
    name: str,
    algorithm: str,
    now: Time64,
    years: int,
    issuer: Credential | None,
    permissions: tuple[Permission, ...],
) -> AuthorityKeys:
    secret = SigningKey.generate_secret(algorithm)
    signer = SigningKey.from_secret(algorithm, secret)
    decrypting = generate_scalar(0) if name in ("us-aca", "us-ra") else b""
    contents = CertificateContents(
        start=now,
        duration=Duration(6, years),
        name=name,
        app_permissions=permissions,
        issue_permissions=_issuing(name),
        encryption_key=(0, public_point(0, decrypting)) if decrypting else None,
    )
    if issuer:
        certificate = issue(contents, algorithm, signer.public_key, issuer)
    else:
        certificate = self_signed(contents, signer).certificate
    keys = AuthorityKeys(name.removeprefix("us-"), certificate, algorithm, secret, decrypting)
    keyring.keep(name, keys)
    return keys


def _issuing(name: str) -> tuple[GroupPermissions, ...]:
    management = (PermissionRange(SECURITY_MANAGEMENT, any_ssp=True),)
    match name:
        case "us-root":
            lists = (PermissionRange(CRL_PSID, any_ssp=True),)
            return (
                GroupPermissions(DEVICES, min_chain_length=3, enrol=True),
                # For ECA, ACA and RA, and below the ECA for devices' enrolment.
                GroupPermissions(management, 2, chain_length_range=1, enrol=True),
                GroupPermissions(lists),
            )
        case "us-ica":
            return (
                GroupPermissions(DEVICES, min_chain_length=2, enrol=True),
                GroupPermissions(management, chain_length_range=1, enrol=True),
            )
        case "us-aca":
            return (GroupPermissions(DEVICES),)
        case "us-eca":
            return (
                GroupPermissions(DEVICES, app=False, enrol=True),
                GroupPermissions(management, enrol=True),
            )
    return ()
