"""A model that is looked at through pixels: what it says about pictures, before and after something went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from spikeformers.data import normalise
from spikeformers.errors import InputError


@dataclass(frozen=True, eq=False)
class Victim:
    """A model in eval mode and its normalisation.

    Args:
        model: takes normalised pictures [B, C, H, W], or frames [B, T, C, H, W], returns logits [B, K].
        mean, std: per channel, of pixels scaled to 0..1.
        weights: take the place of parameters of these names.
    """

    model: nn.Module
    mean: Sequence[float]
    std: Sequence[float]
    weights: dict[str, Tensor] | None = None

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        parameter = next(self.model.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def logits(self, pixels: Tensor) -> Tensor:
        """Pixels 0..255, uint8 or float [B, C, H, W], or frames [B, T, C, H, W] -> logits [B, K] on the model's device.

        Raises:
            InputError: the model returns something else.
        """
        x = normalise(pixels.to(self.device), self.mean, self.std)
        out: Any = functional_call(self.model, self.weights, (x,)) if self.weights else self.model(x)
        if not isinstance(out, Tensor) or out.dim() != 2 or len(out) != len(x):
            what = list(out.shape) if isinstance(out, Tensor) else f"a {type(out).__name__}"
            raise InputError(
                f"{type(self.model).__name__} returned {what} of {len(x)} pictures; expected logits [B, K], a row for "
                "each. Wrap it in a module that returns them."
            )
        return out

    @torch.no_grad()
    def right(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """Which pictures get their label, bool [B] on the CPU."""
        return self.logits(pixels).argmax(1).cpu() == labels.cpu()
