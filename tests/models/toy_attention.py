"""A toy attention: what channels are about is decided by vote, and each position keeps what agrees with the vote."""

from __future__ import annotations

from torch import Tensor

from spikeformers.layers import AttentionPlan, Mask, Memory, SelfAttention, attention


@attention("vote")
class VoteAttention(SelfAttention):
    """V masked by neuron(mean of K over positions / share): a channel passes where a share of the positions has a key.

    Args:
        plan: what it is built from.
        share: of the positions with a key, that drives the neuron to its threshold in the long run.
    """

    shown = "the spikes that pass the vote at each position, summed over all channels"
    takes_wide_values = False  # keys and values meet channel by channel

    def __init__(self, plan: AttentionPlan, *, share: float = 0.25) -> None:
        spikes = plan.vocabulary.spikes
        gate = Mask(spikes, spikes)  # a product of activations is a leaf that says what it expects
        super().__init__(plan, mixed=gate.values, uses=("k", "v"))
        self.gate = gate
        self.neuron = plan.vocabulary.build_neuron(plan.v_threshold)
        self.drive = plan.v_threshold / share

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] twice -> spikes of that shape."""
        k, v = parts["k"].flatten(3), parts["v"]
        vote = self.neuron(k.mean(-1) * self.drive, memory)  # [T, B, C]
        out: Tensor = self.gate(v, vote.view(*vote.shape, *[1] * (v.dim() - 3)))
        return out

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]."""
        return mixed.flatten(3).double().sum(2)
