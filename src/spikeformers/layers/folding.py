"""Folding: in eval mode a batch norm is a factor and a shift per channel, which the operation in front can take on.

Each function here says for one kind of part how it folds; a part it has no rule for does not. Rules for parts of one's
own are added with `@affine.register`, `@last_operation.register` and `@chained.register`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch
from itertools import pairwise

import torch
from torch import Tensor, nn

from spikeformers.layers.norms import BatchNorm, TemporalEffectiveBatchNorm
from spikeformers.layers.rep_conv import RepConv
from spikeformers.layers.unit import Unit
from spikeformers.layers.weighted import Conv2d, Linear


@dataclass(frozen=True)
class Affine:
    """gain x + shift for each channel, both [C]."""

    gain: Tensor
    shift: Tensor


@singledispatch
def affine(norm: nn.Module) -> Affine | None:
    """What a norm does in eval mode, where that is the same for every input and time step; else None."""
    return None


@affine.register
def _(norm: BatchNorm) -> Affine | None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.factor * norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return Affine(gain, norm.bias.detach() - norm.running_mean * gain)


@affine.register
def _(norm: TemporalEffectiveBatchNorm) -> Affine | None:
    return None  # it has a factor for each time step


@singledispatch
def last_operation(part: nn.Module) -> Conv2d | Linear | None:
    """The operation whose result a part puts out as it is, so that a norm behind the part may go into it."""
    return None


@last_operation.register
def _(part: Conv2d | Linear) -> Conv2d | Linear | None:
    return part


@last_operation.register
def _(part: RepConv) -> Conv2d | Linear | None:
    return part.contract if isinstance(part.out_norm, nn.Identity) else None


@singledispatch
def chained(module: nn.Module) -> Iterable[tuple[str, str]]:
    """Pairs of parts by name, the second of which is fed by the first alone, and the first feeds nothing else."""
    return ()


@chained.register
def _(module: Unit) -> Iterable[tuple[str, str]]:
    return pairwise(name for name, _ in module.named_children())


@chained.register
def _(module: RepConv) -> Iterable[tuple[str, str]]:
    return ("expand", "norm"), ("contract", "out_norm")


@torch.no_grad()
def take_on(operation: Conv2d | Linear, behind: Affine) -> None:
    """Change an operation's weights and bias, in place, so that it does what the norm behind it did as well."""
    bias = behind.shift if operation.bias is None else operation.bias * behind.gain + behind.shift
    operation.weight.mul_(behind.gain.view(-1, *[1] * (operation.weight.dim() - 1)))
    operation.bias = nn.Parameter(bias, requires_grad=operation.weight.requires_grad)


@torch.no_grad()
def one_convolution(rep_conv: RepConv) -> Conv2d | None:
    """The 3x3 convolution that a RepConv is once its norms are folded; None while it has a norm.

    With the 1x1 convolutions W1, b1 and W2, b2 around the depthwise D,
    K[o, i] = sum_m W2[o, m] D[m] W1[m, i] and b[o] = sum_m W2[o, m] b1[m] sum(D[m]) + b2[o]: the border holds b1, which
    is what the first convolution makes of zero, so that zero padding in front of it is the same.
    """
    if not isinstance(rep_conv.norm, nn.Identity) or not isinstance(rep_conv.out_norm, nn.Identity):
        return None
    first, depthwise, last = rep_conv.expand, rep_conv.depthwise.weight.squeeze(1), rep_conv.contract
    W1, W2 = (conv.weight.flatten(1) for conv in (first, last))
    b1, b2 = (conv.weight.new_zeros(()) if conv.bias is None else conv.bias for conv in (first, last))
    # Without memory of its own, the new module draws no random numbers.
    with torch.device("meta"):
        dense = Conv2d(first.in_channels, last.out_channels, inputs=first.inputs, bias=True)
    trains = first.weight.requires_grad
    dense.weight = nn.Parameter(torch.einsum("om,myx,mi->oiyx", W2, depthwise, W1), requires_grad=trains)
    dense.bias = nn.Parameter(W2 @ (b1 * depthwise.sum((1, 2))) + b2, requires_grad=trains)
    return dense
