"""How programs share a step [outer][channels][inner]: each takes a tile of rows and channels.

A row is a place in outer and inner. Where channels lie innermost a tile is as wide as some of them; elsewhere it is one
channel wide and runs along inner, so that neighbours in the tile are neighbours in memory either way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import triton
import triton.language as tl

from spikeformers.ops.layout import Layout


class Tiling(NamedTuple):
    """A layout as kernels take it.

    Args:
        row_units, inner_units: how many rows there are and how many of them lie along inner, in units of `unit`.
        channels: how many there are; 1 where rows are all there is.
        unit: the largest power of two up to 16 in inner: what the compiler must know to load several places at once.
        block_rows, block_channels: size of a tile.
        wide: whether offsets within a step need 64 bits.
    """

    row_units: int
    inner_units: int
    channels: int
    unit: int
    block_rows: int
    block_channels: int
    wide: bool

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.row_units * self.unit

    @property
    def grid(self) -> tuple[int, int]:
        """How many tiles there are along rows and channels."""
        return -(-self.rows // self.block_rows), -(-self.channels // self.block_channels)

    @property
    def constants(self) -> dict[str, int | bool]:
        """What a kernel is compiled for."""
        return {
            "UNIT": self.unit,
            "R": self.block_rows,
            "C": self.block_channels,
            "ALONE": self.channels == 1,
            "WIDE": self.wide,
        }


def tiling(layout: Layout, elements: int) -> Tiling:
    """Tiles of so many elements, a power of two."""
    outer, channels, inner = layout.outer, layout.channels, layout.inner
    if channels == 1:
        outer, inner = 1, outer * inner
    unit = math.gcd(inner, 16)
    width = min(64, elements, int(triton.next_power_of_2(channels))) if inner == 1 else 1
    # What a tile reaches beyond the end counts, too.
    wide = (outer + elements) * channels * inner >= 2**31
    return Tiling(outer * inner // unit, inner // unit, channels, unit, elements // width, width, wide)


@triton.jit
def places(
    first, row_units, inner_units, channels,
    UNIT: tl.constexpr, R: tl.constexpr, C: tl.constexpr, ALONE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Channels [1, C] of this program, offsets [R, C] of the rows from `first` on, and which of them there are."""
    row = first + tl.arange(0, R)[:, None]
    channel = tl.program_id(1) * C + tl.arange(0, C)[None, :]
    inside = (row < row_units * UNIT) & (channel < channels)
    if WIDE:
        row = row.to(tl.int64)
    if ALONE:
        at = row
    else:
        inner = inner_units * UNIT
        at = (row // inner * channels + channel) * inner + row % inner
    return channel, at, inside


@triton.jit
def of_channels(factors, channel, channels):
    """One float32 for each channel of a tile; None where there are none."""
    return None if factors is None else tl.load(factors + channel, mask=channel < channels, other=0.0)
