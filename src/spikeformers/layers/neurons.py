"""Neurons as modules over [T, ...], chosen by word.

A neuron takes the words of its vocabulary (tau, v_threshold, v_reset, decay_input, detach_reset, detach_membrane,
surrogate) as keyword arguments, starts every forward pass from rest, and recalls and keeps its potential only where a
memory is passed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.op_spec import ElementSpec
from spikeformers.layers.values import BINARY, REAL, TERNARY, Values, integers
from spikeformers.layers.words import build_from_word
from spikeformers.ops import Dynamics, lif, potentials


class Neuron(TakesMemory, ABC):
    """What every spiking neuron offers.

    `values` declares what it emits, `remembers` whether it has a membrane potential to keep. A subclass that cannot be
    run one time step at a time raises NotStreamable when it is given a memory. `v_threshold` is what `potentials` are
    held against, of an integer neuron the unit it counts them in; None where there is no threshold.
    """

    values: Values = BINARY
    remembers: bool = True
    v_threshold: float | None = None

    @abstractmethod
    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> output [T, ...]."""

    def reset_spikes(self, x: Tensor) -> Tensor | None:
        """The spikes that only reset an analog neuron, [T, ...]; None where the output is the spikes."""
        return None

    def potentials(self, x: Tensor) -> Tensor | None:
        """Membrane potentials right before firing, [T, ...], of a run from rest; None where there is no threshold."""
        return None

    def element_spec(self) -> ElementSpec:
        """The neuron."""
        return ElementSpec(kind="neuron", remembers=self.remembers)


class LIF(Neuron):
    """Leaky integrate-and-fire with a fixed time constant; keyword arguments are those of `ops.Dynamics`."""

    def __init__(self, **words: Any) -> None:
        super().__init__()
        self.dynamics = Dynamics(**words)
        self.v_threshold = self.dynamics.v_threshold

    @property
    def inverse_tau(self) -> Tensor | None:
        """A learned 1/tau, or None."""
        return None

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> spikes [T, ...]."""
        before = None if memory is None else memory.recall(self)
        out, after = lif(x, before, self.dynamics, inverse_tau=self.inverse_tau)
        if memory is not None:
            memory.keep(self, after)
        return out

    def potentials(self, x: Tensor) -> Tensor:
        """Input current [T, ...] -> membrane potentials H right before firing, from rest, [T, ...]."""
        return potentials(x, None, self.dynamics, inverse_tau=self.inverse_tau)

    def extra_repr(self) -> str:
        """The words that differ between layers."""
        d = self.dynamics
        return f"tau={d.tau:g}, v_threshold={d.v_threshold:g}, v_reset={d.v_reset}, surrogate={d.surrogate.name}"


class IF(LIF):
    """Integrate-and-fire: no leak, so `tau` and `decay_input` say nothing."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**{**words, "tau": math.inf})


