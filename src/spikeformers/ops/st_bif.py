"""ST-BIF+: the bipolar integrate-and-fire neuron with a spike tracer, exact for a clipped quantised ReLU.

Source: You et al., "SpikeZIP-TF", ICML 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError


def st_bif(x: Tensor, *, v_threshold: float, highest: int, lowest: int = 0) -> tuple[Tensor, Tensor]:
    """Run ST-BIF+ over the leading axis.

    The potential q starts at 0.5 and the tracer at 0. Each step adds x/v_threshold to q, fires +1 when q >= 1 and the
    tracer is below `highest`, -1 when q < 0 and the tracer is above `lowest`, subtracts the spike from q and adds it to
    the tracer.

    Args:
        x: input current [T, ...].
        v_threshold: the quantisation step.
        highest, lowest: bounds of the tracer.

    Returns:
        Spikes in {-1, 0, 1} [T, ...] and the tracer [...]; tracer * v_threshold is the value represented so far.

    Raises:
        InputError: x has no time step.
        ConfigError: v_threshold is not positive, or the bounds are crossed.
    """
    if x.dim() == 0 or x.shape[0] == 0:
        raise InputError(f"a neuron takes a current [T, ...] with T >= 1, got {list(x.shape)}.")
    if v_threshold <= 0 or lowest > highest:
        raise ConfigError(
            f"v_threshold must be positive and lowest at most highest, got {v_threshold}, {lowest} and {highest}."
        )
    q, tracer = torch.full_like(x[0], 0.5), torch.zeros_like(x[0])
    spikes = []
    for x_t in x:
        q = q + x_t / v_threshold
        up, down = (q >= 1) & (tracer < highest), (q < 0) & (tracer > lowest)
        spike = up.to(x.dtype) - down.to(x.dtype)
        q, tracer = q - spike, tracer + spike
        spikes.append(spike)
    return torch.stack(spikes), tracer
