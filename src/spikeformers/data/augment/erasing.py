"""Random erasing (Zhong et al., 2017) of normalised images, by timm's rule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from spikeformers.data.augment.compose import as_frames, require_probability
from spikeformers.errors import ConfigError, InputError, suggest

ATTEMPTS = 10
MODES = ("const", "pixel")


@dataclass(frozen=True)
class RandomErasing:
    """Erase a rectangle of every sample with the given probability, the same in all its time steps.

    Area and aspect ratio (height over width, evenly on a logarithmic scale) are drawn up to ten times, until the
    rectangle is lower and narrower than the image; then its place is drawn.

    Args:
        probability: share of the samples that are erased.
        mode: "const" writes 0, which is the mean of normalised images; "pixel" writes normal noise.
        area: smallest and largest area, as a share of the image.
        aspect: smallest and largest aspect ratio.

    Called with images that are not float, it raises InputError.

    Raises:
        ConfigError: a value out of range, or an unknown mode.
    """

    probability: float
    mode: Literal["const", "pixel"] = field(default="const", kw_only=True)
    area: tuple[float, float] = field(default=(0.02, 1 / 3), kw_only=True)
    aspect: tuple[float, float] = field(default=(0.3, 1 / 0.3), kw_only=True)

    def __post_init__(self) -> None:
        require_probability(self.probability, "RandomErasing")
        if self.mode not in MODES:
            raise ConfigError(
                f"RandomErasing: mode is {self.mode!r}.{suggest(self.mode, MODES)} "
                f"It must be one of {', '.join(MODES)}."
            )
        if not 0.0 < self.area[0] <= self.area[1] <= 1.0:
            raise ConfigError(f"RandomErasing: area is {self.area}; it must be two shares, 0 to 1, the smaller first.")
        if not 0.0 < self.aspect[0] <= self.aspect[1] < math.inf:
            raise ConfigError(
                f"RandomErasing: aspect is {self.aspect}; it must be two numbers above 0, the smaller first."
            )

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        frames = as_frames(images, "RandomErasing")
        if not images.is_floating_point():
            raise InputError(f"RandomErasing takes float images, got {images.dtype}. Apply it after normalisation.")
        batch, _, channels, height, width = frames.shape
        boxes = self._draw_boxes(batch, height, width, generator).view(batch, 1, 1, height, width)
        written = torch.zeros(())
        if self.mode == "pixel":
            inside = boxes.expand(-1, -1, channels, -1, -1)
            written = torch.zeros(inside.shape)
            written[inside] = torch.randn(int(inside.sum()), generator=generator)
        device = images.device
        return torch.where(boxes.to(device), written.to(device, images.dtype), frames).reshape(images.shape)

    def _draw_boxes(self, batch: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """Return a mask `[B, H, W]` of the pixels to erase."""
        happens, top, left = torch.rand(3, batch, generator=generator, dtype=torch.float64)
        sizes, shapes = torch.rand(2, batch, ATTEMPTS, generator=generator, dtype=torch.float64)
        area = (self.area[0] + sizes * (self.area[1] - self.area[0])) * height * width
        low, high = math.log(self.aspect[0]), math.log(self.aspect[1])
        aspect = (low + shapes * (high - low)).exp()
        tall, wide = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
        fits = (tall < height) & (wide < width)
        first = fits.int().argmax(1, keepdim=True)
        tall, wide, fits = (values.gather(1, first).squeeze(1) for values in (tall, wide, fits))
        rows = _covers(height, top, tall)
        columns = _covers(width, left, wide)
        chosen = fits & (happens < self.probability)
        mask: Tensor = rows.unsqueeze(2) & columns.unsqueeze(1) & chosen.view(-1, 1, 1)
        return mask


def _covers(size: int, place: Tensor, length: Tensor) -> Tensor:
    """Return which pixels `[B, size]` of a side lie in a span of that length; place in [0, 1) chooses among all."""
    begin = (place * (size - length + 1)).floor().unsqueeze(1)
    pixels = torch.arange(size)
    return (pixels >= begin) & (pixels < begin + length.unsqueeze(1))
