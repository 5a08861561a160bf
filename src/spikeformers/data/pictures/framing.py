"""How pictures of any size become images of one size, as torchvision's transforms of Pillow pictures do it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from spikeformers.data.pictures.decoding import MODES, to_pixels
from spikeformers.errors import ConfigError, suggest

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
ATTEMPTS = 10

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


@dataclass(frozen=True, kw_only=True)
class Framing:
    """From a picture to `[channels, *image_size]`.

    At evaluation the picture is shrunk or enlarged, its proportions kept, until it just covers `image_size / crop_pct`
    (rounded down), and the centre is cut out: torchvision's Resize of the shorter side and CenterCrop, with the sizes
    timm gives them. With `scale`, the training pictures are cut at random instead, as torchvision's RandomResizedCrop
    cuts. Where nothing has to be resized, cut or converted, pixels stay as they are.

    Attributes:
        image_size: height and width.
        channels: 1 for grey (ITU-R 601 luma), 3 for colour.
        crop_pct: the share of the covered length that remains, above 0, at most 1.
        interpolation: "bilinear" or "bicubic", both with antialiasing.
        scale: least and greatest share of the picture's area a random crop has; None: no random crops.
        ratio: least and greatest width / height of a random crop.

    Raises:
        ConfigError: a value outside its range.
    """

    image_size: tuple[int, int]
    channels: int
    crop_pct: float = 1.0
    interpolation: str = "bicubic"
    scale: tuple[float, float] | None = None
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        if len(self.image_size) != 2 or min(self.image_size) < 1:
            raise ConfigError(f"image_size is {self.image_size}; give height and width, each 1 pixel or more.")
        if self.channels not in MODES:
            raise ConfigError(
                f"Pictures are framed with 1 channel (grey) or 3 (colour), but {self.channels} were asked for. "
                "A model of event frames cannot read pictures."
            )
        if not 0 < self.crop_pct <= 1:
            raise ConfigError(f"crop_pct is {self.crop_pct}; it must be above 0 and at most 1.")
        if self.interpolation not in FILTERS:
            raise ConfigError(
                f"There is no interpolation '{self.interpolation}'.{suggest(self.interpolation, FILTERS)} "
                f"Known are: {', '.join(FILTERS)}."
            )
        if self.scale is not None and not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ConfigError(f"scale is {self.scale}; give two shares above 0 and at most 1, the smaller one first.")
        if not 0 < self.ratio[0] <= self.ratio[1] < math.inf:
            raise ConfigError(f"ratio is {self.ratio}; give two numbers above 0, the smaller one first.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.channels, *self.image_size

    def at_evaluation(self) -> Framing:
        """Return the same framing without random crops."""
        return self if self.scale is None else replace(self, scale=None)

    def keeps(self, shape: tuple[int, int, int]) -> bool:
        """Return whether images of this shape (C, H, W) stay as they are, pixel for pixel."""
        return self.scale is None and shape == self.shape and self._covered() == self.image_size

    def __call__(self, picture: Image.Image, generator: torch.Generator | None = None) -> NDArray[np.uint8]:
        """Return the pixels `[channels, *image_size]` of one picture.

        Args:
            generator: where random crops come from; needed with `scale`.
        """
        picture = picture.convert(MODES[self.channels])
        if self.scale is None:
            return to_pixels(self._centre(picture))
        if generator is None:
            raise ValueError("random crops draw random numbers: pass a torch.Generator")
        box = random_box(picture.size, self.scale, self.ratio, generator)
        return to_pixels(self._resize(picture.crop(box), self.image_size))

    def _centre(self, picture: Image.Image) -> Image.Image:
        height, width = self._covered()
        if picture.height * width <= picture.width * height:  # the picture is the wider one: heights meet
            cover = height, height * picture.width // picture.height
        else:
            cover = width * picture.height // picture.width, width
        picture = self._resize(picture, cover)
        height, width = self.image_size
        left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
        return picture.crop((left, top, left + width, top + height))

    def _covered(self) -> tuple[int, int]:
        height, width = self.image_size
        return math.floor(height / self.crop_pct), math.floor(width / self.crop_pct)

    def _resize(self, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        height, width = size
        if picture.size == (width, height):
            return picture
        return picture.resize((width, height), FILTERS[self.interpolation])


def random_box(
    size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float], generator: torch.Generator
) -> Box:
    """Draw the box of a random resized crop.

    The numbers are drawn in torchvision's order and precision, so that a generator in the state of torch's global one
    gives torchvision's box. What does not fit into the picture is drawn anew, ten times at most; then the largest
    central part whose proportions lie within `ratio` is taken.

    Args:
        size: width and height of the picture.
    """
    width, height = size
    least, greatest = torch.log(torch.tensor(ratio)).tolist()
    for _ in range(ATTEMPTS):
        area = width * height * torch.empty(1).uniform_(*scale, generator=generator).item()
        proportion = torch.exp(torch.empty(1).uniform_(least, greatest, generator=generator)).item()
        w, h = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
        if 0 < w <= width and 0 < h <= height:
            top = int(torch.randint(0, height - h + 1, (1,), generator=generator))
            left = int(torch.randint(0, width - w + 1, (1,), generator=generator))
            return left, top, left + w, top + h
    w, h = min(width, round(height * ratio[1])), min(height, round(width / ratio[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
