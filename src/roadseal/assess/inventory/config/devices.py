"""What field devices run: time and wireless networks.

Sources: chrony.conf(5), ntp.conf(5), hostapd.conf, wpa_supplicant.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from roadseal.assess.inventory.config import plain_field, spelling
from roadseal.assess.inventory.config.credentials import known_to_all
from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.format import (
    PLAIN,
    PSK,
    Format,
    listed,
)
from roadseal.assess.inventory.config.spelling import Uses
from roadseal.assess.inventory.finding import AlgorithmUse, Role

_WEP = AlgorithmUse("wep", Role.ENCRYPTION)
_AUTOKEY = AlgorithmUse("ntp-autokey", Role.LIVE_AUTHENTICATION)
_NTS = AlgorithmUse("tls-1.3-default", Role.KEY_EXCHANGE, preferred=False)


def _chrony(one: Directive) -> tuple[str, Uses] | None:
    if "nts" in one.words:
        return "NTS", [_NTS]
    if "autokey" in one.words:
        return "Autokey", [_AUTOKEY]
    if "key" in one.words:
        return "a symmetric key", [AlgorithmUse("ntp-key", Role.INTEGRITY)]
    return "time without authentication", [PLAIN]


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
    names = (_WPA_CIPHERS.get(word.upper(), f"wpa-cipher:{word.upper()}") for word in one.words)
    return one.value, _every(names, Role.ENCRYPTION)


def _wpa_keys(one: Directive) -> tuple[str, Uses] | None:
    names = (_WPA_KEYS.get(word.upper(), f"wpa-key:{word.upper()}") for word in one.words)
    return one.value, _every(names, Role.LIVE_AUTHENTICATION)


def _every(names: Iterable[str], role: Role) -> Uses:
    """A station takes the one that it can: each of them is in use."""
    return [AlgorithmUse(name, role) for name in dict.fromkeys(names)]


def _passphrase(one: Directive) -> tuple[str, Uses] | None:
    return "a passphrase", [PSK, *known_to_all(one.value)]


def _radius(one: Directive) -> tuple[str, Uses] | None:
    """RADIUS over UDP rests on MD5 (RFC 2865 §3)."""
    radius = AlgorithmUse("radius-md5", Role.LIVE_AUTHENTICATION)
    return "RADIUS with a shared secret", [radius, *known_to_all(one.value)]


DEVICES: Final = (
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
        ("chrony*.conf", "*.sources"),
        includes={"include": "", "confdir": "*.conf", "sourcedir": "*.sources"},
    ),
    Format(
        "ntp",
        "NTP",
        {
            "server": _chrony,
            "pool": _chrony,
            "peer": _chrony,
            "broadcast": _chrony,
            "crypto": lambda one: ("Autokey", [_AUTOKEY]),
            "nts": lambda one: ("NTS", [_NTS]) if {"enable", "cert"} & {*one.words} else None,
        },
        frozenset(
            {
                "driftfile",
                "restrict",
                "statsdir",
                "statistics",
                "filegen",
                "leapfile",
                "trustedkey",
                "requestkey",
                "controlkey",
                "keys",
                "keysdir",
                "tos",
                "broadcastclient",
                "interface",
                "includefile",
            }
        ),
        ("ntp*.conf",),
        includes={"includefile": ""},
    ),
    Format(
        "hostapd",
        "WPA",
        {
            "wpa_key_mgmt": _wpa_keys,
            "wpa_pairwise": _wpa_ciphers,
            "rsn_pairwise": _wpa_ciphers,
            "group_cipher": _wpa_ciphers,
            **{f"wep_key{index}": lambda one: ("WEP", [_WEP]) for index in range(4)},
            "wpa_passphrase": _passphrase,
            "auth_server_shared_secret": _radius,
            "acct_server_shared_secret": _radius,
            "openssl_ciphers": listed(spelling.suites),
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
                "channel",
                "country_code",
                "auth_algs",
                "bridge",
                "bss",
                "ieee80211n",
            }
        ),
        ("hostapd*.conf",),
        whole=plain_field.hostapd,
    ),
    Format(
        "wpa_supplicant",
        "WPA",
        {
            "key_mgmt": _wpa_keys,
            "pairwise": _wpa_ciphers,
            "group": _wpa_ciphers,
            **{f"wep_key{index}": lambda one: ("WEP", [_WEP]) for index in range(4)},
            "psk": _passphrase,
            "sae_password": _passphrase,
        },
        frozenset(
            {"key_mgmt", "ssid", "psk", "pairwise", "eap", "identity", "ap_scan", "update_config"}
        ),
        ("wpa_supplicant*.conf",),
    ),
)
