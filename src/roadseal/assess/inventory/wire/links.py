"""Links that encrypt by themselves: MACsec and Wi-Fi."""

from __future__ import annotations

from roadseal.assess.inventory.finding import Role
from roadseal.assess.inventory.wire.spoken import PLAINTEXT, Session, Spoken, uses
from roadseal.events import Fact

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
