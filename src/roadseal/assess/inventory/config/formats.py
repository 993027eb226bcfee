"""What each format says by which directive. A directive that is not here says nothing of interest.

Sources: the manuals of nginx (ngx_http_ssl_module, ngx_http_proxy_module), Apache (mod_ssl),
HAProxy 2.x, sshd_config(5), ssh_config(5), ipsec.conf(5), swanctl.conf(5), wg(8), snmpd.conf(5),
mosquitto.conf(5), config(5) of OpenSSL, chrony.conf(5), hostapd.conf, wpa_supplicant.conf(5),
openvpn(8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from roadseal.assess.inventory import identifiers
from roadseal.assess.inventory.config import spelling
from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.spelling import Uses, named
from roadseal.assess.inventory.finding import AlgorithmUse, Role

Reader = Callable[[Directive], tuple[str, Uses] | None]
"""Returns what is said, in words without secrets, and the algorithms."""


@dataclass(frozen=True)
class Format:
    """One configuration language.

    Args:
        name: findings are called ``config/NAME``.
        protocol: what it configures.
        readers: by directive, in lower case.
        typical: directives that tell the format, in lower case; two must be there, or one that is
            read and a name of `files`.
        files: names, as globs in lower case.
        terminated: whether statements end in ``;``.
    """

    name: str
    protocol: str
    readers: Mapping[str, Reader]
    typical: frozenset[str]
    files: tuple[str, ...]
    terminated: bool = False


def _list(read: Callable[[str], Uses]) -> Reader:
    return lambda one: (one.value, read(one.value)) if one.words else None


def _word(read: Callable[[str], Uses]) -> Reader:
    """One word: several are prose."""
    return lambda one: (one.value, read(one.value)) if len(one.words) == 1 else None


def _one(read: Callable[[str], Uses]) -> Reader:
    """A list without spaces, of names of the field's form: other words are prose."""

    def reader(one: Directive) -> tuple[str, Uses] | None:
        named_so = len(one.words) == 1 and re.search(r"[-@*]|^none$", one.value)
        return (one.value, read(one.value)) if named_so else None

    return reader


def _versions(one: Directive) -> tuple[str, Uses] | None:
    """Versions name no algorithm; those that fell are broken today (RFC 8996)."""
    on = spelling.tls_versions(one.words)
    old = [version for version in on if version in {"SSL 2.0", "SSL 3.0"}]
    return (
        (
            ", ".join(on),
            named([f"{v.lower().replace(' ', '-')}" for v in old], Role.LIVE_AUTHENTICATION),
        )
        if on
        else None
    )


def _flag(text: str, use: AlgorithmUse, *values: str) -> Reader:
    def read(one: Directive) -> tuple[str, Uses] | None:
        said = one.value.lower()
        return (text, [use]) if (said in values if values else bool(one.words)) else None

    return read


_PLAIN = AlgorithmUse("plaintext", Role.PLAINTEXT)
_COMMUNITY = AlgorithmUse("community-string", Role.LIVE_AUTHENTICATION)
_ANONYMOUS = AlgorithmUse("anonymous", Role.LIVE_AUTHENTICATION)
_WEP = AlgorithmUse("wep", Role.ENCRYPTION)
_NTS = AlgorithmUse("tls-1.3-default", Role.KEY_EXCHANGE, preferred=False)
_PSK = AlgorithmUse("psk", Role.LIVE_AUTHENTICATION)
_SSH_KEX = _one(spelling.ssh(identifiers.ssh_kex, Role.KEY_EXCHANGE))
_SSH_KEYS = _one(spelling.ssh(identifiers.ssh_key, Role.LIVE_AUTHENTICATION))
_SSH = {
    "ciphers": _one(spelling.ssh(identifiers.ssh_cipher, Role.ENCRYPTION)),
    "macs": _one(spelling.ssh(identifiers.ssh_mac, Role.INTEGRITY)),
    "kexalgorithms": _SSH_KEX,
    "hostkeyalgorithms": _SSH_KEYS,
    "pubkeyacceptedalgorithms": _SSH_KEYS,
    "pubkeyacceptedkeytypes": _SSH_KEYS,
    "hostbasedacceptedalgorithms": _SSH_KEYS,
    "casignaturealgorithms": _SSH_KEYS,
}


