"""Every protocol that `roadseal._core.FlowReader` reads, as `Spoken`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from roadseal.assess.inventory.finding import AlgorithmUse, Role
from roadseal.assess.inventory.wire import eap, ike, links, opcua, outcome, ssh, tls
from roadseal.assess.inventory.wire.spoken import PLAINTEXT, Session, Spoken, offers, uses
from roadseal.events import Fact

UNANSWERED = "the server closed the connection without an answer"


def spoken(session: Session, *, unanswered: bool = False) -> Spoken:
    """Describe a session; what is not visible stays unsaid.

    Args:
        session: as `roadseal._core.FlowReader` gives it.
        unanswered: the server closed the connection without having said anything.
    """
    said = _READERS[session["protocol"]](session)
    if unanswered and not said.outcome:
        return said.failed(UNANSWERED)
    return said


def inner_sessions(session: Session) -> tuple[Session, ...]:
    """What runs inside a session that carries others: the EAP conversations of RADIUS."""
    return tuple(
        {"protocol": "eap", **conversation} for conversation in session.get("conversations", ())
    )


def wireguard(session: Session) -> Spoken:
    """WireGuard: its construction is fixed; a pre-shared key is not visible."""
    used = uses(
        ("x25519", Role.KEY_EXCHANGE),
        ("x25519", Role.LIVE_AUTHENTICATION),
        ("chacha20-poly1305", Role.ENCRYPTION),
    )
    said = Spoken("WireGuard", "1", used, {"preshared_key": "not visible to an observer"})
    asked_only = session.get("initiations") and not session["responses"] and not session["data"]
    return said.failed("offered: no response was seen") if asked_only else said


_USM_TAGS = {16: "hmac-sha-224", 24: "hmac-sha-256", 32: "hmac-sha-384", 48: "hmac-sha-512"}


def snmp(session: Session) -> Spoken:
    """SNMP: a community is a password in clear; version 3 shows flags and the length of its tag."""
    version = session["version"]
    if version != "3":
        asked = 0xA0 in session["pdus"] or 0xA1 in session["pdus"] or 0xA5 in session["pdus"]
        facts: dict[str, Fact] = {
            "default_community": session["default_community"] or None,
            "answered": False if asked and not session["answered"] else None,
        }
        return Spoken("SNMP", version, uses(("community-string", Role.PLAINTEXT)), facts)
    if session["security_model"] == 4:
        return Spoken("SNMP", "3", (), {"security_model": "transport"})
    tag = session["tag_bytes"]
    # RFC 3414: MD5 and SHA-1 are both cut to 12 octets, so that an observer cannot tell them apart.
    mac = _USM_TAGS.get(tag, f"usm-tag-{tag * 8}") if tag else None
    clear = (PLAINTEXT,) if session["in_clear"] else ()
    if not session["authenticated"] and not clear:
        return Spoken("SNMP", "3", (), {"discovery": True})
    facts = {"privacy": session["encrypted"]}
    if session["encrypted"]:
        facts["cipher"] = "not visible to an observer"
    said = Spoken("SNMP", "3", (*uses((mac, Role.INTEGRITY)), *clear), facts)
    refusal = outcome.usm_refusal(session["reports"])
    return (
        said.failed(f"refused by the agent: {refusal}")
        if refusal and not session["answered"]
        else said
    )


def mqtt(session: Session) -> Spoken:
    """MQTT in clear; a password in it is the broken-today lane's."""
    version = {0: "", 3: "3.1", 4: "3.1.1", 5: "5.0"}.get(session["level"], str(session["level"]))
    facts: dict[str, Fact] = {"password_in_clear": session["password"] or None}
    answer = session["acknowledgement"]
    if answer and answer["code"]:
        # What was sent with the request stood in clear all the same.
        refusal = f"refused by the broker: {outcome.mqtt_code(answer['code'])}"
        return Spoken("MQTT", version, (PLAINTEXT,), facts, refusal)
    return Spoken("MQTT", version, (PLAINTEXT,), facts)


def dnp3(session: Session) -> Spoken:
    """DNP3: Secure Authentication authenticates with symmetric keys and hides nothing."""
    facts: dict[str, Fact] = {"secure_authentication": session["secure_authentication"]}
    return Spoken("DNP3", "", (PLAINTEXT,), facts)


