"""Services by their PSID (ITS-AID), as ETSI TS 102 965 and SAE J2735 assign them."""

from __future__ import annotations

CAM = 36
DENM = 37
SPATEM = 137
MAPEM = 138
IVIM = 139
SREM = 140
GN_MANAGEMENT = 141
CRL = 622
CERTIFICATE_REQUEST = 623
CTL = 624
SSEM = 637
VAM = 638
CPM = 639
BSM = 0x20

_NAMES = {
    CAM: "CAM",
    DENM: "DENM",
    SPATEM: "SPATEM",
    MAPEM: "MAPEM",
    IVIM: "IVIM",
    SREM: "SREM",
    GN_MANAGEMENT: "GN-MGMT",
    CRL: "CRL",
    CERTIFICATE_REQUEST: "SCR",
    CTL: "CTL",
    SSEM: "SSEM",
    VAM: "VAM",
    CPM: "CPM",
    BSM: "BSM",
    0x80: "RTCM",
    0x82: "SPaT",
    0x83: "TIM",
    0x87: "WSA",
    0x204095: "SSM",
    0x204096: "SRM",
    0x204097: "MAP",
}

COMMANDS = frozenset({SPATEM, MAPEM, SREM, SSEM, 0x82, 0x204095, 0x204096, 0x204097})
"""Services whose messages move signals or vehicles: what they say is acted upon."""

EMERGENCY_PRIORITY_SSP = (bytes.fromhex("02810000"), bytes.fromhex("ff810000"))
"""Value and mask of the SREM SSP (version 2, ETSI TS 103 301) that lets an emergency vehicle ask
for priority: octet 1 has the right to request in its first bit, then one bit a `BasicVehicleRole`,
of which emergency is the seventh."""


def service_name(psid: int) -> str:
    """The short name of a service, or its number in hexadecimal."""
    return _NAMES.get(psid, f"0x{psid:x}")
