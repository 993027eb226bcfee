"""IEEE 802.11p: delivery and channel load of stations that listen before they talk.

The analytical model of Sepulcre et al., IEEE TVT 71(1), 2022 (arXiv 2104.07923); equation numbers
in the comments are theirs. A frame is lost, in this order, when it arrives below the sensing
threshold, when the receiver is busy with another frame, to noise, or to a collision.
"""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadseal.pilot.radio.config import RadioConfig
from roadseal.pilot.radio.error_rate import OFDM_80211P, ErrorCurve, Reception, required_sinr_db
from roadseal.pilot.radio.neighbours import at_least_one, at_whole_metres, interferers
from roadseal.pilot.radio.result import SOURCES, RadioResult, combine

Floats = NDArray[np.float64]

_SLOT_S: Final = 13e-6  # aSlotTime in 10 MHz
_PREAMBLE_S: Final = 40e-6  # preamble 32 µs and SIGNAL 8 µs
_AIFS_S: Final = 110e-6  # counted by the implementation-loss abstraction
_SYMBOL_S: Final = 8e-6
_BANDWIDTH_MHZ: Final = 10.0
_VALIDATED_BYTES: Final = 500  # the published error curve was validated up to here
_PEAK_LOAD: Final = 0.913 / (2 * 0.2481)


def evaluate(config: RadioConfig, distance_m: Floats) -> RadioResult:
    """Delivery at each distance, shape (D,), and the channel load it is delivered under."""
    fragments, frame_bytes = split(config.bytes, config)
    own_s = frame_airtime_s(frame_bytes, config)
    if config.interferer_bytes is None:
        rate_hz, other_s = config.rate_hz * fragments, own_s
    else:
        count, other_bytes = split(config.interferer_bytes, config)
        rate_hz, other_s = config.rate_hz * count, frame_airtime_s(other_bytes, config)

    path, threshold_dbm = config.path, config.threshold_dbm
    density_per_m = config.density_per_km / 1000
    heard_m = path.sensed_metres(config.power_dbm, threshold_dbm)
    cbr = float(busy_ratio(np.asarray(density_per_m * rate_hz * other_s * heard_m)))  # (34)

    signal_dbm = config.power_dbm - path.path_loss_db(distance_m)
    reception = Reception(
        error_curve(frame_bytes, config), config.noise_dbm, threshold_dbm, path.shadowing_db
    )
    noise_loss = reception.noise_loss(signal_dbm)  # (24)

    spacing_m, stations = interferers(density_per_m)
    to_sender_m = np.abs(spacing_m[None, :] + distance_m[:, None])  # (D, I)
    senses_sender = path.sensing_ratio(to_sender_m, config.power_dbm, threshold_dbm)
    senses_receiver = path.sensing_ratio(spacing_m, config.power_dbm, threshold_dbm)
    nearer = np.abs(spacing_m)[None, :] < np.abs(distance_m)[:, None]

    # A sender waits while it hears the channel busy: both see the same part of the load.
    view = path.common_view(config.power_dbm, threshold_dbm)
    shared = at_whole_metres(view / view[0], to_sender_m)
    awake_hz = rate_hz / (1 - cbr * shared)
    same_slot = _SLOT_S * awake_hz * senses_sender  # (22)
    hidden_before = other_s * awake_hz * (1 - senses_sender)  # (16), (18)
    hidden_during = own_s * awake_hz * (1 - senses_sender)

    spoils = reception.spoiled_by(
        signal_dbm, config.power_dbm - path.path_loss_db(spacing_m), noise_loss
    )  # (30), (31)

    busy_each = senses_receiver * (np.where(nearer, same_slot, 0) + hidden_before)  # (14), (21)
    collision_each = spoils * (  # (26), (28), (32)
        np.where(nearer, 0, same_slot) + hidden_during + hidden_before * (1 - senses_receiver)
    )
    busy = at_least_one(busy_each, stations)
    collision = at_least_one(collision_each, stations)

    pdr, losses = combine(
        {
            "sensing": 1 - path.sensing_ratio(distance_m, config.power_dbm, threshold_dbm),  # (12)
            "receiver_busy": busy,
            "propagation": noise_loss,
            "collision": collision,
        },
        fragments,
    )
    return RadioResult(
        distance_m, pdr, losses, cbr, fragments, fragments * own_s, None, SOURCES["11p"]
    )


def split(message_bytes: int, config: RadioConfig) -> tuple[int, int]:
    """Number of frames that carry a message, and bytes in each."""
    fragments = ceil(message_bytes / config.max_frame_bytes)
    return fragments, ceil(message_bytes / fragments)


def frame_airtime_s(frame_bytes: int, config: RadioConfig) -> float:
    """Duration of one frame, as in the model: not rounded up to whole OFDM symbols."""
    return _PREAMBLE_S + (frame_bytes + config.header_bytes) * 8 / (config.bitrate_mbps * 1e6)


def busy_ratio(load: Floats) -> Floats:
    """Channel busy ratio from the offered load, the share of time if nothing overlapped; any shape.

    The published fit (35) is a parabola; beyond its top the ratio stays there.
    """
    capped = np.minimum(load, _PEAK_LOAD)
    return np.asarray(np.where(load > 0, -0.2481 * capped**2 + 0.913 * capped + 0.003844, 0.0))


def error_curve(frame_bytes: int, config: RadioConfig) -> ErrorCurve:
    """Error rate over SINR for a frame: the published curve over Eb/N0, later for larger frames."""
    per_bit_db = 10 * np.log10(config.bitrate_mbps / _BANDWIDTH_MHZ)
    if config.implementation_loss is None or frame_bytes <= _VALIDATED_BYTES:
        return OFDM_80211P.shifted(per_bit_db)
    larger = required_sinr_db(_efficiency(frame_bytes, config), config.implementation_loss)
    validated = required_sinr_db(_efficiency(_VALIDATED_BYTES, config), config.implementation_loss)
    return OFDM_80211P.shifted(per_bit_db + larger - validated)


def _efficiency(frame_bytes: int, config: RadioConfig) -> float:
    symbols = ceil(8 * frame_bytes / (config.bitrate_mbps * 8))
    seconds = _PREAMBLE_S + _AIFS_S + symbols * _SYMBOL_S
    return 8 * frame_bytes / seconds / (_BANDWIDTH_MHZ * 1e6)