def openvpn(session: Session) -> Spoken:
    """OpenVPN: the TLS of its control channel, and how that is wrapped."""
    facts: dict[str, Fact] = {"control_channel": session["wrapping"]}
    tag = {16: "hmac-md5", 20: "hmac-sha-1", 28: "hmac-sha-224", 32: "hmac-sha-256"} | {
        48: "hmac-sha-384",
        64: "hmac-sha-512",
    }
    wrapped = uses((tag.get(session["tag_bytes"] or 0), Role.INTEGRITY))
    if session["handshake"] is None:
        if session["wrapping"].startswith("tls-crypt"):
            facts["handshake"] = "encrypted: not visible to an observer"
        return Spoken("OpenVPN", "", wrapped, facts)
    inner = tls.from_handshake("OpenVPN", session["handshake"])
    algorithms = tuple(dict.fromkeys((*inner.algorithms, *wrapped)))
    facts = {**inner.facts, **facts}
    return Spoken("OpenVPN", f"over TLS {inner.version}", algorithms, facts, inner.outcome)


def quic(session: Session) -> Spoken:
    """QUIC: TLS 1.3 in it, or Google's handshake of before."""
    version = tls.quic_version_name(session["version"])
    if google := session["google"]:
        names = {
            "C255": "x25519",
            "P256": "p256",
            "AESG": "aes-128-gcm",
            "CC20": "chacha20-poly1305",
        }
        algorithms = (
            *offers((names.get(tag, tag) for tag in google["key_exchange"]), Role.KEY_EXCHANGE),
            *offers((names.get(tag, tag) for tag in google["aead"]), Role.ENCRYPTION),
        )
        return Spoken("gQUIC", version, algorithms, {"server_name": google["server_name"]})
    inner = tls.from_handshake("QUIC", session["handshake"])
    facts: dict[str, Fact] = {**inner.facts, "tls_version": inner.version}
    said = Spoken("QUIC", version, inner.algorithms, facts, inner.outcome)
    if inner.outcome or session["handshake"]["server"] is not None:
        return said
    return said.failed(refusal) if (refusal := _quic_refusal(session)) else said


def _quic_refusal(session: Session) -> str:
    """What a server answered that opened no connection (RFC 9000 clauses 6, 8.1.2 and 10.2)."""
    if session["closed"] is not None:
        return f"refused: error 0x{session['closed']:x}"
    if session["negotiable"] and session["version"] not in session["negotiable"]:
        offered = ", ".join(map(tls.quic_version_name, session["negotiable"]))
        return f"offered, no agreement: the server speaks {offered}"
    if session["asked_again"]:
        return "not concluded: the server asked for its token"
    return ""


def upgraded_tls(session: Session) -> Spoken:
    """TLS or DTLS, and what was spoken in clear before it."""
    protocol = session["protocol"].upper()
    inner = tls.from_handshake(protocol, session["handshake"])
    return Spoken(
        protocol,
        inner.version,
        inner.algorithms,
        {**inner.facts, "upgraded_from": session["upgraded_from"]},
        inner.outcome,
    )


def plain(session: Session) -> Spoken:
    """A protocol of text in clear."""
    return Spoken(session["application"].upper(), "", (PLAINTEXT,))


def _fixed(
    protocol: str, algorithms: Iterable[AlgorithmUse] = (), **facts: Fact
) -> Callable[[Session], Spoken]:
    said = Spoken(protocol, "", tuple(algorithms), facts)
    return lambda _session: said


_READERS: Mapping[str, Callable[[Session], Spoken]] = {
    "tls": upgraded_tls,
    "dtls": upgraded_tls,
    "quic": quic,
    "ssh": ssh.ssh,
    "ike": ike.ike,
    "wireguard": wireguard,
    "snmp": snmp,
    "mqtt": mqtt,
    "opc-ua": opcua.opcua,
    "dnp3": dnp3,
    "modbus": _fixed("Modbus/TCP", (PLAINTEXT,)),
    "openvpn": openvpn,
    "plain": plain,
    "eap": eap.eap,
    "radius": eap.radius,
    "macsec": links.macsec,
    "wifi": links.wifi,
    "esp": _fixed("IPsec ESP", cipher="negotiated by IKE: not visible here"),
    "ah": _fixed("IPsec AH", integrity="negotiated by IKE: not visible here"),
    "v2x": _fixed("V2X"),
}
