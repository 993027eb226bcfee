"""Transport blocks of the LTE-V2X sidelink: the modulation and sub-channels that a size needs.

10 MHz channel, adjacent control and data: the control part takes 2 resource blocks of the first
sub-channel, the data a number of blocks whose only prime factors are 2, 3 and 5.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import ceil
from typing import Final

from roadseal.pilot.radio.error_rate import QPSK_05, QPSK_07, ErrorCurve

CHANNEL_BLOCKS: Final = 50  # resource blocks of a 10 MHz channel
MAX_MCS: Final = 20  # above it the sidelink uses 64-QAM, which Release 14 does not decode
AUTOMATIC_MCS: Final = 11  # the highest that is chosen without being asked for
_CONTROL_BLOCKS: Final = 2
_LAST_QPSK_MCS: Final = 10  # passed over: MCS 11 carries as much at half the code rate


@dataclass(frozen=True)
class SubchannelGrid:
    """How the channel is cut, and the operating point that arXiv 1807.06508 validated on it.

    Args:
        subchannels: number in 10 MHz.
        blocks: resource blocks in each.
        mcs: modulation and coding scheme of the validated 190-byte message.
        curve: its error curve.
    """

    subchannels: int
    blocks: int
    mcs: int
    curve: ErrorCurve


GRIDS: Final = {
    4: SubchannelGrid(subchannels=4, blocks=12, mcs=9, curve=QPSK_07),
    2: SubchannelGrid(subchannels=2, blocks=24, mcs=8, curve=QPSK_05),
}
VALIDATED_BYTES: Final = 190


@dataclass(frozen=True)
class Allocation:
    """One transmission of a station in one subframe of 1 ms."""

    mcs: int
    blocks: int
    subchannels: int
    capacity_bytes: int

    @property
    def efficiency_bit_s_hz(self) -> float:
        """Bits per second and hertz, a resource block counted as its share of 10 MHz."""
        return 8 * self.capacity_bytes * CHANNEL_BLOCKS / self.blocks / (1e-3 * 10e6)


def allocate(message_bytes: int, grid: SubchannelGrid, mcs: int | None) -> tuple[Allocation, int]:
    """The transmission and the number of them that carry a message.

    Without an MCS the validated one is kept as long as the message fits into one subframe, then
    raised to 11; what is larger still is cut into equal fragments at MCS 11. A given MCS is kept.
    """
    candidates = [*range(grid.mcs, _LAST_QPSK_MCS), AUTOMATIC_MCS] if mcs is None else [mcs]
    for candidate in candidates:
        allocation = _smallest(message_bytes, grid, candidate)
        if allocation is not None:
            return allocation, 1

    largest = _capacity_bytes(candidates[-1], _usable_blocks(grid, grid.subchannels))
    fragments = ceil(message_bytes / largest)
    fragment = _smallest(ceil(message_bytes / fragments), grid, candidates[-1])
    assert fragment is not None  # noqa: S101 - a fragment is never larger than the largest block
    return fragment, fragments


def validated(grid: SubchannelGrid) -> Allocation:
    """The transmission for which the grid's error curve was simulated."""
    return allocate(VALIDATED_BYTES, grid, grid.mcs)[0]


def _smallest(message_bytes: int, grid: SubchannelGrid, mcs: int) -> Allocation | None:
    """The fewest resource blocks at this MCS that hold the message in one subframe."""
    for blocks in _BLOCKS:
        subchannels = ceil((blocks + _CONTROL_BLOCKS) / grid.blocks)
        if subchannels > grid.subchannels:
            return None
        capacity = _capacity_bytes(mcs, blocks)
        if capacity >= message_bytes:
            return Allocation(mcs, blocks, subchannels, capacity)
    return None


def _usable_blocks(grid: SubchannelGrid, subchannels: int) -> int:
    room = subchannels * grid.blocks - _CONTROL_BLOCKS
    return _BLOCKS[bisect_right(_BLOCKS, room) - 1]


def _capacity_bytes(mcs: int, blocks: int) -> int:
    """3GPP TS 36.213: table 8.6.1-1 (MCS to TBS index), table 7.1.7.2.1-1 (size in bits)."""
    row = _BLOCK_BITS[mcs if mcs <= _LAST_QPSK_MCS else mcs - 1]
    return row[_BLOCKS.index(blocks)] // 8


