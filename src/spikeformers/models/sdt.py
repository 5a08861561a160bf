"""Spike-driven Transformer: attention by masks on a membrane-shortcut stream.

Yao et al., "Spike-driven Transformer", NeurIPS 2023. Every branch starts with a neuron and ends in a norm, so each
weighted input but the image's is binary, and the attention (SDSA) only masks and adds. The classifier is fed spikes;
its logits of each time step (`forward_steps`) are what temporal efficient training (TET) takes.

`dvs_mode` is the form the authors train on CIFAR10-DVS, whose attention dilates spikes ("Erode"). Their code also
carries parameters it never uses (`talking_heads`, and two learned time constants with PLIF); they count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from spikeformers.layers import PatchSplitting, Shortcut, SpikingHead, Unused
from spikeformers.models.config import require
from spikeformers.models.trunk import TrunkConfig, TrunkModel, attention_blocks, attention_plan, patches


@dataclass(frozen=True, kw_only=True)
class SDTConfig(TrunkConfig):
    """Words of Spike-driven Transformer; the defaults are SDT-2-512 for CIFAR-10.

    Args:
        dvs_mode: dilate keys, values and their products in the attention (see SpikeDrivenSelfAttention).
    """

    dim: int = 512
    depth: int = 2
    heads: int = 8
    attention: str = "sdsa1"
    shortcut: Shortcut = "membrane"
    dvs_mode: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            not self.dvs_mode or self.attention == "sdsa1",
            f"dvs_mode is a form of the attention sdsa1; leave it out with {self.attention!r}.",
        )
        require(
            int(self.dim * self.mlp_ratio) != self.dim,
            "mlp_ratio 1 is not built: at hidden = dim the authors' code adds a second shortcut inside the MLP, which "
            "no published size has. Take another ratio.",
        )


class SDT(TrunkModel):
    """Spike-driven Transformer, static and DVS forms."""

    Config = SDTConfig

    def __init__(self, config: SDTConfig) -> None:
        super().__init__(config)
        vocabulary = config.vocabulary()
        self.tokenizer = patches(config, vocabulary, self.encoder.values) or PatchSplitting(
            config.in_channels,
            config.dim,
            pooling=config.pooling,
            pool_before_neuron=False,
            vocabulary=vocabulary,
            inputs=self.encoder.values,
            shortcut=config.shortcut,
            init="trunc_normal",
        )
        plan = attention_plan(
            config,
            vocabulary,
            self.tokenizer.values,
            qkv_bias=False,
            out_bias=True,
            init="trunc_normal",
            erode=config.dvs_mode,
        )
        self.blocks = attention_blocks(config, plan, "trunc_normal")
        # Behind a stream of spikes their mean is the rate that a neuron would only hide.
        neuron = vocabulary.build_neuron() if config.shortcut == "membrane" else None
        self.head = SpikingHead(config.dim, config.num_classes, neuron=neuron, init="kaiming_uniform")
        released = replace(vocabulary, dynamic_steps="none")
        if config.tokenizer == "convolutional":
            self.tokenizer.unused_neuron = Unused.like(released.build_neuron())
        for block in self.blocks if config.attention == "sdsa1" else ():
            attention = block.get_submodule("attention")
            attention.talking_heads = Unused(weight=(config.heads, config.heads, 1))
            attention.unused_neuron = Unused.like(released.build_neuron())
