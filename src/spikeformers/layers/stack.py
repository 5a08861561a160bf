"""A stack of transformer blocks, each told which values reach it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from torch import nn

from spikeformers.layers.attention import AttentionPlan, build_attention
from spikeformers.layers.block import Block
from spikeformers.layers.mlp import SpikingMLP
from spikeformers.layers.residual import build_join, joined_values
from spikeformers.layers.weighted import Init


def build_blocks(
    plan: AttentionPlan, drop_path: Sequence[float], *, attention: str = "ssa", mlp_ratio: float = 4.0, init: Init
) -> nn.ModuleList:
    """Blocks of self-attention and MLP over [T, B, C, ...].

    Args:
        plan: of the attentions; its `inputs` are the values of the stream before the first block.
        drop_path: stochastic depth of each block, one number per block: see `drop_path_rates`.
        attention: registered word.
        mlp_ratio: hidden channels of the MLP over C.
        init: of the MLP's linears.
    """
    shortcut, vocabulary = plan.shortcut, plan.vocabulary
    blocks = nn.ModuleList()
    values = plan.inputs
    for rate in drop_path:
        branch = build_attention(attention, replace(plan, inputs=values))
        values = joined_values(shortcut, values, vocabulary)
        mlp = SpikingMLP(
            plan.dim, int(plan.dim * mlp_ratio), inputs=values, vocabulary=vocabulary, shortcut=shortcut, init=init
        )
        values = joined_values(shortcut, values, vocabulary)
        blocks.append(Block(partial(build_join, shortcut, vocabulary, rate), attention=branch, mlp=mlp))
    return blocks
