"""A neuron whose time runs through the samples of a batch: what released QKFormer does behind its self-attention."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

from torch import Tensor

from spikeformers.errors import ConfigError, NotStreamable
from spikeformers.layers.dynamic_steps import DynamicSteps
from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons import Neuron
from spikeformers.layers.sparse_tokens import ChoosesTokens

Result = TypeVar("Result", Tensor, Tensor | None)


def across_samples(neuron: Neuron) -> Neuron:
    """Change a neuron in place: it takes the samples of a batch as further time steps of one.

    The potential goes on from sample b to b + 1, and from the last one to the first at the next time step, so that a
    sample sees its batch and the order of it; alone it is as without. Inputs and outputs stay [T, B, ...], and the
    neuron keeps its name, its parameters and its class as a base: whatever watches neurons sees it as it was. One that
    remembers nothing is left as it is.

    Raises:
        ConfigError: a neuron that must know its time steps, or the positions of its tokens.
    """
    if isinstance(neuron, DynamicSteps | ChoosesTokens):
        word = "dynamic_steps" if isinstance(neuron, DynamicSteps) else "keep_tokens"
        raise ConfigError(
            f"the word {word} needs to know at which time step a neuron is, and one that runs through the samples of a "
            f'batch takes them for time steps. Leave {word} out, or take "per_sample" for the time axis.'
        )
    if neuron.remembers:
        neuron.__class__ = _across_samples(type(neuron))
    return neuron


@cache
def _across_samples(kind: type[Neuron]) -> type[Neuron]:
    class AcrossSamples(kind):  # type: ignore[misc, valid-type]
        def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
            if memory is not None:
                raise NotStreamable(
                    "a neuron that runs through the samples of a batch needs all of them, and all time steps, at once. "
                    'Take ssa_time_axis = "per_sample" for streaming.'
                )
            out: Tensor = _run(super().forward, x)
            return out

        def reset_spikes(self, x: Tensor) -> Tensor | None:
            out: Tensor | None = _run(super().reset_spikes, x)
            return out

        def potentials(self, x: Tensor) -> Tensor | None:
            out: Tensor | None = _run(super().potentials, x)
            return out

        def extra_repr(self) -> str:
            return f"{super().extra_repr()}, across samples".removeprefix(", ")

    AcrossSamples.__name__ = AcrossSamples.__qualname__ = f"{kind.__name__}AcrossSamples"
    return AcrossSamples


def _run(function: Callable[[Tensor], Result], x: Tensor) -> Result:
    """A function of [T, B, ...] on [T B, 1, ...], time-major."""
    out = function(x.flatten(0, 1).unsqueeze(1))
    return out if out is None else out.view(x.shape)
