"""Every protocol that `roadseal._core.FlowReader` reads, as `Spoken`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.finding import AlgorithmUse, Role
from roadseal.assess.inventory.wire import outcome, tls
from roadseal.assess.inventory.wire.spoken import Spoken, channel_cipher, offers, uses
from roadseal.events import Fact

Session = Mapping[str, Any]

PLAINTEXT = AlgorithmUse("plaintext", Role.PLAINTEXT)
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


def ssh(session: Session) -> Spoken:
    """SSH: what both proposals come to; with one side only, what that side offers (RFC 4253)."""
    versions = {
        "client_software": session["client_version"],
        "server_software": session["server_version"],
    }
    both = session["client_version"] or session["server_version"] or ""
    version = "1" if both.startswith("SSH-1.") and not both.startswith("SSH-1.99") else "2"
    offered = session["server"] or session["client"]
    if session["no_common"]:
        return _ssh_disagreement(session, version, versions)
    if session["kex"] is None:
        if offered is None:
            return Spoken("SSH", version, (), versions)
        return Spoken("SSH", version, ssh_offers(offered), versions)
    key = session["host_key_type"]
    bits = session["host_key_bits"]
    facts: dict[str, Fact] = {
        **versions,
        "kex": session["kex"],
        "host_key": session["host_key"],
        "cipher": session["cipher"],
        "host_key_bits": bits,
        "established": session["established"],
    }
    used = uses(
        (identifiers.ssh_kex(session["kex"]), Role.KEY_EXCHANGE),
        (_ssh_key(session["host_key"] or key), Role.LIVE_AUTHENTICATION),
        (f"rsa-{bits}" if bits else None, Role.LIVE_AUTHENTICATION),
        *(
            channel_cipher(identifiers.ssh_cipher(session[cipher]))
            for cipher in ("cipher", "cipher_back")
            if session[cipher]
        ),
        *(
            (identifiers.ssh_mac(session[mac]), Role.INTEGRITY)
            for mac in ("mac", "mac_back")
            if session[mac]
        ),
    )
    said = Spoken("SSH", version, used, facts)
    left = session["disconnect"]
    if left is not None and not session["established"]:
        return said.failed(f"refused by the {left['from']}: {outcome.ssh_reason(left['reason'])}")
    return said


def _ssh_disagreement(session: Session, version: str, versions: Mapping[str, Fact]) -> Spoken:
    """Both sides proposed, and one kind of algorithm has nothing in common: nothing is used."""
    what = ", ".join(name.replace("-", " ") for name in session["no_common"])
    facts: dict[str, Fact] = {
        **versions,
        "client_kex": ",".join(session["client"]["kex"]),
        "server_kex": ",".join(session["server"]["kex"]),
    }
    said = Spoken("SSH", version, ssh_offers(session["server"]), facts)
    return said.failed(f"offered, no agreement: no common {what}")


def ssh_offers(proposal: Mapping[str, list[str]]) -> tuple[AlgorithmUse, ...]:
    """Everything that one side of SSH would accept; markers of extensions are no algorithms."""
    markers = ("ext-info-", "kex-strict-")
    kex = [name for name in proposal["kex"] if not name.startswith(markers)]
    return (
        *offers(map(identifiers.ssh_kex, kex), Role.KEY_EXCHANGE),
        *offers(map(identifiers.ssh_key, proposal["host_key"]), Role.LIVE_AUTHENTICATION),
        *offers(map(identifiers.ssh_cipher, proposal["cipher_to_client"]), Role.ENCRYPTION),
        *offers(map(identifiers.ssh_mac, proposal["mac_to_client"]), Role.INTEGRITY),
    )


def _ssh_key(name: str | None) -> str | None:
    return identifiers.ssh_key(name) if name else None


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


_IKE_V1_CIPHERS = {1: "des-cbc", 2: "idea-cbc", 3: "blowfish-cbc", 5: "3des-cbc", 6: "cast5-cbc"}
_IKE_V1_HASHES = {
    1: "hmac-md5",
    2: "hmac-sha-1",
    4: "hmac-sha-256",
    5: "hmac-sha-384",
    6: "hmac-sha-512",
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
        case 1 if number == 7:
            return f"aes-{transform['key_bits'] or 128}-cbc", Role.ENCRYPTION
        case 1:
            return _IKE_V1_CIPHERS.get(number, f"ike-v1-encr:{number}"), Role.ENCRYPTION
        case 2:
            return _IKE_V1_HASHES.get(number, f"ike-v1-hash:{number}"), Role.INTEGRITY
        case 3:
            # Beyond 65000 stand the same methods with extended authentication.
            method = number - 65000 if number > 65000 else number
            name = _IKE_V1_AUTHENTICATION.get(method, f"ike-v1-auth:{number}")
            return name, Role.LIVE_AUTHENTICATION
        case 4:
            return identifiers.ike_key_exchange(number), Role.KEY_EXCHANGE
    return None


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


_MACSEC_SUITES = {1: "aes-128-gcm", 2: "aes-256-gcm", 3: "aes-128-gcm", 4: "aes-256-gcm"}


def macsec(session: Session) -> Spoken:
    """MACsec: its suite stands in the agreement on its keys, not in its frames (IEEE 802.1AE)."""
    named = [_MACSEC_SUITES.get(suite, "macsec-suite") for suite in session["suites"]]
    used = [*uses(*((name, Role.ENCRYPTION) for name in named))]
    if session["plain"] or (session["authenticated"] and not session["encrypted"]):
        used.append(PLAINTEXT)
    facts: dict[str, Fact] = {
        "frames_encrypted": bool(session["encrypted"]) or None,
        "frames_authenticated_only": bool(session["authenticated"]) or None,
        "key_agreement": "MKA" if session["agreements"] else None,
        "cipher": None if named else "agreed by MKA: not visible here",
    }
    return Spoken("MACsec", "", tuple(used), facts)


_WIFI_CIPHERS = {  # IEEE 802.11-2020 table 9-149, and those of WPA of 2003
    1: "wep",
    2: "tkip",
    4: "aes-128-ccm",
    5: "wep",
    8: "aes-128-gcm",
    9: "aes-256-gcm",
    10: "aes-256-ccm",
}
_WIFI_KEYS = {  # table 9-151
    **dict.fromkeys((1, 3, 5, 11, 12, 13), ("eap-tls-default", Role.LIVE_AUTHENTICATION)),
    **dict.fromkeys((2, 4, 6), ("psk", Role.LIVE_AUTHENTICATION)),
    **dict.fromkeys((8, 9, 24, 25), ("sae", Role.LIVE_AUTHENTICATION)),
    18: ("ecdh", Role.KEY_EXCHANGE),
}
_WIFI_KEY_NAMES = {1: "802.1X", 2: "PSK", 3: "FT-802.1X", 4: "FT-PSK", 5: "802.1X-SHA256"} | {
    6: "PSK-SHA256",
    8: "SAE",
    9: "FT-SAE",
    11: "SUITE-B",
    12: "SUITE-B-192",
    13: "FT-802.1X-SHA384",
    18: "OWE",
    24: "SAE-EXT-KEY",
    25: "FT-SAE-EXT-KEY",
}
_WIFI_ORGANISATIONS = (0x000FAC, 0x0050F2)


def wifi(session: Session) -> Spoken:
    """Wi-Fi: what a station chose, from its second message (IEEE 802.11-2020 clause 12.7.6)."""
    pairwise, chosen = session["pairwise"], session["key_management"]
    known = [suite for suite in chosen if suite >> 8 in _WIFI_ORGANISATIONS]
    used = uses(
        *(_WIFI_KEYS.get(suite & 0xFF, (None, Role.UNKNOWN)) for suite in known),
        *((_wifi_cipher(suite), Role.ENCRYPTION) for suite in pairwise),
    )
    group = session["group"]
    facts: dict[str, Fact] = {
        "key_management": ",".join(
            _WIFI_KEY_NAMES.get(suite & 0xFF, f"0x{suite:08x}") for suite in chosen
        ),
        "group_cipher": _wifi_cipher(group) if group else None,
    }
    version = "" if not chosen else "WPA" if session["wpa_1"] else "RSN"
    return Spoken("Wi-Fi", version, used, facts)


def _wifi_cipher(suite: int) -> str:
    known = suite >> 8 in _WIFI_ORGANISATIONS
    return _WIFI_CIPHERS.get(suite & 0xFF if known else 0, f"wpa-cipher:0x{suite:08x}")


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
    "ssh": ssh,
    "ike": ike,
    "wireguard": wireguard,
    "snmp": snmp,
    "mqtt": mqtt,
    "opc-ua": opcua,
    "dnp3": dnp3,
    "modbus": _fixed("Modbus/TCP", (PLAINTEXT,)),
    "openvpn": openvpn,
    "plain": plain,
    "eap": eap,
    "radius": radius,
    "macsec": macsec,
    "wifi": wifi,
    "esp": _fixed("IPsec ESP", cipher="negotiated by IKE: not visible here"),
    "ah": _fixed("IPsec AH", integrity="negotiated by IKE: not visible here"),
    "v2x": _fixed("V2X"),
}
