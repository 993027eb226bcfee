"""Tunnels and shells: OpenSSH, strongSwan, WireGuard, OpenVPN.

Sources: sshd_config(5), ssh_config(5), ipsec.conf(5), ipsec.secrets(5), swanctl.conf(5), wg(8),
openvpn(8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.config import left_open, plain_field, spelling
from roadseal.assess.inventory.config.credentials import known_to_all
from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.format import (
    PLAIN,
    PLAIN_ASIDE,
    PSK,
    Format,
    Said,
    flag,
    listed,
    names,
    versions,
    word,
)
from roadseal.assess.inventory.config.spelling import Uses
from roadseal.assess.inventory.finding import AlgorithmUse, Role

_SSH_KEX = names(spelling.ssh(identifiers.ssh_kex, Role.KEY_EXCHANGE))
_SSH_KEYS = names(spelling.ssh(identifiers.ssh_key, Role.LIVE_AUTHENTICATION))
_SSH = {
    "ciphers": names(spelling.ssh(identifiers.ssh_cipher, Role.ENCRYPTION)),
    "macs": names(spelling.ssh(identifiers.ssh_mac, Role.INTEGRITY)),
    "kexalgorithms": _SSH_KEX,
    "hostkeyalgorithms": _SSH_KEYS,
    "pubkeyacceptedalgorithms": _SSH_KEYS,
    "pubkeyacceptedkeytypes": _SSH_KEYS,
    "hostbasedacceptedalgorithms": _SSH_KEYS,
    "casignaturealgorithms": _SSH_KEYS,
}


def _wireguard(one: Directive) -> tuple[str, Uses] | None:
    """The protocol leaves no choice (WireGuard whitepaper §5.4)."""
    return "WireGuard", [
        AlgorithmUse("x25519", Role.KEY_EXCHANGE),
        AlgorithmUse("chacha20-poly1305", Role.ENCRYPTION),
        AlgorithmUse("blake2s-256", Role.INTEGRITY),
    ]


def _authenticated_only(one: Directive) -> tuple[str, Uses] | None:
    """AH protects against changes and hides nothing (RFC 4302 §1)."""
    return (one.value, [*spelling.ike(one.value), PLAIN]) if one.words else None


def _ssh_versions(one: Directive) -> tuple[str, Uses] | None:
    old = AlgorithmUse("ssh-1", Role.KEY_EXCHANGE)
    return ("version 1", [old]) if "1" in one.value.split(",") else None


def _secret(one: Directive) -> tuple[str, Uses] | None:
    """A secret of a section ``ike…`` or ``ppk…`` is shared beforehand, others are passwords."""
    uses = known_to_all(one.value)
    if one.section.startswith(("ike", "ppk")):
        uses = [PSK, *uses]
    return ("a secret", uses) if uses else None


_SHARED: Final = {"PSK", "EAP", "XAUTH"}


def _ipsec_secrets(statements: Sequence[Directive]) -> Iterator[Said]:
    """``selectors : PSK "secret"``, ipsec.secrets(5)."""
    for one in statements:
        words = (one.name, *one.words)
        kinds = [at for at, word in enumerate(words[:-1]) if word.upper() in _SHARED]
        if not kinds or ":" not in "".join(words[: kinds[0]]):
            continue
        kind = words[kinds[0]].upper()
        uses = known_to_all(words[kinds[0] + 1])
        uses = [PSK, *uses] if kind == "PSK" else uses
        if uses:
            said = Directive(one.line, kind, (), one.section, False, (), one.uri)
            yield said, "a secret", uses


_ANONYMOUS = AlgorithmUse("anonymous", Role.LIVE_AUTHENTICATION)


TUNNELS: Final = (
    Format(
        "ssh",
        "SSH",
        _SSH
        | {
            "protocol": _ssh_versions,
            "permitemptypasswords": flag("empty passwords", _ANONYMOUS, "yes"),
        },
        frozenset(_SSH)
        | {
            "permitrootlogin",
            "passwordauthentication",
            "hostkey",
            "usepam",
            "pubkeyauthentication",
            "subsystem",
            "host",
            "match",
            "hashknownhosts",
            "gssapiauthentication",
            "permitemptypasswords",
            "authorizedkeysfile",
            "x11forwarding",
            "hostcertificate",
            "identityfile",
        },
        ("sshd_config", "ssh_config"),
        includes={"include": ""},
        left_open=left_open.SSHD,
    ),
    Format(
        "ipsec",
        "IKE",
        {
            "ike": listed(spelling.ike),
            "esp": listed(spelling.ike),
            "ah": _authenticated_only,
            "authby": flag("a pre-shared key", PSK, "secret", "psk"),
            "leftauth": flag("a pre-shared key", PSK, "psk"),
            "rightauth": flag("a pre-shared key", PSK, "psk"),
        },
        frozenset(
            {
                "conn",
                "keyexchange",
                "ike",
                "esp",
                "leftsubnet",
                "rightsubnet",
                "left",
                "right",
                "authby",
            }
        ),
        ("ipsec.conf",),
        includes={"include": ""},
        left_open=left_open.IPSEC,
    ),
    Format(
        "ipsec-secrets",
        "IKE",
        {},
        frozenset({":"}),
        ("ipsec*.secrets",),
        whole=_ipsec_secrets,
        includes={"include": ""},
    ),
    Format(
        "swanctl",
        "IKE",
        {
            "proposals": listed(spelling.ike),
            "esp_proposals": listed(spelling.ike),
            "ah_proposals": _authenticated_only,
            "auth": flag("a pre-shared key", PSK, "psk"),
            "secret": _secret,
            "mode": flag("traffic passes in clear", PLAIN_ASIDE, "pass"),
        },
        frozenset(
            {
                "proposals",
                "esp_proposals",
                "local_addrs",
                "remote_addrs",
                "local_ts",
                "remote_ts",
                "ah_proposals",
            }
        ),
        ("swanctl.conf",),
        includes={"include": ""},
        left_open=left_open.SWANCTL,
    ),
    Format(
        "wireguard",
        "WireGuard",
        {"privatekey": _wireguard, "presharedkey": lambda one: ("a pre-shared key", [PSK])},
        frozenset(
            {"privatekey", "publickey", "allowedips", "endpoint", "presharedkey", "listenport"}
        ),
        ("wg[0-9].conf",),
    ),
    Format(
        "openvpn",
        "OpenVPN",
        {
            "cipher": word(spelling.ciphers),
            "data-ciphers": listed(spelling.ciphers),
            "ncp-ciphers": listed(spelling.ciphers),
            "data-ciphers-fallback": listed(spelling.ciphers),
            "auth": lambda one: (
                (one.value, spelling.mac_uses(one.value)) if len(one.words) == 1 else None
            ),
            "tls-cipher": listed(spelling.suites_with_hyphens),
            "tls-ciphersuites": listed(spelling.suites),
            "tls-groups": listed(spelling.groups),
            "ecdh-curve": listed(spelling.groups),
            "tls-version-min": versions,
            "secret": lambda one: ("a static key", [PSK]),
        },
        frozenset(
            {
                "client",
                "remote",
                "dev",
                "proto",
                "tls-auth",
                "tls-crypt",
                "tls-client",
                "tls-server",
                "remote-cert-tls",
                "reneg-sec",
                "resolv-retry",
                "persist-key",
                "persist-tun",
                "ca",
                "cert",
                "key",
                "dh",
                "cipher",
                "data-ciphers",
                "ifconfig",
                "secret",
                "verb",
            }
        ),
        ("*.ovpn",),
        whole=plain_field.openvpn,
        left_open=left_open.OPENVPN,
        includes={"config": ""},
    ),
)
