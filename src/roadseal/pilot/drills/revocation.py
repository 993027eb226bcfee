"""A list of revoked certificates as a signed message, and what a station does with it."""

from __future__ import annotations

from collections.abc import Sequence

from roadseal.pilot.drills.scene import Scene
from roadseal.v2x import Credential, Header, Verifier, service, sign

_HASH_BYTES = 8
_VALID_S = 3_600.0


def revocation_list(
    scene: Scene, issuer: Credential, revoked: Sequence[bytes], time_s: float
) -> bytes:
    """Sign a list that may be repeated for an hour.

    Args:
        scene: for the time.
        issuer: who signs; receivers believe those whose certificate permits revocation lists.
        revoked: HashedId8 of the certificates. The list is packed by us, not the ASN.1 of a CRL.
        time_s: when.
    """
    header = Header(
        psid=service.CRL,
        generation_time=scene.at(time_s),
        expiry_time=scene.at(time_s + _VALID_S),
    )
    return sign(b"".join(revoked), header, issuer)


def obey(verifier: Verifier, message: bytes, scene: Scene, now_s: float) -> bool:
    """Verify a list and refuse whoever is on it; whether it was believed."""
    verdict = verifier.verify(message, scene.at(now_s))
    if not verdict.ok or verdict.psid != service.CRL or verdict.payload is None:
        return False
    begin, end = verdict.payload
    for start in range(begin, end, _HASH_BYTES):
        verifier.revoke(message[start : start + _HASH_BYTES])
    return True
