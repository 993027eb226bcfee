"""SNMP agents and managers: communities, users and levels.

Sources: snmpd.conf(5), snmp.conf(5), snmptrapd.conf(5) of net-snmp; RFC 3414, 3826, 7860.
"""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory.config.credentials import known_to_all
from roadseal.assess.inventory.config.directive import Directive
from roadseal.assess.inventory.config.format import PLAIN, Format, Reader
from roadseal.assess.inventory.config.spelling import Uses
from roadseal.assess.inventory.finding import AlgorithmUse, Role

_COMMUNITY = AlgorithmUse("community-string", Role.LIVE_AUTHENTICATION)
_NAMES: Final = {
    "MD5": AlgorithmUse("hmac-md5", Role.INTEGRITY),
    "SHA": AlgorithmUse("hmac-sha-1", Role.INTEGRITY),
    "SHA1": AlgorithmUse("hmac-sha-1", Role.INTEGRITY),
    "SHA-1": AlgorithmUse("hmac-sha-1", Role.INTEGRITY),
    "SHA-224": AlgorithmUse("hmac-sha-224", Role.INTEGRITY),
    "SHA-256": AlgorithmUse("hmac-sha-256", Role.INTEGRITY),
    "SHA-384": AlgorithmUse("hmac-sha-384", Role.INTEGRITY),
    "SHA-512": AlgorithmUse("hmac-sha-512", Role.INTEGRITY),
    "DES": AlgorithmUse("des-cbc", Role.ENCRYPTION),
    "AES": AlgorithmUse("aes-128-cfb", Role.ENCRYPTION),  # RFC 3826
    "AES-128": AlgorithmUse("aes-128-cfb", Role.ENCRYPTION),
    "AES128": AlgorithmUse("aes-128-cfb", Role.ENCRYPTION),
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


def _user(one: Directive) -> tuple[str, Uses] | None:
    """CreateUser [-e engine] name [auth secret [priv [secret]]]: the secrets are not told."""
    words = list(one.words)
    if words[:1] == ["-e"]:
        words = words[2:]
    name, rest = (words[0], words[1:]) if words else ("", [])
    protocols: list[str] = []
    uses: Uses = []
    while rest:
        protocol, rest = rest[0].upper(), rest[1:]
        if protocol not in _NAMES:
            continue
        protocols.append(protocol)
        uses.append(_NAMES[protocol])
        localized = rest[:1] in (["-m"], ["-l"])  # the key itself and not a passphrase
        secret, rest = rest[: 1 + localized], rest[1 + localized :]
        if secret and not localized:
            uses += known_to_all(secret[0])
    if not any(use.role is Role.ENCRYPTION for use in uses):
        uses.append(PLAIN)
    return f"user {name} {' '.join(protocols)}".strip(), list(dict.fromkeys(uses))


def _kept_user(one: Directive) -> tuple[str, Uses] | None:
    """What snmpd makes of createUser: protocols by number, then the localized keys."""
    words = [_USM[oid] for each in one.words if (oid := f".{each.lstrip('.')}") in _USM]
    if not words:
        return None
    uses = [_NAMES[word] for word in words if word]
    if not any(use.role is Role.ENCRYPTION for use in uses):
        uses.append(PLAIN)
    return f"user {' '.join(filter(None, words))}".strip(), uses


def _community(at: int) -> Reader:
    """A community in word `at`; one that everybody knows is said so."""

    def read(one: Directive) -> tuple[str, Uses] | None:
        words = one.words[2:] if one.words[:1] == ("-Cn",) else one.words
        known = known_to_all(words[at]) if len(words) > at else []
        text = "SNMPv1 and SNMPv2c by community" + (", a default one" if known else "")
        return text, [_COMMUNITY, PLAIN, *known]

    return read


def _level(one: Directive) -> tuple[str, Uses] | None:
    words = {word.lower() for word in one.words}
    if words & {"noauth", "noauthnopriv"}:
        return "without authentication", [PLAIN]
    if words & {"auth", "authnopriv"}:
        return "authentication without privacy", [PLAIN]
    return None


def _default_level(one: Directive) -> tuple[str, Uses] | None:
    return _level(one) if len(one.words) == 1 else None


def _protocol(one: Directive) -> tuple[str, Uses] | None:
    use = _NAMES.get(one.value.upper())
    return (one.value, [use]) if use else None


def _secret(one: Directive) -> tuple[str, Uses] | None:
    uses = known_to_all(one.value)
    return ("a default passphrase", uses) if uses else None


def _version(one: Directive) -> tuple[str, Uses] | None:
    return (f"SNMP version {one.value}", [PLAIN]) if one.value in {"1", "2c"} else None


def _unchecked(one: Directive) -> tuple[str, Uses] | None:
    anonymous = AlgorithmUse("anonymous", Role.LIVE_AUTHENTICATION)
    return ("notifications from anyone", [anonymous]) if one.value in {"yes", "1", "true"} else None


SNMP: Final = (
    Format(
        "snmpd",
        "SNMP",
        {
            "rocommunity": _community(0),
            "rwcommunity": _community(0),
            "rocommunity6": _community(0),
            "rwcommunity6": _community(0),
            "com2sec": _community(2),
            "com2sec6": _community(2),
            "com2secunix": _community(2),
            "trapcommunity": _community(0),
            "defcommunity": _community(0),
            "trapsink": _community(1),
            "trap2sink": _community(1),
            "informsink": _community(1),
            "authcommunity": _community(1),
            "createuser": _user,
            "usmuser": _kept_user,
            "rouser": _level,
            "rwuser": _level,
            "authuser": _level,
            "defsecuritylevel": _default_level,
            "defversion": _version,
            "defauthtype": _protocol,
            "defprivtype": _protocol,
            "defauthpassphrase": _secret,
            "defprivpassphrase": _secret,
            "defpassphrase": _secret,
            "disableauthorization": _unchecked,
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
                "trap2sink",
                "authcommunity",
                "disableauthorization",
                "traphandle",
                "defversion",
                "defcommunity",
                "defsecuritylevel",
                "defsecurityname",
                "mibs",
            }
        ),
        ("snmpd*.conf", "snmptrapd*.conf", "snmp.conf"),
        includes={"includefile": "", "includedir": "*.conf"},
    ),
)
