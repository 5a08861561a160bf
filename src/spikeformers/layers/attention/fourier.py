"""The Fourier mixer: the real part of the discrete Fourier transform of the tokens."""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.attention.transforms import Transform, TransformMixer
from spikeformers.layers.unit import unit_inputs
from spikeformers.layers.values import REAL

Over = Literal["tokens", "both"]


class FourierReal(Transform):
    """Re(F x) with F[n, m] = exp(-2 pi i n m / N): cosines, an orthogonal basis only together with the sines."""

    def transform(self, x: Tensor) -> Tensor:
        """The fast transform of half of the frequencies, O(N log N); of real numbers the other half mirrors them."""
        half = torch.fft.rfft(_wide(x), dim=self.axis).real.to(x.dtype)
        mirrored = half.narrow(self.axis, 1, (x.shape[self.axis] - 1) // 2).flip(self.axis)
        return torch.cat([half, mirrored], self.axis)

    def weights_for(self, x: Tensor) -> Tensor:
        """[N, N]."""
        return dft(x.shape[self.axis])[0]


class FourierPair(Transform):
    """Real and imaginary part of F x, one behind the other: N -> 2 N."""

    def transform(self, x: Tensor) -> Tensor:
        """The fast transform."""
        spectrum = torch.fft.fft(_wide(x), dim=self.axis)
        return torch.cat([spectrum.real, spectrum.imag], self.axis).to(x.dtype)

    def weights_for(self, x: Tensor) -> Tensor:
        """[2 N, N]."""
        return torch.cat(dft(x.shape[self.axis]))


class FourierOfPair(Transform):
    """Re(F (a + i b)) of a and b, one behind the other: 2 N -> N."""

    def transform(self, x: Tensor) -> Tensor:
        """The fast transform."""
        one, other = _wide(x).chunk(2, self.axis)
        out: Tensor = torch.fft.fft(torch.complex(one, other), dim=self.axis).real.to(x.dtype)
        return out

    def weights_for(self, x: Tensor) -> Tensor:
        """[N, 2 N]."""
        cosines, sines = dft(x.shape[self.axis] // 2)
        return torch.cat([cosines, -sines], 1)


@attention("fourier")
class FourierMixer(TransformMixer):
    """Re(F_N x) over the tokens of each time step, or Re(F_N x F_C) over tokens and channels (as FNet has it).

    Linear in x, without parameters, and as spikes go in real numbers come out, in front of the norm. "both" transforms
    the channels first: spikes reach that; what the tokens are transformed of is real.

    Args:
        plan: what it is built from; heads say nothing.
        over: "tokens" or "both".

    Raises:
        ConfigError: over is neither.
    """

    def __init__(self, plan: AttentionPlan, *, over: str = "tokens") -> None:
        if over not in get_args(Over):
            raise ConfigError(f"over must be one of {', '.join(get_args(Over))}; got {over!r}.")
        inputs = unit_inputs(plan.shortcut, plan.inputs, plan.vocabulary)
        operation: dict[str, nn.Module] = {"tokens": FourierReal(inputs)}
        if over == "both":
            operation = {
                "channels": FourierPair(inputs, axis=2),
                "beside": HalvesOfTokens(),
                "tokens": FourierOfPair(REAL),
            }
        super().__init__(plan, operation)


class HalvesOfTokens(nn.Module):
    """Two halves of the channels side by side as tokens: [T, B, 2 C, N] -> [T, B, C, 2 N]."""

    def forward(self, x: Tensor) -> Tensor:
        """As told."""
        return torch.cat(x.chunk(2, 2), -1)


@cache
def dft(size: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of F, both [N, N]; what is zero is exactly so."""
    steps = torch.arange(size)
    angles = (torch.outer(steps, steps) % size).double() * (-2 * torch.pi / size)
    real, imaginary = (torch.where(part.abs() < 1e-9, 0.0, part) for part in (angles.cos(), angles.sin()))
    return real, imaginary


def _wide(x: Tensor) -> Tensor:
    """In float32 at least: the fast transform has no narrower form on the CPU."""
    return x if x.dtype.itemsize >= 4 else x.float()
