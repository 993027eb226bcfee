"""EAP and RADIUS: who lets a station into a network, and how."""

from __future__ import annotations

from collections.abc import Iterable

from roadseal.assess.inventory.finding import Role
from roadseal.assess.inventory.wire import tls
from roadseal.assess.inventory.wire.spoken import Session, Spoken, uses
from roadseal.events import Fact

_EAP_METHODS = {
    4: "MD5",
    5: "OTP",
    6: "GTC",
    13: "TLS",
    17: "LEAP",
    18: "SIM",
    21: "TTLS",
    23: "AKA",
    25: "PEAP",
    26: "MSCHAPv2",
    29: "MSCHAPv2",
    43: "FAST",
    50: "AKA'",
    52: "PWD",
    55: "TEAP",
}
_EAP_ALGORITHMS = {"MD5": ("md5",), "LEAP": ("md4", "des-cbc"), "MSCHAPv2": ("md4", "des-cbc")}


def eap(session: Session) -> Spoken:
    """EAP: the TLS in its method, or the method (RFC 3748, RFC 5216, RFC 2759)."""

    def names(methods: Iterable[int]) -> list[str]:
        return [_EAP_METHODS.get(method, f"method {method}") for method in methods]

    taken, asked = names(session["taken"]), names(session["asked"])
    facts: dict[str, Fact] = {
        "methods": ",".join(taken),
        "methods_asked": ",".join(asked),
        "methods_wanted": ",".join(names(session["wanted"])),
    }
    if handshake := session["handshake"]:
        (name,) = names([session["tls_method"]])
        inner = tls.from_handshake(f"EAP-{name}", handshake)
        facts = {**inner.facts, **facts}
        said = Spoken(inner.protocol, inner.version, inner.algorithms, facts, inner.outcome)
    else:
        methods = taken or asked
        weak = [name for method in methods for name in _EAP_ALGORITHMS.get(method, ())]
        used = uses(*((name, Role.LIVE_AUTHENTICATION) for name in weak))
        said = Spoken(f"EAP-{methods[-1]}" if methods else "EAP", "", used, facts)
    if session["success"] is False and not said.outcome:
        return said.failed("refused by the authenticator: EAP Failure")
    return said


def radius(session: Session) -> Spoken:
    """RADIUS: answers and hidden passwords hang on MD5 (RFC 2865 clauses 3 and 5.2)."""
    signed = "hmac-md5" if session["message_authenticator"] else None
    facts: dict[str, Fact] = {
        "password_hidden_by_md5": session["password"] or None,
        "chap": session["chap"] or None,
        "message_authenticator": session["message_authenticator"],
        "packets_without_message_authenticator": session["unauthenticated"] or None,
    }
    return Spoken("RADIUS", "", uses(("md5", Role.INTEGRITY), (signed, Role.INTEGRITY)), facts)
