"""Meta-SpikeFormer (Yao et al., ICLR 2024) on SpikingJelly's neurons: membrane shortcut, SDSA-3 of RepConvs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.parts import lif, over_frames, renamed, repeated
from spikeformers.models.meta_spikeformer import MetaSpikeFormerConfig


class Down(nn.Module):
    """A convolution with bias and its norm, behind a neuron except on images."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, *, fires: bool) -> None:
        super().__init__()
        self.lif = lif() if fires else nn.Identity()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return over_frames(self.lif(x), self.conv, self.norm)


class ConvBlock(nn.Module):
    """A separable convolution of 7 x 7, then two of 3 x 3, each pair on the stream of membrane potentials."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.lif1, self.lif2, self.lif3, self.lif4 = (lif() for _ in range(4))
        self.pointwise1 = nn.Conv2d(dim, 2 * dim, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(2 * dim)
        self.depthwise = nn.Conv2d(2 * dim, 2 * dim, 7, padding=3, groups=2 * dim, bias=False)
        self.pointwise2 = nn.Conv2d(2 * dim, dim, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(dim)
        self.conv1 = nn.Conv2d(dim, 4 * dim, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(4 * dim)
        self.conv2 = nn.Conv2d(4 * dim, dim, 3, padding=1, bias=False)
        self.norm4 = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor) -> Tensor:
        y = over_frames(self.lif1(x), self.pointwise1, self.norm1)
        x = x + over_frames(self.lif2(y), self.depthwise, self.pointwise2, self.norm2)
        y = over_frames(self.lif3(x), self.conv1, self.norm3)
        return x + over_frames(self.lif4(y), self.conv2, self.norm4)


class Padded(nn.Module):
    """A norm whose map gets a border of what it makes of zero, by the running statistics and without a gradient."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor) -> Tensor:
        norm, y = self.norm, self.norm(x)
        zero = norm.bias.detach() - norm.running_mean * norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
        outside = F.pad(y.new_zeros(y.shape[-2:]), (1, 1, 1, 1), value=1.0)
        return F.pad(y, (1, 1, 1, 1)) + outside * zero.to(y.dtype).view(-1, 1, 1)


def rep_conv(dim: int) -> nn.Sequential:
    """RepConv and the norm behind it."""
    return nn.Sequential(
        nn.Conv2d(dim, dim, 1, bias=False),
        Padded(dim),
        nn.Conv2d(dim, dim, 3, groups=dim, bias=False),
        nn.Conv2d(dim, dim, 1, bias=False),
        nn.BatchNorm2d(dim),
        nn.BatchNorm2d(dim),
    )


class Block(nn.Module):
    """SDSA-3 and MLP on the stream of membrane potentials."""

    def __init__(self, dim: int, config: MetaSpikeFormerConfig) -> None:
        super().__init__()
        hidden = int(dim * config.mlp_ratio)
        self.heads, self.scale = config.heads, config.attention_scale
        self.lif, self.lif1, self.lif2 = (lif() for _ in range(3))
        self.q, self.k, self.v, self.projection = (rep_conv(dim) for _ in range(4))
        self.q_lif, self.k_lif, self.v_lif = (lif() for _ in range(3))
        self.attention_lif = lif(config.attention_v_threshold)
        self.expand = nn.Sequential(nn.Conv1d(dim, hidden, 1), nn.BatchNorm1d(hidden))
        self.contract = nn.Sequential(nn.Conv1d(hidden, dim, 1), nn.BatchNorm1d(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._attention(self.lif(x))
        tokens = over_frames(self.lif1(x.flatten(3)), self.expand)
        return x + over_frames(self.lif2(tokens), self.contract).reshape(x.shape)

    def _attention(self, x: Tensor) -> Tensor:
        projections = ((self.q, self.q_lif), (self.k, self.k_lif), (self.v, self.v_lif))
        q, k, v = (self._by_head(fire(over_frames(x, part))) for part, fire in projections)
        y = q @ (k.transpose(-2, -1) @ v) * self.scale  # [T, B, heads, N, C / heads]
        y = self.attention_lif(y.transpose(-2, -1).reshape(*x.shape[:3], -1)).reshape(x.shape)
        return over_frames(y, self.projection)

    def _by_head(self, x: Tensor) -> Tensor:
        T, B, C, H, W = x.shape
        return x.reshape(T, B, self.heads, C // self.heads, H * W).transpose(-2, -1)


class MetaSpikeFormer(nn.Module):
    """The network that our config describes; images [B, C, H, W] -> logits [B, K]."""

    def __init__(self, config: MetaSpikeFormerConfig) -> None:
        super().__init__()
        self.time_steps = config.time_steps
        stages, widths = [], [config.in_channels, *config.widths]
        for i, (channels_in, dim) in enumerate(pairwise(widths)):
            down = Down(channels_in, dim, 3 if i else 7, 1 if i == 4 else 2, fires=i > 0)
            blocks = [Block(dim, config) if i > 2 else ConvBlock(dim) for _ in range(config.depths_by_stage[i])]
            stages.append(nn.Sequential(down, nn.Sequential(*blocks)))
        self.stages = nn.Sequential(*stages)
        self.lif = lif()
        self.head = nn.Linear(widths[-1], config.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(repeated(x, self.time_steps))
        return self.head(self.lif(x.flatten(3).mean(-1))).mean(0)


_WORDS = {
    r"\.downsampling\.": ".0.",
    r"\.blocks\.": ".1.",
    # Convolutional blocks.
    r"\.convolution\.units\.0\.conv\.": ".pointwise1.",
    r"\.convolution\.units\.0\.norm\.": ".norm1.",
    r"\.convolution\.units\.1\.depthwise\.": ".depthwise.",
    r"\.convolution\.units\.1\.conv\.": ".pointwise2.",
    r"\.convolution\.units\.1\.norm\.": ".norm2.",
    r"\.mlp\.expand\.conv\.": ".conv1.",
    r"\.mlp\.contract\.conv\.": ".conv2.",
    r"^(stages\.[012]\..*)\.mlp\.expand\.norm\.": r"\1.norm3.",
    r"^(stages\.[012]\..*)\.mlp\.contract\.norm\.": r"\1.norm4.",
    # Transformer blocks.
    r"\.attention\.(q|k|v|projection)\.conv\.expand\.": r".\1.0.",
    r"\.attention\.(q|k|v|projection)\.conv\.norm\.": r".\1.1.norm.",
    r"\.attention\.(q|k|v|projection)\.conv\.depthwise\.": r".\1.2.",
    r"\.attention\.(q|k|v|projection)\.conv\.contract\.": r".\1.3.",
    r"\.attention\.(q|k|v|projection)\.conv\.out_norm\.": r".\1.4.",
    r"\.attention\.(q|k|v|projection)\.norm\.": r".\1.5.",
    r"\.mlp\.(expand|contract)\.linear\.": r".\1.0.",
    r"\.mlp\.(expand|contract)\.norm\.": r".\1.1.",
    r"^head\.linear\.": "head.",
}


def from_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters and statistics of our Meta-SpikeFormer under the peer's names; linears become 1x1 convolutions."""
    found = renamed(state, _WORDS)
    over_tokens = [name for name, x in found.items() if name.endswith(".0.weight") and x.dim() == 2]
    return {**found, **{name: found[name].unsqueeze(-1) for name in over_tokens}}
