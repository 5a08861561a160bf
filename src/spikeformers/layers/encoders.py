"""Encoders: how a static image becomes T frames, chosen by word.

Direct encoding repeats the image, and the first convolution and neuron make the spikes: what the papers do. The others
make spikes of the pixels themselves, and take intensities from 0 to 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError, UnknownNameError, suggest
from spikeformers.layers.values import BINARY, REAL, Values, integers


class Encoder(nn.Module, ABC):
    """What every encoder offers; `values` declares what its frames hold."""

    values: Values = REAL

    @abstractmethod
    def forward(self, x: Tensor, time_steps: int) -> Tensor:
        """Images [B, C, H, W] -> frames [T, B, C, H, W] in x's dtype."""


class Direct(Encoder):
    """The image again at every time step."""

    def forward(self, x: Tensor, time_steps: int) -> Tensor:
        """[B, C, H, W] -> [T, B, C, H, W], without a copy."""
        return x.expand(time_steps, *x.shape)


class IntensityEncoder(Encoder):
    """An encoder of intensities from 0 to 1; a subclass gives `spikes`."""

    def forward(self, x: Tensor, time_steps: int) -> Tensor:
        """[B, C, H, W] -> [T, B, C, H, W].

        Raises:
            InputError: an intensity below 0 or above 1.
        """
        # A compiled or exported program cannot branch on values.
        if not torch.compiler.is_compiling() and not x.is_meta and not bool(((x >= 0) & (x <= 1)).all()):
            raise InputError(
                f"{type(self).__name__.lower()} encoding takes intensities from 0 to 1, got {float(x.min()):g} to "
                f"{float(x.max()):g}. Give it unnormalised images: bytes divided by 255, normalise = false in a recipe."
            )
        return self.spikes(x, time_steps)

    @abstractmethod
    def spikes(self, x: Tensor, time_steps: int) -> Tensor:
        """Intensities [B, C, H, W] from 0 to 1 -> spikes [T, B, C, H, W]."""


class Poisson(IntensityEncoder):
    """Rate coding: at every time step a pixel fires with the probability of its intensity, independently.

    The Bernoulli approximation of a Poisson spike train. It draws from PyTorch's global generator of x's device, in
    eval mode too: two passes differ unless `torch.manual_seed` comes before each.
    """

    values = BINARY

    def spikes(self, x: Tensor, time_steps: int) -> Tensor:
        """Intensities [B, C, H, W] -> spikes [T, B, C, H, W]."""
        # In float32 whatever x is, and in one order whatever x's layout is: the same seed fires the same spikes.
        drawn = torch.rand(time_steps, *x.shape, dtype=torch.float32, device=x.device)
        return (drawn < x).to(x.dtype)


class Latency(IntensityEncoder):
    """Time to first spike: intensity x fires once, at step round((1 - x)(T - 1)); intensity 0 never fires.

    The linear intensity-to-latency code of S4NN (Kheradpisheh and Masquelier, 2020), with the time rounded to the
    nearest step, halves to even.
    """

    values = BINARY

    def spikes(self, x: Tensor, time_steps: int) -> Tensor:
        """Intensities [B, C, H, W] -> spikes [T, B, C, H, W]."""
        when = ((1 - x) * (time_steps - 1)).round().long()
        steps = torch.arange(time_steps, device=x.device).view(-1, *[1] * x.dim())
        return ((steps == when) & (x > 0)).to(x.dtype)


class Phase(IntensityEncoder):
    """Weighted spikes: the intensity's bits, most significant first, one a time step (Kim et al., 2018).

    Source: "Deep neural networks with weighted spikes", Neurocomputing 311. The intensity is cut down to 8 bits, which
    come again every 8 steps: step t carries bit k = t mod 8. What is emitted is the weighted spike, 2^-(1+k) or 0, so
    that the sum over one period is the intensity, at most 2^-8 too low; over T < 8 steps it is its first T bits. The
    bits of a byte divided by 255 are those of the byte.
    """

    period = 8
    values = integers(2 ** (period - 1), scale=2.0**-period)

    def spikes(self, x: Tensor, time_steps: int) -> Tensor:
        """Intensities [B, C, H, W] -> weighted spikes [T, B, C, H, W]."""
        level = (x * 2**self.period).floor().clamp(max=2**self.period - 1)
        phases = torch.arange(time_steps, device=x.device) % self.period
        weights = (0.5 ** (1 + phases)).to(x.dtype).view(-1, *[1] * x.dim())
        bits = (level * 2.0**-self.period / weights).floor() % 2
        weighted: Tensor = bits * weights
        return weighted


ENCODERS: dict[str, type[Encoder]] = {"direct": Direct, "poisson": Poisson, "latency": Latency, "phase": Phase}


def register_encoder(word: str, encoder: type[Encoder]) -> None:
    """Make an encoder class available to every model as the config word `encoder`.

    Args:
        word: its name in configs.
        encoder: a subclass of Encoder that is built without arguments.

    Raises:
        ConfigError: the word is taken, or the class is no Encoder.
    """
    if word in ENCODERS:
        raise ConfigError(f"an encoder {word!r} is registered already; choose another word.")
    if not (isinstance(encoder, type) and issubclass(encoder, Encoder)):
        raise ConfigError(f"the encoder {word!r} must be a subclass of spikeformers.layers.Encoder, got {encoder!r}.")
    ENCODERS[word] = encoder


def build_encoder(word: str) -> Encoder:
    """The encoder of that word.

    Raises:
        UnknownNameError: no encoder of that word.
    """
    if word not in ENCODERS:
        raise UnknownNameError(f"no encoder {word!r}.{suggest(word, ENCODERS)} Known: {', '.join(ENCODERS)}.")
    return ENCODERS[word]()