def _haproxy_options(one: Directive) -> tuple[str, Uses] | None:
    """``bind … ssl ciphers X curves Y alpn …``: keywords in any order."""
    uses: Uses = []
    said: list[str] = []
    readers = {
        "ciphers": spelling.suites, "ciphersuites": spelling.suites, "curves": spelling.groups,
        "ecdhe": spelling.groups, "sigalgs": spelling.schemes, "client-sigalgs": spelling.schemes,
    }  # fmt: skip
    for keyword, value in zip(one.words, one.words[1:], strict=False):
        if keyword in readers:
            uses += readers[keyword](value)
            said.append(f"{keyword} {value}")
        elif keyword in {"ssl-min-ver", "ssl-max-ver"}:
            said.append(f"{keyword} {value}")
    if "ssl" in one.words:
        said.insert(0, "ssl")
    return (" ".join(said), uses) if said else None


def _snmp_user(one: Directive) -> tuple[str, Uses] | None:
    """CreateUser name [-e engine] auth secret [priv secret]: the secrets are not told."""
    words = [word for word in one.words if word.upper() in _SNMP]
    uses = [use for word in words for use in [_SNMP[word.upper()]]]
    if not uses:
        uses = [AlgorithmUse("plaintext", Role.PLAINTEXT)]
    return f"user {one.words[0] if one.words else ''} {' '.join(words)}".strip(), uses


_SNMP: Final = {
    "MD5": AlgorithmUse("hmac-md5", Role.INTEGRITY),
    "SHA": AlgorithmUse("hmac-sha-1", Role.INTEGRITY),
    "SHA-224": AlgorithmUse("hmac-sha-224", Role.INTEGRITY),
    "SHA-256": AlgorithmUse("hmac-sha-256", Role.INTEGRITY),
    "SHA-384": AlgorithmUse("hmac-sha-384", Role.INTEGRITY),
    "SHA-512": AlgorithmUse("hmac-sha-512", Role.INTEGRITY),
    "DES": AlgorithmUse("des-cbc", Role.ENCRYPTION),
    "AES": AlgorithmUse("aes-128-cfb", Role.ENCRYPTION),  # RFC 3826
    "AES-128": AlgorithmUse("aes-128-cfb", Role.ENCRYPTION),
    "AES-192": AlgorithmUse("aes-192-cfb", Role.ENCRYPTION),
    "AES-256": AlgorithmUse("aes-256-cfb", Role.ENCRYPTION),
}


def _com2sec(one: Directive) -> tuple[str, Uses] | None:
    return "SNMPv1 and SNMPv2c by community", [_COMMUNITY, _PLAIN]


def _snmp_level(one: Directive) -> tuple[str, Uses] | None:
    words = [word.lower() for word in one.words]
    if "noauth" in words:
        return "without authentication", [_PLAIN]
    if "auth" in words:
        return "authentication without privacy", [_PLAIN]
    return None


def _chrony(one: Directive) -> tuple[str, Uses] | None:
    if "nts" in one.words:
        return "NTS", [_NTS]
    if "key" in one.words:
        return "a symmetric key", [AlgorithmUse("ntp-key", Role.INTEGRITY)]
    return "time without authentication", [_PLAIN]


