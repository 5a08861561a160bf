"""Dynamic time steps: every neuron layer learns at which time steps it puts anything out.

After Datta et al., "Dynamic SpikFormer: Low-Latency & Energy-Efficient Spiking Neural Networks with Dynamic Time Steps
for Vision Transformers", ICASSP 2025 (arXiv:2311.16456). The form is derived: the abstract tells of a trainable score
for each layer and time step and a hard mask; what a neuron does at a masked step is not known, and is a word here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons import Neuron
from spikeformers.layers.neurons.extended import ExtendedNeuron
from spikeformers.layers.time_steps import checked_time_steps, steps_of

START = 0.5  # score of every time step before training: the paper's is not known


class DynamicSteps(ExtendedNeuron):
    """Base of neurons with a score for each time step: out[t] = H(scores[t]) spikes[t], H(0) = 1.

    Attributes:
        scores: [T], learned; it runs on that many time steps only.
        skips: whether masked time steps are not seen at all. If not, the neuron integrates there, and resets.
    """

    scores: nn.Parameter
    skips: bool

    def masks(self) -> Tensor:
        """0 or 1 for each time step [T]; the gradient of a mask is that of its score (straight through)."""
        return (self.scores.detach() >= 0).to(self.scores.dtype) + (self.scores - self.scores.detach())

    def live_steps(self) -> tuple[int, ...]:
        """The time steps, counted from 0, at which it is not masked."""
        return tuple(step for step, live in enumerate((self.scores >= 0).tolist()) if live)


def with_dynamic_steps(neuron: Neuron, time_steps: int, *, skips: bool) -> Neuron:
    """Change a neuron in place: it gets a score for each time step, and puts nothing out where that is negative.

    It keeps its name, its parameters and its class as a base; the scores are one parameter more, and all masks 1.

    With `skips` it runs over the live time steps as if the others were not there, in training as in eval mode. Without
    a masked step's spikes its score would have no gradient, and the step would never come back: in training the neuron
    runs a second time over all steps of the call, and the gradient of a mask is taken with the spikes of that.

    Args:
        neuron: of any kind.
        time_steps: T.
        skips: see `DynamicSteps`.

    Raises:
        ConfigError: no time step, or steps are to be skipped by a neuron that is built for their number.
    """
    scores = torch.full((checked_time_steps("dynamic_steps", time_steps),), START)
    if skips and hasattr(neuron, "time_steps"):
        raise ConfigError(
            f"{type(neuron).__name__} has weights for each of its time steps and cannot skip some. Take "
            'dynamic_steps = "integrate", or another neuron.'
        )
    neuron.__class__ = _with_dynamic_steps(type(neuron))
    assert isinstance(neuron, DynamicSteps)
    neuron.scores, neuron.skips = nn.Parameter(scores), skips
    return neuron


@cache
def _with_dynamic_steps(kind: type[Neuron]) -> type[Neuron]:
    class WithDynamicSteps(DynamicSteps, kind):  # type: ignore[misc, valid-type]
        made = (_with_dynamic_steps, kind)

        def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
            steps = steps_of(self, len(x), len(self.scores), memory)
            masks = self.masks()[steps].to(x.dtype).view(-1, *[1] * (x.dim() - 1))
            if not self.skips:
                out: Tensor = kind.forward(self, x, memory)
                return out * masks.to(out.dtype)
            live = [step - steps.start for step in self.live_steps() if steps.start <= step < steps.stop]
            if memory is not None and not live:
                memory.hold(self)
            out = _over(live, lambda seen: kind.forward(self, seen, memory), x)
            if not (self.training and torch.is_grad_enabled()):
                return out
            spikes = kind.forward(self, x, None if memory is None else memory.scratch()).detach()
            return out + (masks - masks.detach()) * spikes

        def reset_spikes(self, x: Tensor) -> Tensor | None:
            return self._over_seen(lambda seen: kind.reset_spikes(self, seen), x)

        def potentials(self, x: Tensor) -> Tensor | None:
            """At the time steps that it sees; zero at others."""
            return self._over_seen(lambda seen: kind.potentials(self, seen), x)

        def _over_seen(self, function: Callable[[Tensor], Tensor | None], x: Tensor) -> Tensor | None:
            if not self.skips:
                return function(x)
            return None if function(x[:1]) is None else _over(self.live_steps(), function, x)  # type: ignore[arg-type]

        def extra_repr(self) -> str:
            rule = "skip" if self.skips else "integrate"
            return f"{super().extra_repr()}, dynamic_steps={rule}".removeprefix(", ")

    WithDynamicSteps.__name__ = WithDynamicSteps.__qualname__ = f"{kind.__name__}WithDynamicSteps"
    return WithDynamicSteps


def _over(live: tuple[int, ...] | list[int], function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A function of the live time steps of x [T, ...] -> [T, ...], zeros at the others."""
    if len(live) == len(x):
        return function(x)
    if not live:
        return torch.zeros_like(x)
    index = torch.tensor(live, device=x.device)
    out = function(x[index])
    return out.new_zeros(x.shape).index_copy(0, index, out)
