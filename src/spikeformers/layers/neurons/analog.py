"""Neurons that emit real values: their potential, or a function of the current."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.base import Neuron
from spikeformers.layers.neurons.lif import PLIF
from spikeformers.layers.values import REAL
from spikeformers.ops import lif


class PLIAF(PLIF):
    """PLIF charge and reset, but the output is ReLU(H): analog, not spiking (Spikeformer, Li et al. 2022)."""

    values = REAL

    def __init__(self, **words: Any) -> None:
        super().__init__(**{**words, "output": "membrane"})

    def reset_spikes(self, x: Tensor) -> Tensor:
        """The binary spikes that reset the membrane, [T, ...]."""
        spiking = replace(self.dynamics, output="spikes")
        return lif(x, None, spiking, inverse_tau=self.inverse_tau, keep_last=False)[0]


class Activation(Neuron):
    """No spiking neuron but a function of the current, the same at every time step; it ignores the spiking words.

    With one a model is an ordinary network of the same shape. As the word `neuron` it leaves the attention as it is:
    cubic in real activations, with no softmax to bound them, so that float16 may overflow. The word `ann` gives the
    whole ANN twin, softmax attention included.
    """

    values = REAL
    remembers = 0
    function: ClassVar[Callable[[Tensor], Tensor]]

    def __init__(self, **words: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, ...] -> [T, ...]; there is nothing to remember."""
        return type(self).function(x)


class ReLU(Activation):
    """max(0, x)."""

    function = torch.relu


class GELU(Activation):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""

    function = F.gelu
