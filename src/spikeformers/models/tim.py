"""The released TIM: Spikformer for event frames with the Temporal Interaction Module in its attentions.

Shen et al., "TIM: An Efficient Temporal Interaction Module for Spiking Transformer", IJCAI 2024. The module itself is
the word `interaction` of every family (see `layers.attention.interaction`); here is what their code has besides. No
gradient goes through time (`detach_membrane`), and their files carry parameters that take no part: two norms in each
block, a neuron that is never called, and constants of every neuron. They count, and leave with the model.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikeformers.layers import LIF, Constants, Neuron, PatchSplitting, Unused
from spikeformers.models.trunk import ProductTrunkConfig, ProductTrunkModel
from spikeformers.ops import Surrogate


@dataclass(frozen=True, kw_only=True)
class TIMConfig(ProductTrunkConfig):
    """Words of TIM; the defaults are TIM-2-256 for CIFAR10-DVS with the thresholds that the authors intend."""

    in_channels: int = 2
    image_size: tuple[int, int] = (64, 64)
    time_steps: int = 10
    dim: int = 256
    depth: int = 2
    heads: int = 16
    attention_scale: float = 0.25
    pooling: str = "1111"
    interaction: str = "tim"
    detach_membrane: bool = True


class TIM(ProductTrunkModel):
    """Spikformer's event form, with the interaction and without a bias behind its attention."""

    Config = TIMConfig

    def __init__(self, config: TIMConfig) -> None:
        super().__init__(config, PatchSplitting, qkv_bias=False, out_bias=False, init="kaiming_uniform")
        surrogate = config.vocabulary().surrogate
        for _, neuron in list(self.named_neurons()):
            neuron.constants = _constants(neuron, surrogate)
        for block in self.blocks:
            for name in ("norm1", "norm2"):
                block.add_module(name, Unused(weight=(config.dim,), bias=(config.dim,)))
            attention = block.get_submodule("attention")
            attention.unused_neuron = _constants(config.vocabulary().build_neuron(), surrogate)


def _constants(neuron: Neuron, surrogate: Surrogate) -> Constants:
    """The threshold and slope that their neurons keep as parameters: those of this neuron, for whoever reads them."""
    constants = Constants(threshold=neuron.dynamics.v_threshold if isinstance(neuron, LIF) else 0.0)
    constants.act_fun = Constants(alpha=surrogate.slope)
    return constants
