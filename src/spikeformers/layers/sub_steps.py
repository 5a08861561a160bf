"""Integers as binary sub-steps: an operation run on the spikes behind its integer operands, one after the other.

An integer n up to D is the sum of D spikes s_1 ... s_D (`ops.integer.to_sub_steps`), and operations are linear in each
operand, so that operation(n / c) is the sum over d of operation(s_d) / c.
"""

from __future__ import annotations

from functools import reduce, singledispatch
from itertools import product
from math import prod

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.op_spec import DescribesItself
from spikeformers.layers.values import BINARY, Values
from spikeformers.layers.weighted import Classifier, Conv1d, Conv2d, Linear, Mask, MatrixProduct
from spikeformers.ops.integer import to_sub_steps


def has_sub_steps(values: Values) -> bool:
    """Whether these are integers that can be told as spikes: from 0 up to a known highest."""
    return values.kind == "integer" and not values.signed and values.highest is not None


def sub_steps_needed(module: nn.Module) -> tuple[int, ...]:
    """The highest integer of each operand, 1 for one that stays whole; () where no operand of a module has any."""
    operands = module.op_spec().inputs if isinstance(module, DescribesItself) else ()
    if not any(map(has_sub_steps, operands)):
        return ()
    return tuple(values.highest or 1 if has_sub_steps(values) else 1 for values in operands)


class SubSteps(nn.Module):
    """An operation on the binary sub-steps of its integer operands; what it makes of them is added up.

    The operation inside is the leaf that describes itself: it declares binary operands, and each call shows it one
    sub-step of each. It takes on the constant factors of the integers; its bias comes in equal parts, one a call.

    Args:
        operation: is changed in place.
        sub_steps: of each operand, at least as many as it needs.

    Raises:
        ConfigError: an operation of one's own that `run_on_spikes` does not know.
    """

    def __init__(self, operation: nn.Module, sub_steps: tuple[int, ...]) -> None:
        super().__init__()
        assert isinstance(operation, DescribesItself)
        self.operands = operation.op_spec().inputs
        self.sub_steps = sub_steps
        factor = prod(values.scale for values in self.operands if has_sub_steps(values))
        declared = tuple(BINARY if has_sub_steps(values) else values for values in self.operands)
        run_on_spikes(operation, declared, sub_steps, factor)
        self.operation: nn.Module = operation

    def forward(self, *operands: Tensor) -> Tensor:
        """What the operation takes -> what it gives."""
        spikes = map(_spikes, operands, self.operands, self.sub_steps)
        total: Tensor = reduce(torch.add, (self.operation(*together) for together in product(*spikes)))
        return total

    def extra_repr(self) -> str:
        """How many there are."""
        return f"sub_steps={self.sub_steps}"


def _spikes(operand: Tensor, values: Values, steps: int) -> tuple[Tensor, ...]:
    if not has_sub_steps(values):
        return (operand,)
    counts = operand if values.scale == 1 else (operand / values.scale).round()
    return to_sub_steps(counts, steps).unbind(0)


@singledispatch
def run_on_spikes(operation: nn.Module, operands: tuple[Values, ...], sub_steps: tuple[int, ...], scale: float) -> None:
    """Change an operation, in place, for calls on sub-steps whose results are added up.

    Args:
        operation: one that describes itself; rules for those of one's own are added with `@run_on_spikes.register`.
        operands: what it declares from now on.
        sub_steps: of each operand.
        scale: what its results are multiplied by; a bias is divided by the number of calls instead.

    Raises:
        ConfigError: there is no rule for it.
    """
    raise ConfigError(
        f"{type(operation).__name__} is fed integers, and nothing says how to unroll it. Add a rule with "
        "spikeformers.layers.sub_steps.run_on_spikes.register."
    )


@run_on_spikes.register
def _(
    operation: Conv1d | Conv2d | Linear | Classifier,
    operands: tuple[Values, ...],
    sub_steps: tuple[int, ...],
    scale: float,
) -> None:
    (operation.inputs,) = operands
    operation.sub_steps = sub_steps
    with torch.no_grad():
        operation.weight.mul_(scale)
        if operation.bias is not None:
            operation.bias.div_(prod(sub_steps))


@run_on_spikes.register
def _(operation: MatrixProduct | Mask, operands: tuple[Values, ...], sub_steps: tuple[int, ...], scale: float) -> None:
    operation.left, operation.right = operands
    operation.sub_steps = sub_steps
    operation.scale *= scale
