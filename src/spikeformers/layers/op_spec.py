"""How a weighted operation, an attention product, and what lies between them, describe themselves.

Measurement and compilation read this and nothing else: no class names, no attribute names of a particular model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from spikeformers.layers.values import Values


@dataclass(frozen=True, kw_only=True)
class OpSpec:
    """One operation, without the sizes that depend on its input.

    Args:
        kind: "convolution" (weights over [T, B, C, H, W], or [T, B, ..., C, L]), "linear" (weights over axis 2 of
            [T, B, C, ...], or over the last axis of a head's [..., C]), "product" (a matrix product of two activations)
            or "mask" (an element-wise product of two).
        inputs: the declared values of each operand: one for weights, two for a product or mask.
        weight_shape: (out, in / groups, kernel...); None where there are no weights, () where they are as large as the
            input makes them (see `SizedByInput`).
        bias: whether a bias is added.
        scale: constant the result is multiplied by.
        sub_steps: where `models.unroll` made this operation run on binary sub-steps of integers: how many of them each
            operand comes in, 1 for one that comes whole. A call is on one sub-step of each operand, so that at every
            time step the operation is called their product many times. Empty where nothing is unrolled.
        axis: of a linear, the axis of its input that the weights run over: 2, or -1 for a head's or for tokens.
        timed: whether the operands start with the axes [T, B], which those of an attention over time do not; what has
            two axes only never does.
    """

    kind: Literal["convolution", "linear", "product", "mask"]
    inputs: tuple[Values, ...]
    weight_shape: tuple[int, ...] | None = None
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    bias: bool = False
    scale: float = 1.0
    sub_steps: tuple[int, ...] = ()
    axis: int = 2
    timed: bool = True


@dataclass(frozen=True, kw_only=True)
class ElementSpec:
    """What a module without products of its own does to every element.

    Args:
        kind: "norm", "pool", "add" (of two activations), "neuron" (or any function of each element) or "softmax".
        kernel, stride, padding, dilation: of a pool, as those of a convolution.
        remembers: numbers that a neuron keeps from one time step to the next: 1 for a membrane potential, 0 for none.
        timed: as in `OpSpec`.
    """

    kind: Literal["norm", "pool", "add", "neuron", "softmax"]
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    remembers: int = 0
    timed: bool = True


@runtime_checkable
class DescribesItself(Protocol):
    """A leaf module that is an operation."""

    def op_spec(self) -> OpSpec:
        """The operation this module performs."""
        ...


@runtime_checkable
class SizedByInput(DescribesItself, Protocol):
    """An operation with weights that no one learns and that are as large as its input, such as a transform."""

    def weights_for(self, x: Tensor) -> Tensor:
        """The weights that an input of that size meets, in the form of `OpSpec.weight_shape`."""
        ...


@runtime_checkable
class DescribesElements(Protocol):
    """A module that is no operation with weights or products, but still costs something on every element.

    Apart from `DescribesItself`, because audits, penalties and unrolling are about operations only.
    """

    def element_spec(self) -> ElementSpec:
        """What this module does to every element, apart from what modules inside it do."""
        ...


def spec_for(operation: DescribesItself, x: Tensor) -> OpSpec:
    """What an operation is on an input of that size, all its weights included."""
    spec = operation.op_spec()
    if not isinstance(operation, SizedByInput):
        return spec
    return replace(spec, weight_shape=tuple(operation.weights_for(x).shape))
