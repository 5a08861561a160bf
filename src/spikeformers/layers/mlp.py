"""The feed-forward branch of a block: two linears with their norms and neurons."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.unit import Unit
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Init, Linear


class SpikingMLP(nn.Module):
    """C -> hidden -> C over tokens [T, B, C, N].

    Args:
        dim, hidden: channels.
        inputs: declared values of the tokens.
        vocabulary: neuron and norm.
        spike_first: (neuron, linear, norm) twice, as Spikingformer; otherwise (linear, norm, neuron), as Spikformer.
        init: initialisation of the linears.
    """

    def __init__(
        self, dim: int, hidden: int, *, inputs: Values, vocabulary: Vocabulary, spike_first: bool, init: Init
    ) -> None:
        super().__init__()
        self.expand = _unit(dim, hidden, inputs, vocabulary, spike_first, init)
        self.contract = _unit(hidden, dim, vocabulary.spikes, vocabulary, spike_first, init)
        self.values = REAL if spike_first else vocabulary.spikes

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, N] -> [T, B, C, N]."""
        out: Tensor = self.contract(self.expand(x, memory), memory)
        return out


def _unit(
    channels_in: int, channels_out: int, inputs: Values, vocabulary: Vocabulary, spike_first: bool, init: Init
) -> Unit:
    linear = Linear(channels_in, channels_out, inputs=vocabulary.spikes if spike_first else inputs, init=init)
    norm, neuron = vocabulary.build_norm(channels_out), vocabulary.build_neuron()
    if spike_first:
        return Unit(neuron=neuron, linear=linear, norm=norm)
    return Unit(linear=linear, norm=norm, neuron=neuron)
