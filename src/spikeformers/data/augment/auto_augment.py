"""AutoAugment (Cubuk et al., 2018): the policy found for ImageNet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from spikeformers.data.augment.operations import (
    OPERATIONS,
    Interpolation,
    Layer,
    augment,
    draw_interpolation,
    draw_signs,
    require_interpolation,
    require_pixels,
)
from spikeformers.errors import ConfigError, suggest

Step = tuple[str, float, int]  # operation, probability, magnitude 0 .. 9 (of no meaning where there is nothing to set)

# The 25 pairs of the paper's appendix; one of them is drawn for each image.
IMAGENET: tuple[tuple[Step, Step], ...] = (
    (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 5)),
    (("Equalize", 0.8, 8), ("Equalize", 0.6, 3)),
    (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
    (("Equalize", 0.4, 7), ("Solarize", 0.2, 4)),
    (("Equalize", 0.4, 4), ("Rotate", 0.8, 8)),
    (("Solarize", 0.6, 3), ("Equalize", 0.6, 7)),
    (("Posterize", 0.8, 5), ("Equalize", 1.0, 2)),
    (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
    (("Equalize", 0.6, 8), ("Posterize", 0.4, 6)),
    (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
    (("Rotate", 0.4, 9), ("Equalize", 0.6, 2)),
    (("Equalize", 0.0, 7), ("Equalize", 0.8, 8)),
    (("Invert", 0.6, 4), ("Equalize", 1.0, 8)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
    (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
    (("Sharpness", 0.4, 7), ("Invert", 0.6, 8)),
    (("ShearX", 0.6, 5), ("Equalize", 1.0, 9)),
    (("Color", 0.4, 0), ("Equalize", 0.6, 3)),
    (("Equalize", 0.4, 7), ("Solarize", 0.2, 4)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 5)),
    (("Invert", 0.6, 4), ("Equalize", 1.0, 8)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Equalize", 0.8, 8), ("Equalize", 0.6, 3)),
)
POLICIES = {"imagenet": IMAGENET}


@dataclass(frozen=True)
class AutoAugment:
    """Change every sample by a pair of operations drawn from a published policy.

    The magnitudes mean what torchvision takes them for: ten even steps up to 30 degrees, a shear of 0.3, a colour
    factor of 1 +- 0.9, 4 bits, or a threshold of 0.

    Args:
        policy: "imagenet".
        fill: the colour outside of the image, 0..255, one number per channel or one for all.
        interpolation: of rotation and shear.

    Called with images other than uint8, or other than 1 or 3 channels, it raises InputError.

    Raises:
        ConfigError: an unknown policy or interpolation.
    """

    policy: Literal["imagenet"] = "imagenet"
    fill: tuple[int, ...] = (0,)
    interpolation: Interpolation = "nearest"

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ConfigError(
                f"AutoAugment: there is no policy {self.policy!r}.{suggest(self.policy, POLICIES)} "
                f"The policies are {', '.join(POLICIES)}."
            )
        require_interpolation(self.interpolation, "AutoAugment")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        pairs = POLICIES[self.policy]
        require_pixels(images, (step[0] for pair in pairs for step in pair), "AutoAugment")
        return augment(images, self.draw(len(images), generator), self.fill, "AutoAugment")

    def draw(self, batch: int, generator: torch.Generator) -> Iterator[Layer]:
        """Yield the two layers of one batch."""
        pairs = POLICIES[self.policy]
        pair = torch.randint(0, len(pairs), (batch,), generator=generator)
        for place in range(2):
            happens = torch.rand(batch, generator=generator) < torch.tensor([both[place][1] for both in pairs])[pair]
            sign = draw_signs(batch, generator)
            operation = torch.tensor([OPERATIONS.index(both[place][0]) for both in pairs])[pair]
            forth, back = (
                torch.tensor([_argument(both[place][0], both[place][2], way) for both in pairs], dtype=torch.float64)
                for way in (1, -1)
            )
            argument = torch.where(sign > 0, forth[pair], back[pair])
            smooth = draw_interpolation(self.interpolation, batch, generator)
            yield Layer(torch.where(happens, operation, -1), argument, smooth)


def _argument(operation: str, magnitude: int, sign: int) -> float:
    share = magnitude / 9
    match operation:
        case "Rotate":
            return sign * 30 * share
        case "ShearX":
            return sign * 0.3 * share
        case "Color" | "Contrast" | "Sharpness":
            return 1 + sign * 0.9 * share
        case "Posterize":
            return 8 - round(4 * share)
        case "Solarize":
            return 255 - 255 * magnitude / 9
    return 0.0  # AutoContrast, Equalize, Invert
