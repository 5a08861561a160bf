"""How a weighted operation or an attention product describes itself.

Measurement and compilation read this and nothing else: no class names, no attribute names of a particular model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from spikeformers.layers.values import Values


@dataclass(frozen=True, kw_only=True)
class OpSpec:
    """One operation, without the sizes that depend on its input.

    Args:
        kind: "convolution" (weights over [T, B, C, H, W]), "linear" (weights over axis 2 of [T, B, C, ...], or over the
            last axis of a head's [..., C]), "product" (a matrix product of two activations) or "mask" (an element-wise
            product of two).
        inputs: the declared values of each operand: one for weights, two for a product or mask.
        weight_shape: (out, in / groups, kernel...) or None where there are no weights.
        bias: whether a bias is added.
        scale: constant the result is multiplied by.
        sub_steps: where `models.unroll` made this operation run on binary sub-steps of integers: how many of them each
            operand comes in, 1 for one that comes whole. A call is on one sub-step of each operand, so that at every
            time step the operation is called their product many times. Empty where nothing is unrolled.
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


@runtime_checkable
class DescribesItself(Protocol):
    """A leaf module that is an operation."""

    def op_spec(self) -> OpSpec:
        """The operation this module performs."""
        ...