_WPA_CIPHERS: Final = {
    "CCMP": "aes-128-ccm", "CCMP-256": "aes-256-ccm", "GCMP": "aes-128-gcm",
    "GCMP-256": "aes-256-gcm", "TKIP": "tkip", "NONE": "null", "WEP40": "wep", "WEP104": "wep",
    "AES-128-CMAC": "aes-128-cmac", "BIP-CMAC-256": "aes-256-cmac",
}  # fmt: skip
_WPA_KEYS: Final = {
    "WPA-PSK": "psk", "WPA-PSK-SHA256": "psk", "FT-PSK": "psk", "SAE": "sae", "FT-SAE": "sae",
    "SAE-EXT-KEY": "sae", "WPA-EAP": "eap-tls-default", "WPA-EAP-SHA256": "eap-tls-default",
    "WPA-EAP-SUITE-B-192": "p384", "OWE": "ecdh", "NONE": "plaintext", "IEEE8021X": "wep",
}  # fmt: skip


def _wpa_ciphers(one: Directive) -> tuple[str, Uses] | None:
    words = [word.upper() for word in one.words]
    return one.value, named(
        (_WPA_CIPHERS.get(word, f"wpa-cipher:{word}") for word in words), Role.ENCRYPTION
    )


def _wpa_keys(one: Directive) -> tuple[str, Uses] | None:
    words = [word.upper() for word in one.words]
    return one.value, named(
        (_WPA_KEYS.get(word, f"wpa-key:{word}") for word in words), Role.LIVE_AUTHENTICATION
    )


def _bits(template: str, role: Role) -> Reader:
    def read(one: Directive) -> tuple[str, Uses] | None:
        return (
            (one.value, named([template.format(one.value)], role)) if one.value.isdigit() else None
        )

    return read


def _hash(one: Directive) -> tuple[str, Uses] | None:
    if not one.words or one.value.lower() == "default":
        return None
    return one.value, named([spelling.hash_name(one.value)], Role.INTEGRITY)


def _wireguard(one: Directive) -> tuple[str, Uses] | None:
    """The protocol leaves no choice (WireGuard whitepaper §5.4)."""
    return "WireGuard", [
        AlgorithmUse("x25519", Role.KEY_EXCHANGE),
        AlgorithmUse("chacha20-poly1305", Role.ENCRYPTION),
        AlgorithmUse("blake2s-256", Role.INTEGRITY),
    ]


