"""Credentials that everybody knows: the ones that devices and manuals come with (CWE-1392).

A secret is compared here and forgotten: neither it nor a hash of it leaves this module.
"""

from __future__ import annotations

from typing import Final

from roadseal.assess.inventory.finding import AlgorithmUse, Role

_KNOWN: Final = frozenset(
    {
        "", "public", "private", "community", "snmp", "snmpd", "monitor", "manager", "write",
        "read", "cable-docsis", "ilmi", "netman", "default", "secret", "password", "passw0rd",
        "p@ssw0rd", "pass", "admin", "administrator", "adminadmin", "root", "toor", "user", "guest",
        "test", "testing", "testing123", "test1234", "changeme", "change_me", "changeit",
        "changethis", "radius", "whatever", "qwerty", "qwertyuiop", "letmein", "welcome", "system",
        "service", "support", "operator", "12345", "123456", "1234567", "12345678", "123456789",
        "1234567890", "0123456789", "11111111", "00000000", "88888888", "abcd1234", "password1",
        "password123", "passphrase", "mypassword", "mypass", "sample-secret", "shared-secret",
        "setup_passphrase", "authpass", "authpassword", "privpass", "privpassword", "ubnt", "cisco",
        "mosquitto",
    }
)  # fmt: skip
_DEFAULT: Final = AlgorithmUse("default-credential", Role.LIVE_AUTHENTICATION)


def known_to_all(secret: str) -> list[AlgorithmUse]:
    """The use to report where `secret` is one that everybody tries first; empty otherwise."""
    return [_DEFAULT] if secret.strip("\"'").casefold() in _KNOWN else []
