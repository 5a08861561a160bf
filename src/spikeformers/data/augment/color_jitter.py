"""Random brightness, contrast, saturation and hue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.data.augment.operations import OPERATIONS, Layer, augment, require_pixels
from spikeformers.errors import ConfigError

_ORDER = ("Brightness", "Contrast", "Color", "Hue")


@dataclass(frozen=True)
class ColorJitter:
    """Change the colours of every sample, by torchvision's definition: each property once, in a random order.

    Args:
        brightness, contrast, saturation: the factor is drawn uniformly from 1 - value (at least 0) to 1 + value.
        hue: the colour wheel turns by a share drawn uniformly from -hue to hue; at most 0.5, half a turn.

    Called with images other than uint8, or other than 1 or 3 channels, it raises InputError. Grey images have no
    saturation or hue to change.

    Raises:
        ConfigError: a value out of range.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        for word in ("brightness", "contrast", "saturation"):
            if not 0.0 <= getattr(self, word) < float("inf"):
                raise ConfigError(f"ColorJitter: {word} is {getattr(self, word)}; it must be 0 or more.")
        if not 0.0 <= self.hue <= 0.5:
            raise ConfigError(f"ColorJitter: hue is {self.hue}; it must be 0 to 0.5.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        require_pixels(images, _ORDER, "ColorJitter")
        return augment(images, self.draw(len(images), generator), (0,), "ColorJitter")

    def draw(self, batch: int, generator: torch.Generator) -> Iterator[Layer]:
        """Yield the four layers of one batch; a property that never changes is left alone."""
        values = torch.tensor([self.brightness, self.contrast, self.saturation, self.hue], dtype=torch.float64)
        centre = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
        low = torch.maximum(centre - values, torch.tensor([0.0, 0.0, 0.0, -0.5], dtype=torch.float64))
        share = torch.rand(batch, 4, generator=generator, dtype=torch.float64)
        arguments = low + share * (centre + values - low)
        operations = torch.tensor([OPERATIONS.index(name) for name in _ORDER]).where(values > 0, -1)
        order = torch.rand(batch, 4, generator=generator).argsort(1)
        for turn in order.unbind(1):
            argument = arguments.gather(1, turn.unsqueeze(1)).squeeze(1)
            yield Layer(operations[turn], argument, torch.zeros_like(turn))
