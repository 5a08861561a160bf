"""Mean and standard deviation of the channels of a source."""

from __future__ import annotations

import torch

from spikeformers.data.sources import Source, evenly_spaced, shape_of
from spikeformers.data.unreadable import none_readable

MOST = 2000
CHUNK = 100


def channel_statistics(source: Source) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel, pixels scaled to 0..1, to four digits.

    All pictures are looked at, or 2000 evenly spaced ones where there are more. A channel without any contrast gets
    the deviation of one step of brightness, 1/255, so that it can be divided by.

    Raises:
        DataError: none of the pictures looked at can be read.
    """
    chosen = evenly_spaced(len(source), MOST)
    channels = shape_of(source)[0]
    sums, squares, pixels = torch.zeros(channels).double(), torch.zeros(channels).double(), 0
    unreadable: list[str] = []
    for part in torch.split(chosen, CHUNK):
        read = source.read(part).without_stand_ins()
        unreadable += read.unreadable
        images = read.images.double() / 255
        sums += images.sum((0, 2, 3))
        squares += images.square().sum((0, 2, 3))
        pixels += images[:, 0].numel()
    if not pixels:
        raise none_readable(unreadable)
    mean = sums / pixels
    std = (squares / pixels - mean.square()).clamp(min=0).sqrt()
    return (
        tuple(round(value, 4) for value in mean.tolist()),
        tuple(max(round(value, 4), 1 / 255) for value in std.tolist()),
    )
