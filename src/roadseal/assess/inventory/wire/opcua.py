"""OPC UA: the security policies of channels and endpoints (OPC 10000-7)."""

from __future__ import annotations

from roadseal.assess.inventory.finding import AlgorithmUse, Role
from roadseal.assess.inventory.wire import outcome
from roadseal.assess.inventory.wire.spoken import PLAINTEXT, Session, Spoken, uses
from roadseal.events import Fact

_OPCUA = {  # OPC 10000-7 clause 6.6: signature, key transport or agreement, cipher
    "None": ("plaintext",),
    "Basic128Rsa15": ("rsa-pkcs1-sha-1", "rsa-pkcs1", "aes-128-cbc"),
    "Basic256": ("rsa-pkcs1-sha-1", "rsa-oaep-sha-1", "aes-256-cbc"),
    "Basic256Sha256": ("rsa-pkcs1-sha-256", "rsa-oaep-sha-1", "aes-256-cbc"),
    "Aes128_Sha256_RsaOaep": ("rsa-pkcs1-sha-256", "rsa-oaep-sha-1", "aes-128-cbc"),
    "Aes256_Sha256_RsaPss": ("rsa-pss-sha-256", "rsa-oaep-sha-256", "aes-256-cbc"),
    "ECC_nistP256": ("ecdsa-p256", "p256", "aes-128-cbc"),
    "ECC_nistP384": ("ecdsa-p384", "p384", "aes-256-cbc"),
    "ECC_brainpoolP256r1": ("ecdsa-brainpoolp256r1", "brainpoolp256r1", "aes-128-cbc"),
    "ECC_brainpoolP384r1": ("ecdsa-brainpoolp384r1", "brainpoolp384r1", "aes-256-cbc"),
    "ECC_curve25519": ("ed25519", "x25519", "chacha20-poly1305"),
    "ECC_curve448": ("ed448", "x448", "chacha20-poly1305"),
}


def opcua(session: Session) -> Spoken:
    """OPC UA: the policies of opened channels are used, those asked for or of endpoints are not."""
    used = [use for policy in session["channel_policies"] for use in opcua_policy(policy)]
    allowed = [
        AlgorithmUse(use.name, use.role, preferred=False)
        for policy in (*session["requested_policies"], *session["offered_policies"])
        for use in opcua_policy(policy)
    ]
    facts: dict[str, Fact] = {
        "channel_policies": ",".join(session["channel_policies"]),
        "requested_policies": ",".join(session["requested_policies"]),
        "offered_policies": ",".join(session["offered_policies"]),
    }
    extra = [use for use in allowed if AlgorithmUse(use.name, use.role) not in used]
    said = Spoken("OPC UA", "", tuple(dict.fromkeys([*used, *extra])), facts)
    refused = [status for status in session["errors"] if status >> 30 == 2]  # severity: bad
    if refused and not session["channel_policies"]:
        named = ", ".join(map(outcome.opcua_status, refused))
        return said.failed(f"refused by the server: {named}")
    return said


def opcua_policy(policy: str) -> tuple[AlgorithmUse, ...]:
    """The algorithms of a security policy; an unknown one keeps its name and stays unknown."""
    parts = _OPCUA.get(policy)
    if parts is None:
        return uses((f"opcua-policy:{policy}", Role.UNKNOWN))
    if len(parts) == 1:
        return (PLAINTEXT,)
    signature, exchange, cipher = parts
    return uses(
        (signature, Role.LIVE_AUTHENTICATION),
        (exchange, Role.KEY_EXCHANGE),
        (cipher, Role.ENCRYPTION),
    )
