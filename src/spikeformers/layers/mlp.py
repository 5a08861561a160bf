"""The feed-forward branch of a block: two linears, or convolutions, with their norms and neurons."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.projection import conv_projection, linear_projection
from spikeformers.layers.residual import Shortcut
from spikeformers.layers.unit import branch_unit, unit_inputs
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Init


class SpikingMLP(nn.Module):
    """C -> hidden -> C over tokens [T, B, C, N] or maps [T, B, C, H, W].

    Args:
        dim, hidden: channels.
        inputs: declared values of the stream.
        vocabulary: neuron and norm.
        shortcut: how the branch joins the stream, which says where its neurons are.
        init: of the weights.
        kernel: of convolutions without bias in the place of the linears; None for linears.
        bias: whether the linears have biases.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        *,
        inputs: Values,
        vocabulary: Vocabulary,
        shortcut: Shortcut,
        init: Init,
        kernel: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        project = linear_projection(bias=bias, init=init)
        if kernel is not None:
            project = conv_projection(kernel=kernel, init=init)
        arriving = unit_inputs(shortcut, inputs, vocabulary)
        expand, contract = project(dim, hidden, arriving), project(hidden, dim, vocabulary.spikes)
        self.expand = branch_unit(shortcut, vocabulary, hidden, expand)
        self.contract = branch_unit(shortcut, vocabulary, dim, contract, last=True)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same."""
        out: Tensor = self.contract(self.expand(x, memory), memory)
        return out