FORMATS: Final = (
    Format(
        "nginx",
        "TLS",
        {
            **{f"{p}ssl_protocols": _versions for p in ("", "proxy_", "grpc_", "uwsgi_")},
            **{
                f"{p}ssl_ciphers": _list(spelling.suites) for p in ("", "proxy_", "grpc_", "uwsgi_")
            },
            "ssl_ecdh_curve": _list(spelling.groups),
            "ssl_conf_command": lambda one: _openssl_command(one),
        },
        frozenset(
            {
                "ssl_protocols",
                "ssl_ciphers",
                "ssl_certificate",
                "ssl_certificate_key",
                "server_name",
                "proxy_pass",
                "listen",
            }
        ),
        ("nginx.conf", "*.nginx", "default"),
        terminated=True,
    ),
    Format(
        "apache",
        "TLS",
        {
            "sslprotocol": _versions,
            "sslproxyprotocol": _versions,
            "sslciphersuite": lambda one: _list(spelling.suites)(_after_version(one)),
            "sslproxyciphersuite": lambda one: _list(spelling.suites)(_after_version(one)),
            "sslopensslconfcmd": lambda one: _openssl_command(one),
        },
        frozenset(
            {
                "sslengine",
                "sslprotocol",
                "sslciphersuite",
                "sslcertificatefile",
                "sslcertificatekeyfile",
                "sslrandomseed",
                "sslsessioncache",
            }
        ),
        ("httpd.conf", "apache2.conf", "ssl.conf"),
    ),
    Format(
        "haproxy",
        "TLS",
        {
            **{f"ssl-default-{s}-ciphers": _list(spelling.suites) for s in ("bind", "server")},
            **{f"ssl-default-{s}-ciphersuites": _list(spelling.suites) for s in ("bind", "server")},
            **{f"ssl-default-{s}-curves": _list(spelling.groups) for s in ("bind", "server")},
            **{f"ssl-default-{s}-sigalgs": _list(spelling.schemes) for s in ("bind", "server")},
            **{f"ssl-default-{s}-options": _haproxy_options for s in ("bind", "server")},
            "bind": _haproxy_options,
            "server": _haproxy_options,
        },
        frozenset(
            {
                "frontend",
                "backend",
                "ssl-default-bind-ciphers",
                "ssl-default-bind-options",
                "ssl-default-bind-ciphersuites",
                "ca-base",
                "crt-base",
            }
        ),
        ("haproxy.cfg",),
    ),
    Format(
        "ssh",
        "SSH",
        _SSH,
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
        },
        ("sshd_config", "ssh_config"),
    ),
    Format(
        "ipsec",
        "IKE",
        {
            "ike": _list(spelling.ike),
            "esp": _list(spelling.ike),
            "ah": _list(spelling.ike),
            "authby": _flag("a pre-shared key", _PSK, "secret", "psk"),
            "leftauth": _flag("a pre-shared key", _PSK, "psk"),
            "rightauth": _flag("a pre-shared key", _PSK, "psk"),
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
    ),
    Format(
        "swanctl",
        "IKE",
        {
            "proposals": _list(spelling.ike),
            "esp_proposals": _list(spelling.ike),
            "ah_proposals": _list(spelling.ike),
            "auth": _flag("a pre-shared key", _PSK, "psk"),
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
    ),
    Format(
        "wireguard",
        "WireGuard",
        {"privatekey": _wireguard, "presharedkey": lambda one: ("a pre-shared key", [_PSK])},
        frozenset(
            {"privatekey", "publickey", "allowedips", "endpoint", "presharedkey", "listenport"}
        ),
        ("wg[0-9].conf",),
    ),
    Format(
        "snmpd",
        "SNMP",
        {
            **dict.fromkeys(
                (
                    "rocommunity",
                    "rwcommunity",
                    "rocommunity6",
                    "rwcommunity6",
                    "com2sec",
                    "com2sec6",
                    "trapcommunity",
                    "trapsink",
                    "trap2sink",
                    "informsink",
                ),
                _com2sec,
            ),
            "createuser": _snmp_user,
            "rouser": _snmp_level,
            "rwuser": _snmp_level,
            "defauthtype": lambda one: _snmp_user(one),
            "defprivtype": lambda one: _snmp_user(one),
        },
        frozenset(
            {
                "rocommunity",
                "rwcommunity",
                "com2sec",
                "agentaddress",
                "createuser",
                "rouser",
                "syslocation",
                "syscontact",
                "sysservices",
                "view",
                "rwuser",
                "trapsink",
            }
        ),
        ("snmpd.conf", "snmptrapd.conf", "snmp.conf"),
    ),
    Format(
        "mosquitto",
        "MQTT",
        {
            "tls_version": _versions,
            "bridge_tls_version": _versions,
            "ciphers": _list(spelling.suites),
            "ciphers_tls1.3": _list(spelling.suites),
            "psk_file": lambda one: ("pre-shared keys", [_PSK]),
            "port": _flag("MQTT without TLS", _PLAIN, "1883"),
            "allow_anonymous": _flag("anonymous clients", _ANONYMOUS, "true"),
        },
        frozenset(
            {
                "listener",
                "persistence_location",
                "pid_file",
                "allow_anonymous",
                "cafile",
                "certfile",
                "keyfile",
                "password_file",
                "psk_file",
                "include_dir",
                "tls_version",
                "require_certificate",
                "bridge_cafile",
                "log_dest",
            }
        ),
        ("mosquitto.conf",),
    ),
    Format(
        "openssl",
        "TLS",
        {
            "cipherstring": _list(spelling.suites),
            "ciphersuites": _list(spelling.suites),
            "groups": _list(spelling.groups),
            "curves": _list(spelling.groups),
            "signaturealgorithms": _list(spelling.schemes),
            "minprotocol": _versions,
            "clientsignaturealgorithms": _list(spelling.schemes),
            "default_md": _hash,
            "default_bits": _bits("rsa-{}", Role.UNKNOWN),
            "signer_digest": _hash,
        },
        frozenset(
            {
                "openssl_conf",
                "default_md",
                "default_bits",
                "distinguished_name",
                "cipherstring",
                "minprotocol",
                "ssl_conf",
                "system_default",
                "providers",
                "default_ca",
                "x509_extensions",
            }
        ),
        ("openssl.cnf", "openssl.conf"),
    ),
    Format(
        "chrony",
        "NTP",
        {
            "server": _chrony,
            "pool": _chrony,
            "peer": _chrony,
            "ntsservercert": lambda one: ("NTS server", [_NTS]),
        },
        frozenset(
            {
                "driftfile",
                "makestep",
                "rtcsync",
                "leapsectz",
                "ntsdumpdir",
                "keyfile",
                "ntsservercert",
                "ntsserverkey",
                "maxupdateskew",
                "logdir",
            }
        ),
        ("chrony.conf", "*.sources"),
    ),
    Format(
        "hostapd",
        "WPA",
        {
            "wpa_key_mgmt": _wpa_keys,
            "wpa_pairwise": _wpa_ciphers,
            "rsn_pairwise": _wpa_ciphers,
            "group_cipher": _wpa_ciphers,
            "wep_key0": lambda one: ("WEP", [_WEP]),
            "wpa_passphrase": lambda one: ("a passphrase", [_PSK]),
            "openssl_ciphers": _list(spelling.suites),
        },
        frozenset(
            {
                "interface",
                "ssid",
                "wpa_key_mgmt",
                "hw_mode",
                "wpa_pairwise",
                "driver",
                "rsn_pairwise",
                "wpa",
                "ctrl_interface",
            }
        ),
        ("hostapd*.conf",),
    ),
    Format(
        "wpa_supplicant",
        "WPA",
        {
            "key_mgmt": _wpa_keys,
            "pairwise": _wpa_ciphers,
            "group": _wpa_ciphers,
            "wep_key0": lambda one: ("WEP", [_WEP]),
            "psk": lambda one: ("a passphrase", [_PSK]),
        },
        frozenset(
            {"key_mgmt", "ssid", "psk", "pairwise", "eap", "identity", "ap_scan", "update_config"}
        ),
        ("wpa_supplicant*.conf",),
    ),
    Format(
        "openvpn",
        "OpenVPN",
        {
            "cipher": _word(spelling.ciphers),
            "data-ciphers": _list(spelling.ciphers),
            "ncp-ciphers": _list(spelling.ciphers),
            "data-ciphers-fallback": _list(spelling.ciphers),
            "auth": lambda one: (
                (one.value, spelling.mac_uses(one.value)) if len(one.words) == 1 else None
            ),
            "tls-cipher": _list(spelling.suites_with_hyphens),
            "tls-ciphersuites": _list(spelling.suites),
            "tls-groups": _list(spelling.groups),
            "ecdh-curve": _list(spelling.groups),
            "tls-version-min": _versions,
            "secret": lambda one: ("a static key", [_PSK]),
        },
        frozenset(
            {
                "client",
                "remote",
                "dev",
                "proto",
                "tls-auth",
                "tls-crypt",
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
    ),
)
"""Every format that is known by its directives."""


def _after_version(one: Directive) -> Directive:
    """``SSLCipherSuite TLSv1.3 …`` says first for which version it speaks."""
    words = one.words[1:] if one.words and one.words[0].lower() in {"ssl", "tlsv1.3"} else one.words
    return Directive(one.line, one.name, words, one.section, one.terminated)


def _openssl_command(one: Directive) -> tuple[str, Uses] | None:
    """SSL_CONF commands inside another configuration, SSL_CONF_cmd(3)."""
    readers = {
        "groups": spelling.groups,
        "curves": spelling.groups,
        "ciphersuites": spelling.suites,
        "cipherstring": spelling.suites,
        "signaturealgorithms": spelling.schemes,
    }
    if len(one.words) < 2 or (read := readers.get(one.words[0].lower())) is None:
        return None
    return one.value, read(" ".join(one.words[1:]))