# 3GPP TS 36.213 table 7.1.7.2.1-1, TBS index 0 to 19, for the allowed numbers of blocks.
_BLOCKS: Final = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    9,
    10,
    12,
    15,
    16,
    18,
    20,
    24,
    25,
    27,
    30,
    32,
    36,
    40,
    45,
    48,
)
# fmt: off
_BLOCK_BITS: Final = (
    (16, 32, 56, 88, 120, 152, 208, 224, 256, 328, 392, 424, 488, 536,
     648, 680, 744, 808, 872, 1000, 1096, 1256, 1320),
    (24, 56, 88, 144, 176, 208, 256, 328, 344, 424, 520, 568, 632, 712,
     872, 904, 968, 1064, 1160, 1288, 1416, 1608, 1736),
    (32, 72, 144, 176, 208, 256, 328, 376, 424, 520, 648, 696, 776, 872,
     1064, 1096, 1192, 1320, 1416, 1608, 1800, 2024, 2152),
    (40, 104, 176, 208, 256, 328, 440, 504, 568, 680, 872, 904, 1032, 1160,
     1384, 1416, 1544, 1736, 1864, 2088, 2344, 2600, 2792),
    (56, 120, 208, 256, 328, 408, 552, 632, 696, 840, 1064, 1128, 1288, 1416,
     1736, 1800, 1928, 2152, 2280, 2600, 2856, 3240, 3496),
    (72, 144, 224, 328, 424, 504, 680, 776, 872, 1032, 1320, 1384, 1544, 1736,
     2088, 2216, 2344, 2664, 2792, 3112, 3496, 4008, 4264),
    (176, 256, 328, 392, 504, 600, 808, 936, 1032, 1224, 1544, 1672, 1864, 2088,
     2472, 2600, 2792, 3112, 3368, 3752, 4136, 4776, 4968),
    (104, 224, 328, 472, 584, 712, 968, 1096, 1224, 1480, 1800, 1928, 2216, 2472,
     2984, 3112, 3368, 3624, 3880, 4392, 4968, 5544, 5992),
    (120, 256, 392, 536, 680, 808, 1096, 1256, 1384, 1672, 2088, 2216, 2536, 2792,
     3368, 3496, 3752, 4264, 4584, 4968, 5544, 6200, 6712),
    (136, 296, 456, 616, 776, 936, 1256, 1416, 1544, 1864, 2344, 2536, 2856, 3112,
     3752, 4008, 4264, 4776, 5160, 5736, 6200, 6968, 7480),
    (144, 328, 504, 680, 872, 1032, 1384, 1544, 1736, 2088, 2664, 2792, 3112, 3496,
     4264, 4392, 4776, 5352, 5736, 6200, 6968, 7992, 8504),
    (176, 376, 584, 776, 1000, 1192, 1608, 1800, 2024, 2408, 2984, 3240, 3624, 4008,
     4776, 4968, 5544, 5992, 6456, 7224, 7992, 9144, 9528),
    (208, 440, 680, 904, 1128, 1352, 1800, 2024, 2280, 2728, 3368, 3624, 4136, 4584,
     5544, 5736, 6200, 6712, 7224, 8248, 9144, 10296, 11064),
    (224, 488, 744, 1000, 1256, 1544, 2024, 2280, 2536, 3112, 3880, 4136, 4584, 5160,
     6200, 6456, 6968, 7736, 8248, 9144, 10296, 11448, 12216),
    (256, 552, 840, 1128, 1416, 1736, 2280, 2600, 2856, 3496, 4264, 4584, 5160, 5736,
     6968, 7224, 7736, 8504, 9144, 10296, 11448, 12960, 13536),
    (280, 600, 904, 1224, 1544, 1800, 2472, 2728, 3112, 3624, 4584, 4968, 5544, 6200,
     7224, 7736, 8248, 9144, 9912, 11064, 12216, 13536, 14688),
    (328, 632, 968, 1288, 1608, 1928, 2600, 2984, 3240, 3880, 4968, 5160, 5992, 6456,
     7736, 7992, 8760, 9912, 10296, 11832, 12960, 14688, 15840),
    (336, 696, 1064, 1416, 1800, 2152, 2856, 3240, 3624, 4392, 5352, 5736, 6456, 7224,
     8760, 9144, 9912, 10680, 11448, 12960, 14688, 16416, 17568),
    (376, 776, 1160, 1544, 1992, 2344, 3112, 3624, 4008, 4776, 5992, 6200, 7224, 7992,
     9528, 9912, 10680, 11832, 12576, 14112, 15840, 17568, 19080),
    (408, 840, 1288, 1736, 2152, 2600, 3496, 3880, 4264, 5160, 6456, 6968, 7736, 8504,
     10296, 10680, 11448, 12960, 13536, 15264, 16992, 19080, 20616),
)
# fmt: on
