"""Q-K token attention: a gate for every token of a head, made of its queries, lets its keys through.

Of the first stages of QKFormer (Zhou et al., NeurIPS 2024): additions only, without values and without products of
tokens with tokens, so that its cost grows linearly with their number.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.projected import SelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.memory import Memory
from spikeformers.layers.weighted import Mask


@attention("qk_token")
class QKTokenAttention(SelfAttention):
    """SN(sum of Q over the channels of a head) (*) K: no scale, and one spike for all channels of a token and head.

    Args:
        plan: what it is built from; keys stand for values, so that `value_dim` says nothing.
    """

    shown = "the number of heads whose gate lets the key at each position through"

    def __init__(self, plan: AttentionPlan) -> None:
        spikes = plan.vocabulary.spikes
        gate = Mask(spikes, spikes)
        super().__init__(replace(plan, value_dim=None), mixed=gate.values, uses=("q", "k"))
        self.neuron = plan.vocabulary.build_neuron(plan.v_threshold)
        self.gate = gate

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] twice -> spikes of that shape."""
        gates = self.neuron(self._counts(parts["q"]), memory).unsqueeze(3)  # [T, B, h, 1, N]
        return self.merge(self.gate(gates, self.split(parts["k"])), parts["k"])

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]: the gates run once more, past whatever watches them, since silent keys hide them in `mixed`."""
        return self.neuron.forward(self._counts(parts["q"])).double().sum(2)

    def _counts(self, q: Tensor) -> Tensor:
        """Spikes of each token and head, [T, B, h, N]: what a neuron takes has its channels, here heads, on axis 2."""
        return self.split(q).sum(3)
