"""Mixing tokens by a fixed transform, which has no parameters, in the place of attention.

Of the attention-free Spikformer and FWformer (Wang et al., arXiv 2308.02557; Frontiers in Neuroscience 2025, arXiv
2403.18228). The idea is theirs; where norm and neuron are is as its secondary descriptions have it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.op_spec import OpSpec
from spikeformers.layers.sub_steps import run_on_spikes
from spikeformers.layers.unit import branch_unit
from spikeformers.layers.values import Values


class Transform(nn.Module, ABC):
    """A constant matrix over one axis, as large as that axis happens to be.

    It describes itself as a linear: each input meets weights, which are constants here. Counted is the matrix, zeros
    left out, whatever algorithm computes its product: that is what spikes cost, one addition for each weight they meet.

    Args:
        inputs: declared values of the input.
        axis: that is transformed, 2 (channels) or a last one (tokens, or width or height of a map).
    """

    sub_steps: tuple[int, ...] = ()
    scale: float = 1.0

    def __init__(self, inputs: Values, *, axis: int = -1) -> None:
        super().__init__()
        self.inputs, self.axis = inputs, axis

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, ...] -> the same, but for the length of the axis."""
        out = self.transform(x)
        return out if self.scale == 1 else out * self.scale

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor:
        """The matrix times x along the axis, before `scale`."""

    @abstractmethod
    def weights_for(self, x: Tensor) -> Tensor:
        """The matrix for an input of that size, [out, in]."""

    def op_spec(self) -> OpSpec:
        """A linear of the size of its input."""
        return OpSpec(
            kind="linear",
            inputs=(self.inputs,),
            weight_shape=(),
            scale=self.scale,
            sub_steps=self.sub_steps,
            axis=self.axis,
        )

    def extra_repr(self) -> str:
        """Which axis."""
        return f"axis={self.axis}"


@run_on_spikes.register
def _(operation: Transform, operands: tuple[Values, ...], sub_steps: tuple[int, ...], scale: float) -> None:
    (operation.inputs,) = operands
    operation.sub_steps = sub_steps
    operation.scale *= scale


class TransformMixer(TakesMemory):
    """SN(norm(transform(x))) in the place of an attention, the neuron in front where the shortcut is "membrane".

    Args:
        plan: width, shortcut and vocabulary are what it needs of it.
        operation: the transform, or several, by the names of their parts.
        mapped: whether they take maps [T, B, C, H, W]; otherwise they are given tokens [T, B, C, N].
    """

    twin = None

    def __init__(self, plan: AttentionPlan, operation: dict[str, nn.Module], *, mapped: bool = False) -> None:
        super().__init__()
        self.mapped = mapped
        self.unit = branch_unit(plan.shortcut, plan.vocabulary, plan.dim, operation, last=True)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same."""
        out: Tensor = self.unit(x if self.mapped else x.flatten(3), memory)
        return out if self.mapped else torch.unflatten(out, 3, x.shape[3:])
