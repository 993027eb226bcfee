"""Certificates made from profiles, in the order of their issuers, with the keys of ETSI's suite.

A key file holds the bare secret: the scalar of an ECDSA or ECIES key, the seed of ML-DSA, the
encoded FN-DSA key; of a dual key the scalar, then the FN-DSA key. The suite keeps `NAME.oer`,
`NAME.vkey` (signing) and `NAME.ekey` (decrypting) side by side, and so does Roadseal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from roadseal.crypto import Profile, Purpose, load_profile, profile_names, stronger_than
from roadseal.errors import RoadsealError
from roadseal.operate.pki.v2x.etsi_profile import EtsiProfile
from roadseal.operate.pki.v2x.points import generate_scalar, public_point, verification_key
from roadseal.v2x.certificate import Credential, issue, self_signed
from roadseal.v2x.profile import message_profile, message_profiles
from roadseal.v2x.signer import SigningKey

_NO_PROFILE: Final = "as-written"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The secrets that go with a certificate."""

    signing: bytes = field(repr=False)
    decrypting: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with its keys."""

    name: str
    certificate: bytes
    keys: KeyPair
    algorithm: str

    @property
    def credential(self) -> Credential:
        """The certificate, ready to sign."""
        return credential_of(self.certificate, self.keys.signing)


class AlgorithmChoice:
    """Which algorithm a key gets: what the profile says, or what a Roadseal profile wants.

    Args:
        name: a message profile (`roadseal.v2x`), which is taken as it is; or a crypto profile
            (`roadseal.crypto`), whose first choice replaces what it does not accept and what is
            weaker; or `None`.

    Raises:
        RoadsealError: there is no such profile.
    """

    def __init__(self, name: str | None) -> None:
        self.name = name or _NO_PROFILE
        self._profile: Profile | None = None
        self._fixed: tuple[str, str] | None = None
        if name in profile_names():
            self._profile = load_profile(name)
        elif name is not None:
            if name not in message_profiles():
                known = ", ".join([*message_profiles(), *profile_names()])
                raise RoadsealError(
                    "unknown-message-profile",
                    f"There is no profile {name!r}.",
                    advice=f"Choose one of: {known}.",
                )
            row = message_profile(name)
            self._fixed = row.message, row.certificate

    def __call__(self, profile: EtsiProfile) -> str:
        """The algorithm of the key of this certificate."""
        if self._fixed:
            return self._fixed[profile.is_authority]
        if self._profile:
            purpose = Purpose.CERTIFICATE if profile.is_authority else Purpose.MESSAGE
            choice = self._profile[purpose]
            if not choice.accepts(profile.algorithm):
                return choice.preferred
            # Making is producing: what is accepted for old peers' sake is not made anew.
            weak = stronger_than(choice.preferred, profile.algorithm)
            return choice.preferred if weak else profile.algorithm
        return profile.algorithm


def make_certificate(
    name: str,
    profile: EtsiProfile,
    algorithm: str,
    issuer: Credential | None,
    keys: KeyPair | None = None,
) -> Made:
    """Make one certificate.

    Args:
        name: what to call it.
        profile: what it shall hold.
        algorithm: of its key.
        issuer: who signs; `None` for a profile that signs itself.
        keys: to use; made if absent.

    Raises:
        RoadsealError: an issuer is missing or too much, or the keys do not fit.
    """
    if (issuer is None) is not (profile.signer is None):
        raise RoadsealError(
            "certificate-issuer",
            f"{name!r} signs itself."
            if issuer
            else f"{name!r} is signed by {profile.signer!r}, which is not at hand.",
            advice="Give no issuer for it."
            if issuer
            else "Give the issuer's certificate, its folder, or its profile along with this one.",
        )
    curve = profile.encryption_curve
    signing = keys.signing if keys else SigningKey.generate_secret(algorithm)
    signer = _load(algorithm, signing, name)
    decrypting, contents = None, profile.contents
    if curve is not None:
        decrypting = keys.decrypting if keys else None
        decrypting = decrypting or generate_scalar(curve)
        contents = replace(contents, encryption_key=(curve, _point(curve, decrypting, name)))
    try:
        if issuer:
            certificate = issue(contents, signer.algorithm, signer.public_key, issuer)
        else:
            certificate = self_signed(contents, signer).certificate
    except (ValueError, OverflowError):
        raise RoadsealError(
            "certificate-contents",
            f"What the profile of {name!r} asks for does not fit a certificate.",
            advice="Look at its name, its region and its permissions.",
        ) from None
    return Made(name, certificate, KeyPair(signing, decrypting), algorithm)


def in_issuing_order(profiles: Mapping[str, EtsiProfile]) -> Iterator[str]:
    """The names of the profiles, each after its issuer if that is among them.

    Raises:
        RoadsealError: they issue one another in a circle.
    """
    waiting = dict(profiles)
    while waiting:
        ready = [name for name, profile in waiting.items() if profile.signer not in waiting]
        if not ready:
            raise RoadsealError(
                "certificate-issuer",
                f"{', '.join(sorted(waiting))} issue one another.",
                advice="Let one of them sign itself.",
            )
        for name in ready:
            del waiting[name]
        yield from ready


def credential_of(certificate: bytes, signing: bytes) -> Credential:
    """Join a certificate with the secret of its key.

    Raises:
        RoadsealError: ``certificate-key``: they do not belong together.
    """
    key = verification_key(certificate)
    if key is None:
        raise RoadsealError(
            "certificate-key",
            "The issuer is no certificate with a key of its own.",
            advice="Give an explicit certificate in COER.",
        )
    algorithm, public_key = key
    signer = _load(algorithm, signing, "the issuer")
    if signer.public_key != public_key:
        raise RoadsealError(
            "certificate-key",
            "The issuer's key does not belong to its certificate.",
            advice="Give the key file that was made with the certificate.",
        )
    return Credential(certificate, signer)


def _load(algorithm: str, secret: bytes, name: str) -> SigningKey:
    try:
        return SigningKey.from_secret(algorithm, secret)
    except ValueError:
        raise RoadsealError(
            "certificate-key",
            f"The signing key of {name} is no {algorithm} key.",
            advice="Give the key file that was made with the certificate.",
        ) from None


def _point(curve: int, scalar: bytes, name: str) -> bytes:
    try:
        return public_point(curve, scalar)
    except ValueError:
        raise RoadsealError(
            "certificate-key",
            f"The decryption key of {name} is no key of its curve.",
            advice="Give the key file that was made with the certificate.",
        ) from None
