"""Watching the gradients: how long they are, stage by stage, and whether they have vanished."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.train.stages import stage_of

VANISHED = 1e-4


def vanishing(norms: Mapping[str, float], sizes: Mapping[str, int]) -> tuple[str, ...]:
    """The stages in which gradients have vanished: half of the parameters or more hardly see one.

    A parameter hardly sees a gradient where the root mean square gradient of its tensor is at most 1e-4 of the head's,
    which no surrogate gradient stands in front of, or exactly 0. The median parameter decides, not the stage's norm:
    in a network that never fires, the norms' biases on the membrane shortcut of Spikingformer still get their gradient,
    while most weights get none.

    Measured on models of the catalogue, with their blocks at 32 channels and at initialisation: the median parameter of
    a stage sees at least 1e-3 of the head's gradient, and 7e-3 over any epoch of the two small models on the digits.
    With v_threshold 5 nothing fires and it sees exactly 0; with a sigmoid surrogate far too steep (alpha 100, the
    default is 4) at most 2e-5 in the blocks, far too flat (alpha 0.01) at most 4e-6. The rule is meant for the means
    of an epoch: over a single batch of noise it also names the blocks of a tiny Spikformer with a rectangular or
    triangular surrogate, of which it names none over the first epoch on digits.

    Args:
        norms: L2 norm of the gradient of each trainable parameter tensor, by name.
        sizes: number of elements of each.
    """
    stages: dict[str, list[tuple[float, int]]] = {}
    for name, norm in norms.items():
        stages.setdefault(stage_of(name), []).append((norm / math.sqrt(sizes[name]), sizes[name]))
    means = {stage: _root_mean_square(tensors) for stage, tensors in stages.items()}
    # Where the head is frozen, the stage with the largest gradients takes its place.
    limit = VANISHED * means.get("head", max(means.values(), default=0.0))
    return tuple(stage for stage, tensors in stages.items() if _median(tensors) <= limit)


class GradientWatch:
    """Gradient norms of the trainable parameters of a model, averaged over the updates of an epoch.

    Args:
        model: the model; what is frozen when this is made is not watched.
    """

    def __init__(self, model: nn.Module) -> None:
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.reset()

    def observe(self) -> float:
        """Take note of the present gradients, after the backward pass and unscaling, before clipping.

        An update whose gradient is not finite is left out of the means: a loss scaler skips it, too.

        Returns:
            The L2 norm over all parameters together.
        """
        squares = {name: norm * norm for name, norm in self._norms().items()}
        total = math.sqrt(sum(squares.values()))
        if not math.isfinite(total):
            return total
        self._updates += 1
        stages = dict.fromkeys(self._stages, 0.0)
        for name, square in squares.items():
            stages[stage_of(name)] += square
            self._tensors[name] += math.sqrt(square)
        for stage, square in stages.items():
            self._stages[stage] += math.sqrt(square)
        return total

    def epoch_means(self) -> dict[str, float]:
        """Mean L2 norm of each stage's gradient since `reset`; empty where no update was finite."""
        return {stage: total / self._updates for stage, total in self._stages.items()} if self._updates else {}

    def vanishing(self) -> tuple[str, ...]:
        """The stages whose gradients have vanished since `reset`; see the function `vanishing`."""
        sizes = {name: parameter.numel() for name, parameter in self._parameters.items()}
        return vanishing(self._tensors, sizes) if self._updates else ()

    def reset(self) -> None:
        """Begin a new epoch."""
        self._updates = 0
        self._tensors = dict.fromkeys(self._parameters, 0.0)
        self._stages = dict.fromkeys(map(stage_of, self._parameters), 0.0)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on with a half-finished epoch: plain numbers, ready for JSON."""
        return {"updates": self._updates, "tensors": dict(self._tensors), "stages": dict(self._stages)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` of the same model."""
        self._updates = int(state["updates"])
        self._tensors, self._stages = dict(state["tensors"]), dict(state["stages"])

    def _norms(self) -> dict[str, float]:
        """L2 norm of the gradient of each parameter; 0 where it has none."""
        norms = dict.fromkeys(self._parameters, 0.0)
        grads = {name: p.grad for name, p in self._parameters.items() if p.grad is not None}
        if grads:
            # Read together: on an accelerator every single reading would wait for the backward pass.
            lengths: list[Tensor] = list(torch._foreach_norm(list(grads.values())))
            norms |= zip(grads, torch.stack(lengths).tolist(), strict=True)
        return norms


def _root_mean_square(tensors: list[tuple[float, int]]) -> float:
    return math.sqrt(sum(value**2 * size for value, size in tensors) / sum(size for _, size in tensors))


def _median(tensors: list[tuple[float, int]]) -> float:
    """The value of the median parameter, from the (value, size) of each tensor."""
    half, below = sum(size for _, size in tensors) / 2, 0
    for value, size in sorted(tensors):
        below += size
        if below >= half:
            return value
    raise AssertionError("a stage has parameters")
