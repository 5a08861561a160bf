"""What goes wrong with an event camera. All functions take counts of events, float32 [B, T, C, H, W], and return such.

The constants are our own; there is no benchmark for them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from spikeformers.measure.disturbances.draws import Streams, uniform


def lost_events(frames: Tensor, probability: float, draws: Streams) -> Tensor:
    """Lose each event by itself, as a bus or a filter does."""
    return _drawn(frames, draws, lambda each, generator: _some(each, 1 - probability, generator))


def noise_events(frames: Tensor, share: float, draws: Streams) -> Tensor:
    """Add events anywhere in space and time, on the average this share of the recording's own."""
    mean = share * frames.mean((1, 2, 3, 4), keepdim=True)
    return frames + _drawn(mean.expand_as(frames), draws, lambda each, generator: torch.poisson(each, generator))


def hot_pixels(frames: Tensor, share: float, draws: Streams) -> Tensor:
    """Let this share of the pixels (of either polarity) fire in all time steps, as often as the busiest one ever does.

    A larger share of the same draws has all pixels of a smaller one.
    """
    hot = uniform(draws, frames.shape[2:]).unsqueeze(1) < share
    return frames + hot * frames.amax((1, 2, 3, 4), keepdim=True)


def dead_pixels(frames: Tensor, share: float, draws: Streams) -> Tensor:
    """Silence this share of the pixels, both polarities of each; a larger share has all of a smaller one."""
    return frames * (uniform(draws, frames.shape[3:])[:, None, None] >= share)


def time_jitter(frames: Tensor, probability: float, draws: Streams) -> Tensor:
    """Move each event into the time step before or behind its own, by equal chances; at the ends there is one only."""

    def moved(each: Tensor, generator: Generator) -> Tensor:
        leaving = _some(each, probability, generator)
        earlier = _some(leaving, 0.5, generator)
        later = leaving - earlier
        result = each - leaving
        if len(each) == 1:
            return each
        result[:-1] += earlier[1:]
        result[1:] += later[:-1]
        result[1] += earlier[0]
        result[-2] += later[-1]
        return result

    return _drawn(frames, draws, moved)


def dropped_steps(frames: Tensor, probability: float, draws: Streams) -> Tensor:
    """Empty each time step with this probability; at a higher one those of a lower one are empty, too."""
    return frames * (uniform(draws, frames.shape[1:2])[:, :, None, None, None] >= probability)


def _some(counts: Tensor, probability: float, generator: Generator) -> Tensor:
    """Each of the events behind the counts with this probability."""
    return torch.binomial(counts, torch.full_like(counts, probability), generator)


def _drawn(frames: Tensor, draws: Streams, change: Callable[[Tensor, Generator], Tensor]) -> Tensor:
    return torch.stack([change(each, generator) for each, generator in zip(frames, draws, strict=True)])
