"""What is sent, how often, by how many, over which radio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from roadseal.errors import RoadsealError
from roadseal.pilot.radio.propagation import Propagation
from roadseal.pilot.radio.transport_block import GRIDS, MAX_MCS

Access = Literal["11p", "lte-v2x"]
BITRATES_MBPS: Final = (3.0, 4.5, 6.0, 9.0, 12.0, 18.0, 24.0, 27.0)
"""OFDM rates of a 10 MHz channel, IEEE 802.11-2020 table 17-4."""

PROPAGATION: Final[dict[Access, Propagation]] = {
    "11p": Propagation(carrier_ghz=5.89, environment_height_m=0.5),
    "lte-v2x": Propagation(carrier_ghz=5.91),
}
"""The settings under which each model was validated by its authors."""

SENSING_DBM: Final[dict[Access, float]] = {"11p": -85.0, "lte-v2x": -90.5}
"""Weakest frame that a receiver notices, as validated."""


@dataclass(frozen=True)
class RadioConfig:
    """Stations on a straight road, each broadcasting the same kind of message.

    Args:
        access: `11p` (IEEE 802.11p, ITS-G5) or `lte-v2x` (C-V2X PC5 mode 4), 10 MHz each.
        bytes: message as handed to the access layer (security and GeoNetworking included).
        rate_hz: messages a second and station.
        density_per_km: stations a kilometre of road.
        bitrate_mbps: 802.11p data rate; not used by LTE-V2X.
        power_dbm: transmit power including antenna gains.
        mcs: LTE-V2X modulation and coding scheme 0–20; chosen by size when absent.
        subchannels: LTE-V2X sub-channels in 10 MHz, 4 or 2.
        max_frame_bytes: 802.11p messages above it are fragmented (1400 is the default of
            WsmMaxLength in IEEE 1609.3; the MSDU of IEEE 802.11 allows 2304).
        header_bytes: MAC and LLC bytes that 802.11p adds, as validated.
        interferer_bytes: 802.11p: size of what the others send, `bytes` when absent.
        implementation_loss: extends the 802.11p error curve beyond 500 bytes and the LTE curves
            to other MCS (Sensors 22(23):9330); absent: the published curves at every size.
        noise_dbm: in 10 MHz, with a noise figure of 9 dB.
        sensing_dbm: sensing threshold; the validated one of the access when absent.
        propagation: path loss and shadowing; the validated one of the access when absent.

    Raises:
        RoadsealError: a value outside what the radio or the model knows.
    """

    access: Access = "11p"
    bytes: int = 190
    rate_hz: float = 10.0
    density_per_km: float = 60.0
    bitrate_mbps: float = 6.0
    power_dbm: float = 23.0
    mcs: int | None = None
    subchannels: int = 4
    max_frame_bytes: int = 1400
    header_bytes: int = 30
    interferer_bytes: int | None = None
    implementation_loss: float | None = 0.37
    noise_dbm: float = -95.0
    sensing_dbm: float | None = None
    propagation: Propagation | None = None

    def __post_init__(self) -> None:
        if self.access not in get_args(Access):
            raise _refused("access", self.access, "Use 11p or lte-v2x.")
        if not 1 <= self.bytes <= 65_535:
            raise _refused("bytes", self.bytes, "Give a message size from 1 to 65535 bytes.")
        if not 0 < self.rate_hz <= 100:
            raise _refused("rate", self.rate_hz, "Give a rate above 0 and up to 100 Hz.")
        if not 0 <= self.density_per_km <= 5000:
            raise _refused("density", self.density_per_km, "Give 0 to 5000 stations per km.")
        if self.bitrate_mbps not in BITRATES_MBPS:
            rates = ", ".join(f"{rate:g}" for rate in BITRATES_MBPS)
            raise _refused("bitrate", self.bitrate_mbps, f"Use one of {rates} Mb/s.")
        if not -10 <= self.power_dbm <= 33:
            raise _refused(
                "power", self.power_dbm, "Give -10 to 33 dBm (33 dBm EIRP is the limit)."
            )
        if self.mcs is not None and not 0 <= self.mcs <= MAX_MCS:
            raise _refused("mcs", self.mcs, f"Use 0 to {MAX_MCS}, or leave the choice to the size.")
        if self.subchannels not in GRIDS:
            raise _refused("subchannels", self.subchannels, "Use 4 or 2 sub-channels.")
        if not 100 <= self.max_frame_bytes <= 2304:
            raise _refused("frame-size", self.max_frame_bytes, "Use 100 to 2304 bytes.")
        if self.interferer_bytes is not None and self.access != "11p":
            raise _refused(
                "interferer-bytes", self.interferer_bytes, "Mixed sizes are modelled for 11p only."
            )
        if self.implementation_loss is not None and not 0 < self.implementation_loss <= 1:
            raise _refused(
                "implementation-loss", self.implementation_loss, "Use a factor above 0, up to 1."
            )

    @property
    def path(self) -> Propagation:
        """Path loss and shadowing in force."""
        return self.propagation or PROPAGATION[self.access]

    @property
    def threshold_dbm(self) -> float:
        """Sensing threshold in force."""
        return SENSING_DBM[self.access] if self.sensing_dbm is None else self.sensing_dbm


def _refused(what: str, value: object, advice: str) -> RoadsealError:
    return RoadsealError(f"radio-{what}", f"The radio model has no {what} {value}.", advice=advice)
