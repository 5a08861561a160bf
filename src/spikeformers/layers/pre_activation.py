"""Pointing out the real values that an operation gives, so that a training pass need not keep them as they are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import is_parametrized

from spikeformers.layers.watched import watched
from spikeformers.layers.weighted import Conv1d, Conv2d, Linear
from spikeformers.ops.saving import mark_pre_activation


def mark_output(operation: nn.Module, x: Tensor, y: Tensor) -> None:
    """Say that y is what a convolution or linear made of x; for others, which may hold norms or neurons, do nothing."""
    if torch.compiler.is_compiling() or not isinstance(operation, (Conv1d, Conv2d, Linear)):
        return
    # What hooks, parametrizations and a `forward` of somebody's own do is not known, nor whether it repeats.
    own = type(operation).forward in (Conv1d.forward, Conv2d.forward, Linear.forward) and not is_parametrized(operation)
    again = _with_the_weights_of_now(operation) if own and not watched(operation) else None
    mark_pre_activation(y, again, x)


def _with_the_weights_of_now(operation: nn.Module) -> Callable[[Tensor], Tensor]:
    weights = {name: (tensor, tensor._version) for name, tensor in operation.named_parameters()}

    def again(x: Tensor) -> Tensor:
        for name, (tensor, version) in weights.items():
            if tensor._version != version:
                raise RuntimeError(
                    f"the {name} of {operation} has been modified between the forward and the backward pass, which is "
                    "to run it again (keep_pre_activations = 'recompute'). Call backward first, then update weights."
                )
        y: Tensor = functional_call(operation, {name: tensor for name, (tensor, _) in weights.items()}, (x,))
        return y

    return again
