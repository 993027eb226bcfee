"""What field devices run: SNMP, time, wireless networks.

Sources: snmpd.conf(5), RFC 3826, chrony.conf(5), hostapd.conf, wpa_supplicant.conf(5).
"""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory.config import spelling
from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.format import (
    PLAIN,
    PSK,
    Format,
    listed,
)
from roadseal.assess.inventory.config.spelling import Uses, named
from roadseal.assess.inventory.finding import AlgorithmUse, Role

_COMMUNITY = AlgorithmUse("community-string", Role.LIVE_AUTHENTICATION)
_WEP = AlgorithmUse("wep", Role.ENCRYPTION)
_NTS = AlgorithmUse("tls-1.3-default", Role.KEY_EXCHANGE, preferred=False)
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

_USM: Final = {  # RFC 3414, 3826, 7860; AES-192 and AES-256 as Cisco and net-snmp number them
    ".1.3.6.1.6.3.10.1.1.1": "",
    ".1.3.6.1.6.3.10.1.1.2": "MD5",
    ".1.3.6.1.6.3.10.1.1.3": "SHA",
    ".1.3.6.1.6.3.10.1.1.4": "SHA-224",
    ".1.3.6.1.6.3.10.1.1.5": "SHA-256",
    ".1.3.6.1.6.3.10.1.1.6": "SHA-384",
    ".1.3.6.1.6.3.10.1.1.7": "SHA-512",
    ".1.3.6.1.6.3.10.1.2.1": "",
    ".1.3.6.1.6.3.10.1.2.2": "DES",
    ".1.3.6.1.6.3.10.1.2.4": "AES",
    ".1.3.6.1.4.1.9.12.6.1.1": "AES-192",
    ".1.3.6.1.4.1.9.12.6.1.2": "AES-256",
    ".1.3.6.1.4.1.14832.1.3": "AES-192",
    ".1.3.6.1.4.1.14832.1.4": "AES-256",
}


def _snmp_user(one: Directive) -> tuple[str, Uses] | None:
    """CreateUser name [-e engine] auth secret [priv secret]: the secrets are not told."""
    words = [word for word in one.words if word.upper() in _SNMP]
    uses = [use for word in words for use in [_SNMP[word.upper()]]]
    if not uses:
        uses = [AlgorithmUse("plaintext", Role.PLAINTEXT)]
    return f"user {one.words[0] if one.words else ''} {' '.join(words)}".strip(), uses


def _usm_user(one: Directive) -> tuple[str, Uses] | None:
    """What snmpd makes of createUser: protocols by number, then the localized keys."""
    words = [_USM[oid] for each in one.words if (oid := f".{each.lstrip('.')}") in _USM]
    if not words:
        return None
    uses = [_SNMP[word] for word in words if word]
    return f"user {' '.join(filter(None, words))}".strip(), uses or [PLAIN]


def _com2sec(one: Directive) -> tuple[str, Uses] | None:
    return "SNMPv1 and SNMPv2c by community", [_COMMUNITY, PLAIN]


def _snmp_level(one: Directive) -> tuple[str, Uses] | None:
    words = {word.lower() for word in one.words}
    if words & {"noauth", "noauthnopriv"}:
        return "without authentication", [PLAIN]
    if words & {"auth", "authnopriv"}:
        return "authentication without privacy", [PLAIN]
    return None


def _chrony(one: Directive) -> tuple[str, Uses] | None:
    if "nts" in one.words:
        return "NTS", [_NTS]
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
    words = [word.upper() for word in one.words]
    return one.value, named(
        (_WPA_CIPHERS.get(word, f"wpa-cipher:{word}") for word in words), Role.ENCRYPTION
    )


def _wpa_keys(one: Directive) -> tuple[str, Uses] | None:
    words = [word.upper() for word in one.words]
    return one.value, named(
        (_WPA_KEYS.get(word, f"wpa-key:{word}") for word in words), Role.LIVE_AUTHENTICATION
    )


DEVICES: Final = (
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
            "usmuser": _usm_user,
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
                "usmuser",
                "oldengineid",
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
            **{f"wep_key{index}": lambda one: ("WEP", [_WEP]) for index in range(4)},
            "wpa_passphrase": lambda one: ("a passphrase", [PSK]),
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
            **{f"wep_key{index}": lambda one: ("WEP", [_WEP]) for index in range(4)},
            "psk": lambda one: ("a passphrase", [PSK]),
        },
        frozenset(
            {"key_mgmt", "ssid", "psk", "pairwise", "eap", "identity", "ap_scan", "update_config"}
        ),
        ("wpa_supplicant*.conf",),
    ),
)
