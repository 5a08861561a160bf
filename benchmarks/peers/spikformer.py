"""Spikformer (Zhou et al., ICLR 2023) on SpikingJelly's neurons: separate Q, K, V, neurons in front of pools, biases.

Its two forms compute in the layouts and in the order they are described in: linears on [T, B, N, C] and (Q K^T) V for
CIFAR, 1x1 convolutions on [T, B, C, N] and Q (K^T V) for ImageNet.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from benchmarks.peers.parts import lif, over_frames, renamed, repeated
from spikeformers.models.spikformer import SpikformerConfig


class Stage(nn.Module):
    """Convolution, norm, neuron and perhaps a pool."""

    def __init__(self, channels_in: int, channels_out: int, *, pool: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.lif = lif()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1) if pool else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.lif(over_frames(x, self.conv, self.norm))
        return x if self.pool is None else over_frames(x, self.pool)


class Linear(nn.Module):
    """Linear, norm, neuron on tokens [T, B, N, C]."""

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(channels_in, channels_out, bias=bias)
        self.norm = nn.BatchNorm1d(channels_out)
        self.lif = lif()

    def forward(self, x: Tensor) -> Tensor:
        T, B, N, _ = x.shape
        y = self.linear(x.flatten(0, 1))
        y = self.norm(y.transpose(-1, -2)).transpose(-1, -2).reshape(T, B, N, -1).contiguous()
        return self.lif(y)


class Convolution(nn.Module):
    """1x1 convolution, norm, neuron on tokens [T, B, C, N]."""

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels_in, channels_out, 1, bias=bias)
        self.norm = nn.BatchNorm1d(channels_out)
        self.lif = lif()

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(over_frames(x, self.linear, self.norm))


class Block(nn.Module):
    """Spiking self-attention and MLP; their spikes are added to the stream (SEW)."""

    def __init__(self, config: SpikformerConfig) -> None:
        super().__init__()
        dim, hidden = config.dim, int(config.dim * config.mlp_ratio)
        self.heads, self.scale = config.heads, config.attention_scale
        self.tokens_last = config.projection == "convolution"
        part = Convolution if self.tokens_last else Linear
        self.q, self.k, self.v = (part(dim, dim, bias=not self.tokens_last) for _ in range(3))
        self.attention_lif = lif(config.attention_v_threshold)
        self.projection = part(dim, dim)
        self.expand, self.contract = part(dim, hidden), part(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._attention(x)
        return x + self.contract(self.expand(x))

    def _attention(self, x: Tensor) -> Tensor:
        q, k, v = (self._by_head(part(x)) for part in (self.q, self.k, self.v))  # [T, B, heads, N, C / heads]
        if self.tokens_last:
            y = (q @ (k.transpose(-2, -1) @ v) * self.scale).transpose(-2, -1)
        else:
            y = ((q @ k.transpose(-2, -1)) * self.scale @ v).transpose(2, 3)
        return self.projection(self.attention_lif(y.reshape(x.shape).contiguous()))

    def _by_head(self, x: Tensor) -> Tensor:
        T, B, *_ = x.shape
        if self.tokens_last:
            y = x.reshape(T, B, self.heads, -1, x.shape[-1]).transpose(-2, -1)
        else:
            y = x.reshape(T, B, x.shape[2], self.heads, -1).transpose(2, 3)
        return y.contiguous()


class Spikformer(nn.Module):
    """The network that our config describes; images [B, C, H, W] -> logits [B, K]."""

    def __init__(self, config: SpikformerConfig) -> None:
        super().__init__()
        dim = config.dim
        widths = [config.in_channels, dim // 8, dim // 4, dim // 2, dim]
        pools = [word == "1" for word in config.pooling]
        self.time_steps = config.time_steps
        self.tokens_last = config.projection == "convolution"
        self.stages = nn.Sequential(
            *(Stage(widths[i], widths[i + 1], pool=pool) for i, pool in enumerate(pools)),
        )
        self.position = Stage(dim, dim, pool=False)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.head = nn.Linear(dim, config.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(repeated(x, self.time_steps))
        x = (x + self.position(x)).flatten(-2)  # [T, B, C, N]
        x = self.blocks(x).mean(-1) if self.tokens_last else self.blocks(x.transpose(-1, -2)).mean(2)
        return self.head(x).mean(0)


_WORDS = {r"^tokenizer\.": "", r"\.attention\.": ".", r"\.mlp\.": ".", r"^head\.linear\.": "head."}


def from_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters and statistics of our Spikformer under the peer's names; without biases on q it has convolutions."""
    found = renamed(state, _WORDS)
    if "blocks.0.q.linear.bias" in found:
        return found
    return {name: x.unsqueeze(-1) if name.endswith(".linear.weight") else x for name, x in found.items()}
