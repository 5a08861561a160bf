"""Integers as spikes: what an integer activation means on a spike-driven machine.

An integer-trained neuron emits 0..levels; at inference each integer becomes that many binary spikes over `levels`
sub-steps (SFA of E-SpikeFormer, Yao et al., T-PAMI 2025; I-LIF of SpikeYOLO, Luo et al., ECCV 2024).
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_sub_steps(counts: Tensor, levels: int) -> Tensor:
    """Unroll integers 0..levels [...] into binary spikes [levels, ...] whose sum is the integer.

    >>> to_sub_steps(torch.tensor(3.0), 4)
    tensor([1., 1., 1., 0.])
    """
    thresholds = torch.arange(1, levels + 1, dtype=counts.dtype, device=counts.device)
    return (counts.unsqueeze(0) >= thresholds.reshape(-1, *[1] * counts.dim())).to(counts.dtype)


def graded_fire(membrane: Tensor, levels: int, steps: int) -> Tensor:
    """Empty an integer membrane potential [...] in `steps` graded spikes of at most levels - 1 (GIF of SpikeLLM, 2024).

    >>> graded_fire(torch.tensor(22.0), levels=16, steps=2)
    tensor([15.,  7.])
    """
    spikes = []
    for _ in range(steps):
        spike = membrane.clamp(max=levels - 1)
        spikes.append(spike)
        membrane = membrane - spike
    return torch.stack(spikes)
