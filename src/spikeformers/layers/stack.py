"""Stacks of blocks, each told which values reach it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from torch import nn

from spikeformers.layers.attention import AttentionPlan, build_attention
from spikeformers.layers.block import Block
from spikeformers.layers.mlp import SpikingMLP
from spikeformers.layers.residual import Shortcut, build_join, joined_values
from spikeformers.layers.separable import SeparableConvolution
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Init


def build_blocks(
    plan: AttentionPlan,
    drop_path: Sequence[float],
    *,
    attention: str = "ssa",
    mlp_ratio: float = 4.0,
    init: Init,
    convolution: Callable[[Values], nn.Module] | None = None,
    mlp_bias: bool = True,
) -> nn.ModuleList:
    """Blocks of self-attention and MLP over [T, B, C, ...].

    Args:
        plan: of the attentions; its `inputs` are the values of the stream before the first block.
        drop_path: stochastic depth of each block, one number per block: see `drop_path_rates`.
        attention: registered word.
        mlp_ratio: hidden channels of the MLP over C.
        init: of the MLP's linears.
        convolution: makes a branch in front of the attention from the values of the stream, where blocks have one.
        mlp_bias: whether the MLP's linears have biases.
    """
    shortcut, vocabulary = plan.shortcut, plan.vocabulary
    blocks = nn.ModuleList()
    values = plan.inputs
    for rate in drop_path:
        branches: dict[str, nn.Module] = {}
        if convolution is not None:
            branches["convolution"] = convolution(values)
            values = joined_values(shortcut, values, vocabulary, branches["convolution"])
        branches["attention"] = build_attention(attention, replace(plan, inputs=values))
        values = joined_values(shortcut, values, vocabulary)
        branches["mlp"] = SpikingMLP(
            plan.dim,
            int(plan.dim * mlp_ratio),
            inputs=values,
            vocabulary=vocabulary,
            shortcut=shortcut,
            init=init,
            bias=mlp_bias,
        )
        values = joined_values(shortcut, values, vocabulary)
        blocks.append(Block(partial(build_join, shortcut, vocabulary, rate), **branches))
    return blocks


def build_conv_blocks(
    dim: int,
    drop_path: Sequence[float],
    *,
    inputs: Values,
    vocabulary: Vocabulary,
    shortcut: Shortcut,
    kernel: int = 7,
    split: bool = False,
) -> nn.ModuleList:
    """Blocks of separable convolution and 3x3 convolutions C -> 4C -> C over maps [T, B, C, H, W].

    Args:
        dim: channels C.
        drop_path: stochastic depth of each block.
        inputs: declared values of the stream before the first block.
        vocabulary: neuron and norm.
        shortcut: how the branches join the stream.
        kernel, split: of the separable convolution.
    """
    blocks = nn.ModuleList()
    values = inputs
    for rate in drop_path:
        convolution = SeparableConvolution(
            dim, kernel=kernel, inputs=values, vocabulary=vocabulary, shortcut=shortcut, split=split
        )
        values = joined_values(shortcut, values, vocabulary)
        mlp = SpikingMLP(
            dim, 4 * dim, inputs=values, vocabulary=vocabulary, shortcut=shortcut, init="kaiming_uniform", kernel=3
        )
        values = joined_values(shortcut, values, vocabulary)
        blocks.append(Block(partial(build_join, shortcut, vocabulary, rate), convolution=convolution, mlp=mlp))
    return blocks


def values_behind(blocks: nn.ModuleList, shortcut: Shortcut, values: Values, vocabulary: Vocabulary) -> Values:
    """The values of the stream behind these blocks, from those in front of them."""
    for block in blocks:
        for name, _ in block.get_submodule("joins").named_children():
            values = joined_values(shortcut, values, vocabulary, block.get_submodule(name))
    return values
