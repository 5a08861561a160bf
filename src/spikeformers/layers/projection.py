"""Operations to be chosen: what an attention projects with, what an MLP is made of."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from spikeformers.layers.values import Values
from spikeformers.layers.weighted import Conv2d, Init, Linear

# channels in, channels out, declared values of the input -> an operation by the name of its part
Projection = Callable[[int, int, Values], dict[str, nn.Module]]


def linear_projection(*, bias: bool, init: Init) -> Projection:
    """Linears over the channels."""

    def build(channels_in: int, channels_out: int, inputs: Values) -> dict[str, nn.Module]:
        return {"linear": Linear(channels_in, channels_out, inputs=inputs, bias=bias, init=init)}

    return build


def conv_projection(*, kernel: int, init: Init) -> Projection:
    """Convolutions over the map, without bias, that keep its size."""

    def build(channels_in: int, channels_out: int, inputs: Values) -> dict[str, nn.Module]:
        return {"conv": Conv2d(channels_in, channels_out, inputs=inputs, kernel=kernel, init=init)}

    return build
