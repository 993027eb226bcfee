"""TLS, DTLS and QUIC as they were spoken: numbers of the wire to names of the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from roadseal.assess.inventory import cipher_suite, identifiers
from roadseal.assess.inventory.cipher_suite import CipherSuite
from roadseal.assess.inventory.finding import AlgorithmUse, Role
from roadseal.assess.inventory.wire.outcome import of_handshake
from roadseal.assess.inventory.wire.spoken import Spoken, channel_cipher, offers, uses
from roadseal.events import Fact

_VERSIONS = {
    0x0101: "TLCP 1.1",
    0x0002: "SSL 2.0",
    0x0300: "SSL 3.0",
    0x0301: "1.0",
    0x0302: "1.1",
    0x0303: "1.2",
    0x0304: "1.3",
    0xFEFF: "1.0",
    0x0100: "1.0 (OpenSSL before 0.9.8f)",
    0xFEFD: "1.2",
    0xFEFC: "1.3",
}
_SSL_2 = 0x0002
_SSL_2_CIPHERS = {  # draft-hickman-netscape-ssl-00 appendix C.4
    0x010080: ("rsa", "rc4-128"),
    0x020080: ("rsa-512", "rc4-40"),
    0x030080: ("rsa", "rc2-128-cbc"),
    0x040080: ("rsa-512", "rc2-40-cbc"),
    0x050080: ("rsa", "idea-cbc"),
    0x060040: ("rsa", "des-cbc"),
    0x0700C0: ("rsa", "3des-cbc"),
}
_QUIC_VERSIONS = {0x0000_0001: "1", 0x6B33_43CF: "2", 0x709A_50C4: "2-draft"}


def version_name(version: int) -> str:
    """Name a version of TLS or DTLS as the wire has it.

    >>> version_name(0x0303), version_name(0x7F1C), version_name(0xFB1A)
    ('1.2', '1.3-draft-28', '1.3-draft-26 (Fizz)')
    """
    if version >> 8 == 0x7F:
        return f"1.3-draft-{version & 0xFF}"
    if version >> 8 == 0xFB:
        return f"1.3-draft-{version & 0xFF} (Fizz)"
    return _VERSIONS.get(version, f"0x{version:04x}")


def quic_version_name(version: int) -> str:
    """Name a version of QUIC.

    >>> quic_version_name(1), quic_version_name(0xFF00001D), quic_version_name(0x51303436)
    ('1', 'draft-29', 'Q046')
    """
    if name := _QUIC_VERSIONS.get(version):
        return name
    if version >> 8 == 0xFF0000:
        return f"draft-{version & 0xFF}"
    letters = version.to_bytes(4, "big")
    return letters.decode("ascii") if letters.isalnum() else f"0x{version:08x}"


def algorithms(
    chosen: CipherSuite | None,
    *,
    group: str | None = None,
    scheme: str | None = None,
) -> tuple[AlgorithmUse, ...]:
    """What a suite, a group and a signature scheme come to together.

    The group says more than the suite's key exchange, the scheme more than its authentication.
    """
    if chosen is None:
        return uses((group, Role.KEY_EXCHANGE), (scheme, Role.LIVE_AUTHENTICATION))
    return uses(
        (group or chosen.key_exchange, Role.KEY_EXCHANGE),
        (scheme or chosen.authentication, Role.LIVE_AUTHENTICATION),
        channel_cipher(chosen.encryption),
        (chosen.integrity, Role.INTEGRITY),
    )


def ssl2_offers(codes: Iterable[int]) -> tuple[AlgorithmUse, ...]:
    """Ciphers of SSL 2: the key goes under RSA, the MAC is MD5; which one is used is not said."""
    pairs = [_SSL_2_CIPHERS.get(code, ("rsa", f"ssl2-cipher:0x{code:06x}")) for code in codes]
    if not pairs:
        return ()
    return (
        *offers((exchange for exchange, _ in pairs), Role.KEY_EXCHANGE),
        *offers((cipher for _, cipher in pairs), Role.ENCRYPTION),
        *offers(("md5",), Role.INTEGRITY),
    )


def from_names(
    version: str, cipher: str | None, group: str | None, facts: Mapping[str, Fact] | None = None
) -> Spoken:
    """TLS as another tool names it: its version, the suite's and the group's registered names."""
    chosen = cipher_suite.from_name(cipher) if cipher else None
    known = identifiers.tls_group_from_name(group) if group else None
    stated: dict[str, Fact] = {"cipher_suite": cipher, "group": group, **(facts or {})}
    return Spoken("TLS", version, algorithms(chosen, group=known), stated)


def from_handshake(protocol: str, handshake: Mapping[str, Any]) -> Spoken:
    """TLS as `roadseal._core.FlowReader` saw its handshake; nothing is used in one that failed."""
    said = _as_negotiated(protocol, handshake)
    outcome = of_handshake(handshake)
    return said.failed(outcome) if outcome else said


def _as_negotiated(protocol: str, handshake: Mapping[str, Any]) -> Spoken:
    client, server = handshake["client"], handshake["server"]
    facts = _client_facts(client) if client else {}
    if handshake["retry_group"]:
        facts["retry_group"] = identifiers.tls_group_spelling(handshake["retry_group"])
    if handshake["client_certificates"]:
        facts["client_certificates"] = len(handshake["client_certificates"])
    facts["certificate_requested"] = handshake["certificate_requested"] or None
    if server is None:
        return _without_server(protocol, handshake, facts)
    if server["version"] == _SSL_2:
        return Spoken(protocol, version_name(_SSL_2), ssl2_offers(server["ssl2_ciphers"]), facts)
    chosen = cipher_suite.from_code(server["cipher_suite"])
    group, scheme = _group(handshake), _scheme(handshake)
    facts |= {
        "cipher_suite": chosen.name,
        "group": group,
        "signature_scheme": scheme,
        "resumed": server["psk"] or server["resumed"] or None,
    }
    if chosen.authentication is None and not server["psk"]:
        facts["authentication"] = "encrypted: not visible to an observer"
    used = algorithms(chosen, group=group, scheme=scheme)
    return Spoken(protocol, version_name(server["version"]), used, facts)


def _without_server(protocol: str, handshake: Mapping[str, Any], facts: dict[str, Fact]) -> Spoken:
    """Only one side was captured: what the client offers is not what is used."""
    client = handshake["client"]
    if client is None:
        record = handshake["record_version"]
        facts["handshake"] = "not captured"
        return Spoken(protocol, f"record {version_name(record)}" if record else "", (), facts)
    offered = (
        *ssl2_offers(client["ssl2_ciphers"]),
        *offers(map(identifiers.tls_group, client["groups"]), Role.KEY_EXCHANGE),
        *offers(map(identifiers.tls_scheme, client["signature_schemes"]), Role.LIVE_AUTHENTICATION),
    )
    best = max([client["version"], *client["versions"]], key=_rank)
    return Spoken(protocol, f"{version_name(best)} offered", offered, facts)


def _rank(version: int) -> int:
    """Newer is higher; DTLS counts downwards on the wire."""
    return 0x10000 - version if version >> 8 == 0xFE else version


def _client_facts(client: Mapping[str, Any]) -> dict[str, Fact]:
    def names(codes: Iterable[int]) -> str:
        return ",".join(identifiers.tls_group_spelling(code) for code in codes)

    return {
        "server_name": client["server_name"],
        "encrypted_hello": client["encrypted_hello"] or None,
        "client_groups": names(client["groups"]),
        "client_key_shares": names(client["key_shares"]),
        "early_data": client["early_data"] or None,
    }


def _group(handshake: Mapping[str, Any]) -> str | None:
    code = handshake["server"]["group"] or handshake["exchange_group"]
    if code:
        return identifiers.tls_group(code)
    bits = handshake["exchange_dh_bits"]
    return f"dh-{bits}" if bits else None


def _scheme(handshake: Mapping[str, Any]) -> str | None:
    code = handshake["exchange_signature"]
    return identifiers.tls_scheme(code) if code else None
