"""Attention by masks: spikes let each other through, with additions only and in linear time.

SDSA-1 is the operator of Spike-driven Transformer (Yao et al., NeurIPS 2023); Meta-SpikeFormer (Yao et al., ICLR 2024)
numbers it and its relatives.
"""

from __future__ import annotations

from torch import Tensor

from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.projected import SelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.memory import Memory
from spikeformers.layers.pool import Dilate
from spikeformers.layers.weighted import Mask


class MaskAttention(SelfAttention):
    """A neuron turns counts per channel, summed over positions, into spikes that let channels of another map through.

    Args:
        plan: what it is built from; heads matter only with `erode`.
        counted: which parts are counted: one, or two whose spikes coincide.
        gated: which part the mask lets through.
    """

    takes_wide_values = False
    shown = "the spikes that pass the mask at each position, summed over all channels"

    def __init__(self, plan: AttentionPlan, *, counted: tuple[str, ...], gated: str) -> None:
        spikes = plan.vocabulary.spikes
        gate = Mask(spikes, spikes)
        super().__init__(plan, mixed=gate.values, uses=tuple(sorted({*counted, gated}, key="qkv".index)))
        self.counted, self.gated = counted, gated
        self.coincidence = Mask(spikes, spikes) if len(counted) == 2 else None
        self.neuron = plan.vocabulary.build_neuron(plan.v_threshold)
        self.gate = gate
        self.dilate = Dilate() if plan.erode else None

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] for each part -> spikes of that shape."""
        heads = {name: self.split(self._prepare(name, part)) for name, part in parts.items()}
        counted = [heads[name] for name in self.counted]
        spikes = counted[0] if self.coincidence is None else self._dilated(self.coincidence(*counted))
        # One number for each channel [T, B, C]: what a neuron takes has its channels on axis 2.
        mask = self.neuron(spikes.sum(-1).flatten(2), memory).unsqueeze(-1)
        return self.merge(self._dilated(self.gate(heads[self.gated], self.split(mask))), parts[self.gated])

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]."""
        return mixed.flatten(3).double().sum(2)

    def _prepare(self, name: str, part: Tensor) -> Tensor:
        return part if self.dilate is None or name == "q" else self.dilate(part)

    def _dilated(self, heads: Tensor) -> Tensor:
        """Over positions and channels of a head, [T, B, h, N, d] as the authors lay them out: ties go by that order."""
        return heads if self.dilate is None else self.dilate(heads.transpose(-1, -2)).transpose(-1, -2)


@attention("sdsa1")
class SpikeDrivenSelfAttention(MaskAttention):
    """SDSA-1: Q (*) SN(sum over positions of K (*) V), as the authors' code has it (Yao et al., NeurIPS 2023).

    Their text is reported to form the mask from Q and K; the three projections are alike, so that is the same operator
    with other names, and checkpoints follow the code.

    With `erode` (the DVS form) keys and values are max-pooled 3x3 over the map, and both products 3x3 over (position,
    channel within the head): an accident of the authors' memory layout that their weights depend on. There, and only
    there, the number of heads matters.
    """

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__(plan, counted=("k", "v"), gated="q")


@attention("sdsa2")
class QueryMaskAttention(MaskAttention):
    """SDSA-2: SN(sum over positions of Q) (*) V, without keys.

    The formula is not certain: no code was released, and secondary descriptions only say that it drops one of Q, K and
    V and keeps the mask form of SDSA-1 (Yao et al., ICLR 2024).
    """

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__(plan, counted=("q",), gated="v")
