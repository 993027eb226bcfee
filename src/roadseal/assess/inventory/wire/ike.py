"""IKE of both versions (RFC 7296, RFC 2409)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.finding import AlgorithmUse, Role
from roadseal.assess.inventory.wire import outcome
from roadseal.assess.inventory.wire.spoken import Session, Spoken, uses
from roadseal.events import Fact


def ike(session: Session) -> Spoken:
    """IKE: the responder's choice, else what the initiator proposes (RFC 7296, RFC 9370)."""
    chosen = session["chosen"] or []
    transforms = chosen or session["proposed"]
    name = _ike_v2 if session["version"] == 2 else _ike_v1
    named = [pair for transform in transforms if (pair := name(transform))]
    exchanges = tuple(
        identifiers.ike_key_exchange(transform["id"])
        for transform in transforms
        if (transform["kind"] == 4 or 6 <= transform["kind"] <= 12) and transform["id"]
    )
    notifies = session["notifies"]
    facts: dict[str, Fact] = {
        "intermediate_exchange": (16438 in notifies) or None,  # RFC 9242
        "preshared_key_offered": (16435 in notifies) or None,  # RFC 8784
    }
    if not chosen:
        if session["version"] == 2:
            named += [(name, Role.KEY_EXCHANGE) for name in exchanges]
        used = tuple(
            AlgorithmUse(name, role, preferred=False) for name, role in dict.fromkeys(named)
        )
        return Spoken("IKE", str(session["version"]), used, facts, _ike_refusal(session))
    group = session["responder_group"]
    if session["version"] == 2 and not exchanges and group:
        exchanges = (identifiers.ike_key_exchange(group),)
    hybrid = identifiers.ike_hybrid(exchanges) if exchanges else None
    return Spoken("IKE", str(session["version"]), uses((hybrid, Role.KEY_EXCHANGE), *named), facts)


def _ike_refusal(session: Session) -> str:
    """Why the responder chose nothing, as far as it said so in clear."""
    if session["refusal"] is not None:
        error = outcome.ike_error(session["version"], session["refusal"])
        return f"offered, no agreement: {error}"
    if session["wanted_group"] is not None:
        group = identifiers.ike_key_exchange(session["wanted_group"])
        return f"offered, no agreement: the responder wants the group {group}"
    if session["cookie"]:
        return "not concluded: the responder asked for its cookie"
    return ""


def _ike_v2(transform: Mapping[str, Any]) -> tuple[str, Role] | None:
    kind, number = transform["kind"], transform["id"]
    match kind:
        case 1:
            return identifiers.ike_encryption(number, transform["key_bits"]), Role.ENCRYPTION
        case 2:
            return identifiers.ike_prf(number), Role.INTEGRITY
        case 3 if number:
            return identifiers.ike_integrity(number), Role.INTEGRITY
        case 4:
            return (
                None if number == 0 else (identifiers.ike_key_exchange(number), Role.KEY_EXCHANGE)
            )
    return None


_IKE_V1_CIPHERS = {
    1: "des-cbc",
    2: "idea-cbc",
    3: "blowfish-cbc",
    5: "3des-cbc",
    6: "cast5-cbc",
    129: "sm4-cbc",  # GM/T 0022
}
_IKE_V1_KEYED_CIPHERS = {7: "aes", 8: "camellia"}
_IKE_V1_HASHES = {
    1: "hmac-md5",
    2: "hmac-sha-1",
    4: "hmac-sha-256",
    5: "hmac-sha-384",
    6: "hmac-sha-512",
    20: "hmac-sm3",  # GM/T 0022
}
_IKE_V1_AUTHENTICATION = {
    1: "psk",
    2: "dsa",
    3: "rsa",
    4: "rsa-pkcs1",
    5: "rsa-pkcs1",
    9: "ecdsa-p256",
    10: "ecdsa-p384",
    11: "ecdsa-p521",
}


def _ike_v1(transform: Mapping[str, Any]) -> tuple[str, Role] | None:
    """Attributes of RFC 2409 appendix A and of the IANA registry "Internet Key Exchange"."""
    kind, number = transform["kind"], transform["id"]
    match kind:
        case 1 if cipher := _IKE_V1_KEYED_CIPHERS.get(number):
            return f"{cipher}-{transform['key_bits'] or 128}-cbc", Role.ENCRYPTION
        case 1:
            return _IKE_V1_CIPHERS.get(number, f"ike-v1-encr:{number}"), Role.ENCRYPTION
        case 2:
            return _IKE_V1_HASHES.get(number, f"ike-v1-hash:{number}"), Role.INTEGRITY
        case 3:
            name = _IKE_V1_AUTHENTICATION.get(_ike_v1_method(number), f"ike-v1-auth:{number}")
            return name, Role.LIVE_AUTHENTICATION
        case 4:
            return identifiers.ike_key_exchange(number), Role.KEY_EXCHANGE
    return None


def _ike_v1_method(number: int) -> int:
    """The method that one with extended authentication stands on.

    There are two numbers for each, one for either end that is asked for more: of all methods
    (draft-beaulieu-ike-xauth), and of those in which only the gateway has a key
    (draft-ietf-ipsec-isakmp-hybrid-auth).
    """
    if 65001 <= number <= 65010:
        return (number - 64999) // 2
    hybrid = {64221: 3, 64222: 3, 64223: 2, 64224: 2}
    return hybrid.get(number, number)
