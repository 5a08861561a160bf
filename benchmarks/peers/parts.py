"""What the peers are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor, nn


def lif(v_threshold: float = 1.0) -> neuron.LIFNode:
    """The papers' neuron over all time steps: tau 2, hard reset to 0 that is detached, sigmoid surrogate."""
    return neuron.LIFNode(
        tau=2.0,
        v_threshold=v_threshold,
        surrogate_function=surrogate.Sigmoid(alpha=4.0),
        detach_reset=True,
        step_mode="m",
    )


def over_frames(x: Tensor, *modules: nn.Module) -> Tensor:
    """Run modules on [T, B, ...] that know only [B, ...], one after the other."""
    T, B = x.shape[:2]
    y = x.flatten(0, 1)
    for module in modules:
        y = module(y)
    return y.reshape(T, B, *y.shape[1:])


def repeated(x: Tensor, time_steps: int) -> Tensor:
    """Direct encoding: images [B, C, H, W] -> [T, B, C, H, W], each step a copy, as the papers' code has it."""
    return x.unsqueeze(0).repeat(time_steps, 1, 1, 1, 1)


def renamed(state: Mapping[str, Tensor], words: Mapping[str, str]) -> dict[str, Tensor]:
    """Give entries other names: regular expressions and what to put in their place, one after the other."""
    found = {}
    for name, tensor in state.items():
        for pattern, word in words.items():
            name = re.sub(pattern, word, name)
        found[name] = tensor
    return found