class PLIF(LIF):
    """LIF whose 1/tau = sigmoid(w) is learned, one w per layer, starting at `tau` (Fang et al., ICCV 2021)."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        tau = self.dynamics.tau
        if not 1 < tau < math.inf:
            raise ConfigError(f"a learned time constant starts above 1 and below infinity, got tau = {tau}.")
        self.w = nn.Parameter(torch.tensor(-math.log(tau - 1)))

    @property
    def inverse_tau(self) -> Tensor:
        """sigmoid(w)."""
        return torch.sigmoid(self.w)


class PLIAF(PLIF):
    """PLIF charge and reset, but the output is ReLU(H): analog, not spiking (Spikeformer, Li et al. 2022)."""

    values = REAL

    def __init__(self, **words: Any) -> None:
        super().__init__(**{**words, "output": "membrane"})

    def reset_spikes(self, x: Tensor) -> Tensor:
        """The binary spikes that reset the membrane, [T, ...]."""
        spiking = replace(self.dynamics, output="spikes")
        return lif(x, None, spiking, inverse_tau=self.inverse_tau)[0]


class TernaryLIF(LIF):
    """LIF that fires +1 above the threshold and -1 below its negative."""

    values = TERNARY

    def __init__(self, **words: Any) -> None:
        super().__init__(**{**words, "fire": "ternary"})


class IntegerLIF(LIF):
    """LIF that emits the integer round(clamp(H, 0, levels)) and subtracts it (I-LIF, Luo et al., ECCV 2024)."""

    def __init__(self, levels: int = 4, **words: Any) -> None:
        super().__init__(**{**words, "fire": "integer", "levels": levels, "v_reset": None})
        self.values = integers(levels)


class SpikeFiringApproximation(Neuron):
    """round(clamp(x, 0, levels)) / norm at each time step by itself: no membrane potential, nothing to remember.

    Halves round to even; the gradient is straight-through, 1 / norm on [0, levels]. On a spike-driven machine an
    integer n is n binary spikes over `levels` sub-steps: see `models.unroll`. The spiking words (tau, thresholds,
    resets) say nothing here (SFA of E-SpikeFormer, Yao et al., T-PAMI 2025).

    Args:
        levels: D, the largest integer.
        norm: what the integer is divided by; None is D.
    """

    remembers = False

    def __init__(self, levels: int = 4, norm: float | None = None, **words: Any) -> None:
        super().__init__()
        self.norm = float(levels if norm is None else norm)
        self.dynamics = Dynamics(tau=math.inf, v_reset=None, fire="integer", levels=levels)
        self.v_threshold = self.dynamics.v_threshold
        self.values = integers(levels, scale=1 / self.norm)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, ...] -> [T, ...]."""
        counts, _ = lif(x.unsqueeze(0), None, self.dynamics)
        return counts.squeeze(0) / self.norm

    def potentials(self, x: Tensor) -> Tensor:
        """The current itself [T, ...]: nothing is left from the step before."""
        return potentials(x.unsqueeze(0), None, self.dynamics).squeeze(0)

    def extra_repr(self) -> str:
        """Its two words."""
        return f"levels={self.dynamics.levels}, norm={self.norm:g}"


class Activation(Neuron):
    """No spiking neuron but a function of the current, the same at every time step; it ignores the spiking words.

    With one a model is an ordinary network of the same shape. As the word `neuron` it leaves the attention as it is:
    cubic in real activations, with no softmax to bound them, so that float16 may overflow. The word `ann` gives the
    whole ANN twin, softmax attention included.
    """

    values = REAL
    remembers = False
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


NEURONS: dict[str, type[Neuron]] = {
    "lif": LIF,
    "if": IF,
    "plif": PLIF,
    "pliaf": PLIAF,
    "ternary": TernaryLIF,
    "integer": IntegerLIF,
    "sfa": SpikeFiringApproximation,
    "relu": ReLU,
    "gelu": GELU,
}


def register_neuron(word: str, neuron: type[Neuron]) -> None:
    """Make a neuron class available to every model as the config word `neuron`.

    Args:
        word: its name in configs.
        neuron: a subclass of Neuron that takes tau, v_threshold, v_reset, decay_input, detach_reset, detach_membrane
            and surrogate.

    Raises:
        ConfigError: the word is taken, or the class is no Neuron (models find their neurons by that).
    """
    if word in NEURONS:
        raise ConfigError(f"a neuron {word!r} is registered already; choose another word.")
    if not (isinstance(neuron, type) and issubclass(neuron, Neuron)):
        raise ConfigError(f"the neuron {word!r} must be a subclass of spikeformers.layers.Neuron, got {neuron!r}.")
    NEURONS[word] = neuron


def build_neuron(word: str, **words: Any) -> Neuron:
    """The neuron of that word, such as "lif" or "integer(levels=8)".

    Args:
        word: a registered name, with options where it has any.
        words: the spiking words of the vocabulary, and further ones this neuron takes.

    Raises:
        UnknownNameError: no neuron of that name.
        ConfigError: an option it has not, or a value outside its range.
    """
    return build_from_word(word, NEURONS, "neuron", **words)
