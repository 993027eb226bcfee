"""Why a message or certificate was, or was not, believed."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The closed list of reasons; verdicts carry these very strings."""

    OK = "ok"
    MALFORMED = "malformed"
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_SIGNER = "unknown_signer"
    UNKNOWN_ISSUER = "unknown_issuer"
    UNTRUSTED_ROOT = "untrusted_root"
    HASH_MISMATCH = "hash_mismatch"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    PSID_NOT_PERMITTED = "psid_not_permitted"
    SSP_MISMATCH = "ssp_mismatch"
    OUTSIDE_REGION = "outside_region"
    STALE = "stale"
    FUTURE = "future"
    REPLAY = "replay"
    REVOKED = "revoked"
    POLICY_DOWNGRADE = "policy_downgrade"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"

    @property
    def is_missing_evidence(self) -> bool:
        """Whether more certificates could change the answer: nothing was found to be wrong."""
        return self in _MISSING_EVIDENCE


_MISSING_EVIDENCE = {Reason.UNKNOWN_SIGNER, Reason.UNKNOWN_ISSUER, Reason.UNTRUSTED_ROOT}
