"""The radio of the pilot: what arrives, and how busy the channel is. Modelled, never measured.

`evaluate` answers for one kind of message on an evenly filled road. For stations at real places,
`offered_load` sums what they send, `packet_delivery` looks up what arrives under it, and
`allowed_rate_hz` is what congestion control leaves of a rate.
"""

from roadseal.pilot.radio.config import BITRATES_MBPS, Access, RadioConfig
from roadseal.pilot.radio.congestion import AdaptiveControl, ReactiveControl, allowed_rate_hz
from roadseal.pilot.radio.model import (
    airtime_s,
    busy_ratio,
    evaluate,
    fragments,
    half_duplex_loss,
)
from roadseal.pilot.radio.propagation import Propagation
from roadseal.pilot.radio.result import SOURCES, Cause, RadioResult
from roadseal.pilot.radio.stations import (
    DeliveryTable,
    channel_load,
    delivery_table,
    offered_load,
    packet_delivery,
)

__all__ = [
    "BITRATES_MBPS",
    "SOURCES",
    "Access",
    "AdaptiveControl",
    "Cause",
    "DeliveryTable",
    "Propagation",
    "RadioConfig",
    "RadioResult",
    "ReactiveControl",
    "airtime_s",
    "allowed_rate_hz",
    "busy_ratio",
    "channel_load",
    "delivery_table",
    "evaluate",
    "fragments",
    "half_duplex_loss",
    "offered_load",
    "packet_delivery",
]
