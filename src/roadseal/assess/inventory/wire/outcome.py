"""How a negotiation ended that did not end in an agreement.

What was offered in one that failed protects nothing: it is never stated as used.

Sources: the IANA registries "TLS Alerts", "IKEv2 Notify Message Error Types" and "SSH Disconnection
Messages"; RFC 2408 clause 3.14.1; MQTT 3.1.1 clause 3.2.2.3 and 5.0 clause 3.2.2.2; OPC 10000-6
annex A; RFC 3414 clause 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_FATAL: Final = 2
_ALERTS: Final[Mapping[int, str]] = {
    0: "close notify",
    10: "unexpected message",
    20: "bad record MAC",
    21: "decryption failed",
    22: "record overflow",
    40: "handshake failure",
    41: "no certificate",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown CA",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    60: "export restriction",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user cancelled",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognised name",
    113: "bad certificate status response",
    115: "unknown PSK identity",
    116: "certificate required",
    120: "no application protocol",
    121: "ECH required",
}
_HARMLESS: Final = frozenset({0, 90, 100, 112})
"""Alerts that may be warnings, after which a handshake goes on or which end one that is over."""


def alert_name(description: int) -> str:
    """Name an alert of TLS.

    >>> alert_name(40), alert_name(250)
    ('handshake failure', 'alert 250')
    """
    return _ALERTS.get(description, f"alert {description}")


def of_handshake(handshake: Mapping[str, Any]) -> str:
    """Say how a TLS handshake failed, or nothing where it did not as far as one sees."""
    for alert in handshake["alerts"]:
        harmless = alert["level"] != _FATAL and alert["description"] in _HARMLESS
        if not harmless or handshake["server"] is None:
            return f"refused by the {alert['from']}: {alert_name(alert['description'])}"
    if handshake["server"] is not None or handshake["client"] is None:
        return ""
    if handshake["asked_again"]:
        return "not concluded: the server asked for another hello, and none was seen"
    return ""


_IKE_ERRORS: Final[Mapping[int, str]] = {
    1: "UNSUPPORTED_CRITICAL_PAYLOAD",
    4: "INVALID_IKE_SPI",
    5: "INVALID_MAJOR_VERSION",
    7: "INVALID_SYNTAX",
    9: "INVALID_MESSAGE_ID",
    11: "INVALID_SPI",
    14: "NO_PROPOSAL_CHOSEN",
    17: "INVALID_KE_PAYLOAD",
    24: "AUTHENTICATION_FAILED",
    34: "SINGLE_PAIR_REQUIRED",
    35: "NO_ADDITIONAL_SAS",
    36: "INTERNAL_ADDRESS_FAILURE",
    37: "FAILED_CP_REQUIRED",
    38: "TS_UNACCEPTABLE",
    39: "INVALID_SELECTORS",
    43: "TEMPORARY_FAILURE",
    44: "CHILD_SA_NOT_FOUND",
}
_IKE_V1_ERRORS: Final[Mapping[int, str]] = {
    1: "INVALID-PAYLOAD-TYPE",
    4: "INVALID-COOKIE",
    5: "INVALID-MAJOR-VERSION",
    7: "INVALID-EXCHANGE-TYPE",
    13: "BAD-PROPOSAL-SYNTAX",
    14: "NO-PROPOSAL-CHOSEN",
    16: "PAYLOAD-MALFORMED",
    17: "INVALID-KEY-INFORMATION",
    18: "INVALID-ID-INFORMATION",
    23: "INVALID-HASH-INFORMATION",
    24: "AUTHENTICATION-FAILED",
}


def ike_error(version: int, kind: int) -> str:
    """Name an error notification of IKE."""
    return (_IKE_ERRORS if version == 2 else _IKE_V1_ERRORS).get(kind, f"error {kind}")


_SSH_REASONS: Final[Mapping[int, str]] = {
    1: "host not allowed to connect",
    2: "protocol error",
    3: "key exchange failed",
    5: "MAC error",
    7: "service not available",
    8: "protocol version not supported",
    9: "host key not verifiable",
    10: "connection lost",
    11: "by application",
    12: "too many connections",
}


def ssh_reason(reason: int) -> str:
    """Name a reason for disconnection of SSH (RFC 4253 clause 11.1)."""
    return _SSH_REASONS.get(reason, f"reason {reason}")


_MQTT_CODES: Final[Mapping[int, str]] = {
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorised",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorised",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8C: "bad authentication method",
}


def mqtt_code(code: int) -> str:
    """Name a return code of MQTT's CONNACK."""
    return _MQTT_CODES.get(code, f"code {code}")


_OPCUA_STATUS: Final[Mapping[int, str]] = {
    0x80120000: "BadCertificateInvalid",
    0x80130000: "BadSecurityChecksFailed",
    0x80140000: "BadCertificateTimeInvalid",
    0x801A0000: "BadCertificateUntrusted",
    0x80540000: "BadSecurityModeRejected",
    0x80550000: "BadSecurityPolicyRejected",
    0x807D0000: "BadTcpServerTooBusy",
    0x807E0000: "BadTcpMessageTypeInvalid",
    0x807F0000: "BadTcpSecureChannelUnknown",
    0x80800000: "BadTcpMessageTooLarge",
    0x80810000: "BadTcpNotEnoughResources",
    0x80820000: "BadTcpInternalError",
    0x80830000: "BadTcpEndpointUrlInvalid",
    0x80860000: "BadSecureChannelClosed",
    0x80870000: "BadSecureChannelTokenUnknown",
}


def opcua_status(status: int) -> str:
    """Name a status code of an OPC UA Error message."""
    return _OPCUA_STATUS.get(status, f"status 0x{status:08x}")


_USM_REPORTS: Final[Mapping[int, str]] = {
    1: "unsupported security level",
    3: "unknown user name",
    5: "wrong digest",
    6: "decryption error",
}


def usm_refusal(reports: list[int]) -> str:
    """Name what SNMPv3 Reports refuse; nothing where they only set engine and time (RFC 3414)."""
    return ", ".join(_USM_REPORTS[report] for report in reports if report in _USM_REPORTS)
