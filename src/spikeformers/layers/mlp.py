"""The feed-forward branch of a block: two linears with their norms and neurons."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.residual import Shortcut
from spikeformers.layers.unit import branch_unit, unit_inputs
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Init, Linear


class SpikingMLP(nn.Module):
    """C -> hidden -> C over tokens [T, B, C, N] or maps [T, B, C, H, W].

    Args:
        dim, hidden: channels.
        inputs: declared values of the stream.
        vocabulary: neuron and norm.
        shortcut: how the branch joins the stream, which says where its neurons are.
        init: initialisation of the linears.
    """

    def __init__(
        self, dim: int, hidden: int, *, inputs: Values, vocabulary: Vocabulary, shortcut: Shortcut, init: Init
    ) -> None:
        super().__init__()
        expand = Linear(dim, hidden, inputs=unit_inputs(shortcut, inputs, vocabulary), init=init)
        contract = Linear(hidden, dim, inputs=vocabulary.spikes, init=init)
        self.expand = branch_unit(shortcut, vocabulary, hidden, linear=expand)
        self.contract = branch_unit(shortcut, vocabulary, dim, last=True, linear=contract)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same."""
        out: Tensor = self.contract(self.expand(x, memory), memory)
        return out
