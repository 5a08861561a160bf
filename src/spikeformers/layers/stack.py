"""Stacks of blocks: built one behind the other, each told which values reach it, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, SpikeformersError
from spikeformers.layers.attention import AttentionPlan, build_attention
from spikeformers.layers.block import Block
from spikeformers.layers.memory import Memory
from spikeformers.layers.mlp import SpikingMLP
from spikeformers.layers.op_spec import DescribesElements, DescribesItself
from spikeformers.layers.residual import Shortcut, build_join, joined_values
from spikeformers.layers.separable import SeparableConvolution
from spikeformers.layers.skips import Skips, skipped_values, skips_into
from spikeformers.layers.sparse_tokens import choose_tokens, gather_tokens, scatter_tokens
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
    skips: Skips | None = None,
    keep_tokens: float = 1.0,
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
        skips: delayed skips of the model these blocks are a part of.
        keep_tokens: share of the tokens that `run_blocks` runs them on.

    Raises:
        ConfigError: an attention cannot serve the plan, or run on chosen tokens.
    """
    skips = Skips() if skips is None else skips
    plan = replace(plan, vocabulary=replace(plan.vocabulary, chosen_tokens=keep_tokens < 1))
    shortcut, vocabulary = plan.shortcut, plan.vocabulary
    blocks = nn.ModuleList()
    values = plan.inputs
    for rate in drop_path:
        entering = skips.enter(plan.dim, values, shortcut, vocabulary)
        values = skipped_values(entering, shortcut, values, vocabulary)
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
        skips.leave(blocks[-1], entering, values)
    if keep_tokens < 1:
        check_chosen_tokens(blocks, plan, keep_tokens)
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
    skips: Skips | None = None,
) -> nn.ModuleList:
    """Blocks of separable convolution and 3x3 convolutions C -> 4C -> C over maps [T, B, C, H, W].

    Args:
        dim: channels C.
        drop_path: stochastic depth of each block.
        inputs: declared values of the stream before the first block.
        vocabulary: neuron and norm.
        shortcut: how the branches join the stream.
        kernel, split: of the separable convolution.
        skips: delayed skips of the model these blocks are a part of.
    """
    skips = Skips() if skips is None else skips
    blocks = nn.ModuleList()
    values = inputs
    for rate in drop_path:
        entering = skips.enter(dim, values, shortcut, vocabulary)
        values = skipped_values(entering, shortcut, values, vocabulary)
        convolution = SeparableConvolution(
            dim, kernel=kernel, inputs=values, vocabulary=vocabulary, shortcut=shortcut, split=split
        )
        values = joined_values(shortcut, values, vocabulary)
        mlp = SpikingMLP(
            dim, 4 * dim, inputs=values, vocabulary=vocabulary, shortcut=shortcut, init="kaiming_uniform", kernel=3
        )
        values = joined_values(shortcut, values, vocabulary)
        blocks.append(Block(partial(build_join, shortcut, vocabulary, rate), convolution=convolution, mlp=mlp))
        skips.leave(blocks[-1], entering, values)
    return blocks


def values_behind(blocks: nn.ModuleList, shortcut: Shortcut, values: Values, vocabulary: Vocabulary) -> Values:
    """The values of the stream behind these blocks, from those in front of them."""
    for block in blocks:
        values = skipped_values(skips_into(block), shortcut, values, vocabulary)
        for name, _ in block.get_submodule("joins").named_children():
            values = joined_values(shortcut, values, vocabulary, block.get_submodule(name))
    return values


def run_blocks(
    blocks: Iterable[nn.Module], x: Tensor, memory: Memory | None = None, *, keep_tokens: float = 1.0
) -> Tensor:
    """Run blocks over [T, B, C, ...] one after the other, with the skips between them.

    Args:
        blocks: of one width and map size.
        x: what the first of them takes.
        memory: of a stream.
        keep_tokens: share of the tokens of each sample and time step that they are run on; the others pass by all of
            them unchanged (see `layers.sparse_tokens`). Blocks are built for it.
    """
    if keep_tokens == 1:
        return _one_by_one(blocks, x, memory)
    tokens = x.flatten(3)
    chosen = choose_tokens(tokens, keep_tokens)
    run = _one_by_one(blocks, gather_tokens(tokens, chosen), Memory.of_tokens(chosen, memory))
    return torch.unflatten(scatter_tokens(run, chosen, tokens), 3, x.shape[3:])


def _one_by_one(blocks: Iterable[nn.Module], x: Tensor, memory: Memory | None) -> Tensor:
    blocks = list(blocks)
    sources = {index - skip.back for index, block in enumerate(blocks) for skip in skips_into(block)}
    behind: dict[int, Tensor] = {}
    for index, block in enumerate(blocks):
        for skip in skips_into(block):
            x = skip(x, behind[index - skip.back], memory)
        x = block(x, memory)
        if index in sources:
            behind[index] = x
    return x


def check_chosen_tokens(blocks: nn.ModuleList, plan: AttentionPlan, keep_tokens: float) -> None:
    """Refuse blocks that cannot run on some of the tokens.

    Args:
        blocks: just built, for that share of the tokens.
        plan: of their attentions.
        keep_tokens: the share.

    Raises:
        ConfigError: with the reason.
    """
    for name, module in blocks.named_modules():
        if (kind := _needs_a_map(module)) is not None:
            raise ConfigError(
                f"keep_tokens = {keep_tokens:g} runs blocks on tokens without a map, and the {kind} {name!r} "
                "of a block slides over one. Take another attention, or keep_tokens = 1."
            )
    x = next(blocks.parameters()).new_zeros(plan.vocabulary.time_steps, 1, plan.dim, plan.tokens)
    if x.is_meta:  # nothing can be run there, and weights with values are checked when they are built
        return
    blocks.eval()
    try:
        with torch.no_grad():
            run_blocks(blocks, x, keep_tokens=keep_tokens)
    except SpikeformersError as error:
        raise ConfigError(
            f"keep_tokens = {keep_tokens:g} gives blocks other tokens at each time step, and these cannot take that: "
            f"{error}"
        ) from error
    finally:
        blocks.train()


def _needs_a_map(module: nn.Module) -> str | None:
    """What kind of operation slides over positions, "convolution" or "pool"; None of one that does not."""
    if isinstance(module, DescribesItself):
        kind = module.op_spec().kind
        return kind if kind == "convolution" else None
    return "pool" if isinstance(module, DescribesElements) and module.element_spec().kind == "pool" else None
