"""Why a session was refused: a closed list, and how OpenSSL's words map to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a session ended otherwise than by a clean close."""

    NO_COMMON_GROUP = "no_common_group"
    NO_COMMON_SIGNATURE = "no_common_signature"
    NO_COMMON_CIPHER = "no_common_cipher"
    WRONG_VERSION = "wrong_version"
    GROUP_OUTSIDE_PROFILE = "group_outside_profile"
    SIGNATURE_OUTSIDE_PROFILE = "signature_outside_profile"
    CERTIFICATE_OUTSIDE_PROFILE = "certificate_outside_profile"
    CIPHER_OUTSIDE_PROFILE = "cipher_outside_profile"
    RESUMED = "resumed"
    NO_CERTIFICATE = "no_certificate"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    IDENTITY_MISMATCH = "identity_mismatch"
    PEER_REFUSED = "peer_refused"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason and the words that an operator needs; never a secret.

    Args:
        reason: from the closed list.
        detail: what was seen, such as the group or OpenSSL's own words.
    """

    reason: Reason
    detail: str


ADVICE = {
    Reason.NO_COMMON_GROUP: "Give both sides a profile with a common key exchange group.",
    Reason.NO_COMMON_SIGNATURE: "Give the peer a certificate that the profile accepts.",
    Reason.NO_CERTIFICATE: "Mutual authentication needs a certificate on both sides.",
    Reason.UNTRUSTED: "Trust the peer's root, or give the peer a certificate of a trusted one.",
    Reason.EXPIRED: "Renew the peer's certificate, or check the clock.",
    Reason.NOT_YET_VALID: "Check the clock of both sides.",
    Reason.IDENTITY_MISMATCH: "Check the address, or the subject alternative name of the peer.",
    Reason.PEER_REFUSED: "Look for the reason in the peer's events.",
    Reason.TRUNCATED: "The other side or the link broke off; try again.",
    Reason.TIMED_OUT: "Check the link, or allow more time.",
    Reason.UNREACHABLE: "Check that the peer is up and the address is right.",
    Reason.TOO_LARGE: "Send less, or raise the limit on both sides.",
}
"""What to do about it, where there is more to say than to compare both sides' profiles."""

_PHRASES = (  # the first that occurs in OpenSSL's reason text decides
    ("no suitable key share", Reason.NO_COMMON_GROUP),
    ("no suitable groups", Reason.NO_COMMON_GROUP),
    ("no suitable signature algorithm", Reason.NO_COMMON_SIGNATURE),
    ("no shared signature algorithms", Reason.NO_COMMON_SIGNATURE),
    ("wrong signature type", Reason.NO_COMMON_SIGNATURE),
    ("no shared cipher", Reason.NO_COMMON_CIPHER),
    ("unsupported protocol", Reason.WRONG_VERSION),
    ("wrong version number", Reason.WRONG_VERSION),
    ("wrong ssl version", Reason.WRONG_VERSION),
    ("peer did not return a certificate", Reason.NO_CERTIFICATE),
    ("alert", Reason.PEER_REFUSED),
    ("unexpected eof", Reason.TRUNCATED),
)

_VERIFY_CODES = {9: Reason.NOT_YET_VALID, 10: Reason.EXPIRED}  # X509_V_ERR_*, openssl/x509_vfy.h


def from_openssl(text: str) -> Refusal:
    """Translate OpenSSL's reason text; what is not known is `MALFORMED`."""
    lowered = text.lower()
    for phrase, reason in _PHRASES:
        if phrase in lowered:
            return Refusal(reason, text)
    return Refusal(Reason.MALFORMED, text or "the bytes are not TLS")


def from_verify_code(code: int, text: str) -> Refusal:
    """Translate an OpenSSL certificate verification result."""
    return Refusal(_VERIFY_CODES.get(code, Reason.UNTRUSTED), text)
