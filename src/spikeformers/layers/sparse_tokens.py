"""Anchor-token sparsification: blocks run on the tokens that are most like the mean of their time step.

After STATA (Zhuge et al., "Towards Efficient Spiking Transformer: a Token Sparsification Framework for Training and
Inference Acceleration", ICML 2024), whose criteria are known from its abstract only: the form is derived. The anchor of
a sample's time step is its mean token, the score of a token its inner product with the anchor, on the stream in front
of the blocks. The derived form standardises the scores over the tokens of a step; that does not change their order,
which is all that is used, and is left out, as is dividing the sum of tokens by their number. Its losses that align
attention maps are not built.

Neurons keep the state of every position. What reaches them are the currents of the chosen tokens; those of the others
are zero at that step, so that their potentials decay.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from spikeformers.layers.memory import Chosen, Memory, streaming
from spikeformers.layers.neurons import Neuron
from spikeformers.layers.neurons.extended import ExtendedNeuron


@torch.no_grad()
def choose_tokens(x: Tensor, share: float) -> Chosen:
    """Choose ceil(share N) of the tokens of each sample and time step; of equal ones those that come first.

    Args:
        x: [T, B, C, N].
        share: above 0, up to 1.
    """
    # Sums, not means, in float32 or wider: of a stream of integers they are exact, and ties the same in a stream.
    wide = x if x.dtype.itemsize >= 4 else x.float()
    scores = (wide * wide.sum(-1, keepdim=True)).sum(2)  # [T, B, N]
    kept = math.ceil(round(share * x.shape[-1], 6))
    best = torch.sort(scores, dim=-1, descending=True, stable=True).indices[..., :kept]
    return Chosen(best.sort(-1).values, x.shape[-1])


def gather_tokens(x: Tensor, chosen: Chosen) -> Tensor:
    """[T, B, C, N] -> [T, B, C, K]."""
    # As rows, channels innermost: linears and norms take them without a copy.
    return x.transpose(2, 3).gather(2, _index(x, chosen)).transpose(2, 3)


def scatter_tokens(tokens: Tensor, chosen: Chosen, x: Tensor) -> Tensor:
    """Tokens [T, B, C, K] back into x [T, B, C, N], whose others stay as they are."""
    return x.transpose(2, 3).scatter(2, _index(x, chosen), tokens.transpose(2, 3).to(x.dtype)).transpose(2, 3)


def _index(x: Tensor, chosen: Chosen) -> Tensor:
    return chosen.index.unsqueeze(3).expand(-1, -1, -1, x.shape[2])


class ChoosesTokens(ExtendedNeuron):
    """Base of neurons that may be given the currents of some of the tokens."""


def at_chosen_tokens(neuron: Neuron) -> Neuron:
    """Change a neuron in place: given the currents of chosen tokens it keeps the states of all of them.

    It keeps its name, its parameters and its class as a base. Currents without an axis of tokens, as those of a mask
    per channel, pass as they do without. What it would have done from rest (`potentials`, `reset_spikes`) is not known
    without the positions: None.
    """
    neuron.__class__ = _at_chosen_tokens(type(neuron))
    return neuron


@cache
def _at_chosen_tokens(kind: type[Neuron]) -> type[Neuron]:
    class AtChosenTokens(ChoosesTokens, kind):  # type: ignore[misc, valid-type]
        made = (_at_chosen_tokens, kind)

        def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
            chosen = None if memory is None else memory.chosen
            stream = memory if streaming(memory) else None
            if chosen is None or x.dim() != 4 or x.shape[-1] != chosen.index.shape[-1]:
                out: Tensor = kind.forward(self, x, stream)
                return out
            T, B, C = x.shape[:3]
            silent = x.new_zeros(T, B, chosen.tokens, C).transpose(2, 3)
            return gather_tokens(kind.forward(self, scatter_tokens(x, chosen, silent), stream), chosen)

        def reset_spikes(self, x: Tensor) -> Tensor | None:
            return None

        def potentials(self, x: Tensor) -> Tensor | None:
            return None

    AtChosenTokens.__name__ = AtChosenTokens.__qualname__ = f"{kind.__name__}AtChosenTokens"
    return AtChosenTokens
