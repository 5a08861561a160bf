"""Noise on the weights, as of a device that stores them imprecisely."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeformers.data.streams import stream


def noisy_weights(model: nn.Module, strength: float, *, seed: int = 0, draw: int = 0) -> dict[str, Tensor]:
    """Weights with normal noise added, whose standard deviation is `strength` times that of each weight tensor.

    Weights are the parameters of two dimensions and more; biases, norms and time constants are left out. The model is
    not touched: `torch.func.functional_call(model, noisy_weights(model, 0.1), (x,))` runs it with them. In a fused
    model the weights have taken on the norms, so that the same strength is another noise.

    Args:
        model: whose weights they are.
        strength: of the noise.
        seed, draw: the random numbers depend on these and the name of each weight; a stronger noise of the same draw
            is the same noise times a number.

    Returns:
        The noisy weights by their names.
    """
    return {
        name: _noisy(weight.detach(), strength, stream(seed, f"weight noise {draw} {name}"))
        for name, weight in model.named_parameters()
        if weight.dim() >= 2
    }


def _noisy(weight: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(weight.shape, generator=generator).to(weight)
    return weight + strength * weight.std(correction=0) * noise
