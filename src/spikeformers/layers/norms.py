"""Normalisation over [T, B, C, ...], chosen by word."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spikeformers.errors import ConfigError
from spikeformers.layers.frames import over_frames
from spikeformers.layers.op_spec import ElementSpec
from spikeformers.layers.words import build_from_word


class BatchNorm(_BatchNorm):
    """Batch normalisation of each channel over time, batch and positions together (eps 1e-5, momentum 0.1)."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any [T, B, C, ...] will do."""

    def forward(self, input: Tensor) -> Tensor:
        """[T, B, C, ...] -> the same."""
        T, B, C = input.shape[:3]
        if input.dim() == 4 and input.stride(2) == 1:
            # Tokens with channels innermost are rows of a matrix [T B N, C]: torch has a fast path for that form only.
            rows = super().forward(input.transpose(-1, -2).reshape(-1, C))
            return rows.reshape(T, B, -1, C).transpose(-1, -2)
        return over_frames(super().forward, input)

    def element_spec(self) -> ElementSpec:
        """The norm."""
        return ElementSpec(kind="norm")

    @torch.no_grad()
    def at_zero(self) -> Tensor:
        """What eval mode makes of zero [C]: bias - running_mean weight / sqrt(running_var + eps)."""
        assert self.running_mean is not None
        assert self.running_var is not None
        return self.bias - self.running_mean * self.weight / torch.sqrt(self.running_var + self.eps)


NORMS: dict[str, Callable[[int], nn.Module]] = {"batch_norm": BatchNorm}


def register_norm(word: str, build: Callable[[int], nn.Module]) -> None:
    """Make a norm available to every model as the config word `norm`.

    Args:
        word: its name in configs.
        build: channels -> module over [T, B, C, ...]; `OverFrames` makes one of an ordinary module.

    Raises:
        ConfigError: the word is taken.
    """
    if word in NORMS:
        raise ConfigError(f"a norm {word!r} is registered already; choose another word.")
    NORMS[word] = build


def build_norm(word: str, channels: int) -> nn.Module:
    """The norm of that word for [T, B, channels, ...].

    Raises:
        UnknownNameError: no norm of that word.
    """
    return build_from_word(word, NORMS, "norm", channels)
