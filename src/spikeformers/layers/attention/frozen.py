"""Frozen random attention: the control that says how much of an attention's worth is its attending."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.projected import SelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.memory import Memory
from spikeformers.layers.values import BINARY
from spikeformers.layers.weighted import MatrixProduct

_BITS = 32


@attention("frozen")
class FrozenAttention(SelfAttention):
    """neuron(scale R V): R is a random map of 0 and 1 for each head, drawn once, and nobody learns it.

    Additions only, and the same R for every sample and time step, whatever they hold: only values and the projection
    back are learned. That such a map costs little accuracy on CIFAR-10 is reported of STEP, known here from secondary
    sources only; what its map is drawn from is not, so that this form is ours.

    A seed, drawn where the model is built and kept in its checkpoint, gives R[h, n, m] for any number of tokens; the
    map of fewer tokens is the corner of that of more. R V has the mean density N r_v of firing rates r_v, and SSA's
    Q K^T V, of d channels a head, d r_q r_k N r_v: the same density means the same current at the same scale. At 16
    channels a head the default is SSA's at rates of queries and keys of 0.18.

    Args:
        plan: what it is built from.
        density: probability with which a token reaches another.

    Raises:
        ConfigError: density is no probability above 0.
    """

    twin = None
    shown = "the number of tokens, summed over heads, that the frozen map leads the value at each position to"

    def __init__(self, plan: AttentionPlan, *, density: float = 0.5) -> None:
        if not 0 < density <= 1:
            raise ConfigError(f"density is the probability of a connection, above 0 and up to 1; got {density}.")
        spikes = plan.vocabulary.spikes
        super().__init__(plan, mixed=spikes, uses=("v",))
        self.density = density
        self.register_buffer("seed", torch.randint(2**_BITS, ()))
        self.neuron = plan.vocabulary.build_neuron(plan.v_threshold)
        self.product = MatrixProduct(spikes, BINARY, scale=plan.scale)

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] -> spikes of that shape."""
        v = self.split(parts["v"])
        mixed = self.product(v, self.map(v.shape[-1]).to(v.dtype).transpose(-1, -2))
        out: Tensor = self.neuron(self.merge(mixed, parts["v"]), memory)
        return out

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N], the same for every time step and sample."""
        return self.map(mixed.shape[3:].numel()).double().sum((0, 1)).expand(*mixed.shape[:2], -1)

    def map(self, tokens: int) -> Tensor:
        """R of that many tokens, [heads, N, N], to by from, of truth values."""
        assert isinstance(self.seed, Tensor)
        heads, positions = (torch.arange(count, device=self.seed.device) for count in (self.heads, tokens))
        rows = _hashed(_hashed(self.seed ^ heads).unsqueeze(-1) ^ positions)  # [heads, N]
        reached: Tensor = _hashed(rows.unsqueeze(-1) ^ positions) < self.density * 2**_BITS
        return reached

    def extra_repr(self) -> str:
        """Its option."""
        return f"density={self.density:g}"


def _hashed(x: Tensor) -> Tensor:
    """Whole numbers below 2^32 -> others, as if drawn: the last step of MurmurHash3 (Appleby, public domain).

    The same on every machine and in an exported program, which a generator of random numbers is not.
    """
    last = 2**_BITS - 1
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & last
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & last
    return x ^ (x >> 16)
