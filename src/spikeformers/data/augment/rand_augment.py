"""RandAugment (Cubuk et al., 2019) by the rules and the config strings of timm, which the papers' recipes name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from spikeformers.data.augment.compose import require_probability
from spikeformers.data.augment.levels import FULL, FULL_INCREASING, LEVELS, REDUCED
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

WORDS = {
    "m": "the magnitude, a whole number",
    "n": "how many operations one after the other, a whole number from 1",
    "p": "the probability of each, 0 to 1",
    "mstd": "the standard deviation of the magnitude, a number or inf",
    "mmax": "the largest magnitude, a whole number from 1",
    "inc": "0 or 1: operations that all grow stronger with the magnitude",
}


@dataclass(frozen=True)
class RandAugment:
    """Change every sample by `number` operations, drawn with replacement.

    Each takes place with `probability`. Its magnitude is drawn from a normal distribution about `magnitude` with
    standard deviation `deviation` (inf: uniformly from 0 to `magnitude`) and clipped to 0 .. `limit`; at 10 a picture
    is turned by 30 degrees, sheared by 0.3, or moved by 0.45 of its size. Where it makes sense the direction is
    drawn, too.

    Args:
        operations: timm's names, see `levels.LEVELS`.
        fill: the colour outside of the image, 0..255, one number per channel or one for all. timm's recipes take the
            mean colour of the data set (`mean_colour`); the default is its grey.
        interpolation: of rotation, shear and shift; "random", timm's default, draws bilinear or bicubic.

    Called with images other than uint8, or with colour operations on other than 1 or 3 channels, it raises InputError.

    Raises:
        ConfigError: an unknown operation or interpolation, or a number out of range.
    """

    operations: tuple[str, ...] = FULL_INCREASING
    magnitude: float = 10.0
    number: int = 2
    probability: float = 0.5
    deviation: float = 0.0
    limit: float = 10.0
    fill: tuple[int, ...] = (128,)
    interpolation: Interpolation = "random"

    def __post_init__(self) -> None:
        for name in self.operations:
            if name not in LEVELS:
                raise ConfigError(
                    f"RandAugment: there is no operation {name!r}.{suggest(name, LEVELS)} "
                    f"The operations are {', '.join(LEVELS)}."
                )
        require_probability(self.probability, "RandAugment")
        require_interpolation(self.interpolation, "RandAugment")
        for word, least in (("magnitude", 0), ("number", 1), ("deviation", 0), ("limit", 0)):
            if not getattr(self, word) >= least:
                raise ConfigError(f"RandAugment: {word} is {getattr(self, word)}; it must be {least} or more.")
        if not self.operations:
            raise ConfigError("RandAugment: operations is empty; name at least one.")

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        operations: Literal["full", "reduced"] | tuple[str, ...] = "full",
        fill: tuple[int, ...] = (128,),
        interpolation: Interpolation = "random",
    ) -> RandAugment:
        """Return what a config string of timm says, such as "rand-m9-n1-mstd0.4-inc1".

        Args:
            text: "rand" and, in any order, the WORDS m, n, p, mstd, mmax and inc; those left out are m10, n2, p0.5,
                mstd0, mmax10 and inc0. As in timm, a deviation above 100 means inf.
            operations: "full": timm's 15, those of inc1 or inc0; "reduced": the 5 of Spikformer's CIFAR recipe; or
                the names themselves.
            fill, interpolation: as in the class.

        Raises:
            ConfigError: a word that is unknown, stands twice, or has no usable value; an unknown operation.
        """
        words = _read_words(text)
        if isinstance(operations, str):
            lists = {"full": FULL_INCREASING if words.get("inc") else FULL, "reduced": REDUCED}
            if operations not in lists:
                raise ConfigError(
                    f"RandAugment: operations is {operations!r}.{suggest(operations, lists)} "
                    'It must be "full", "reduced" or a tuple of names.'
                )
            operations = lists[operations]
        deviation = words.get("mstd", 0.0)
        return cls(
            operations=tuple(operations),
            magnitude=words.get("m", 10.0),
            number=int(words.get("n", 2)),
            probability=words.get("p", 0.5),
            deviation=math.inf if deviation > 100 else deviation,
            limit=words.get("mmax", 10.0),
            fill=fill,
            interpolation=interpolation,
        )

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        require_pixels(images, (LEVELS[name].operation for name in self.operations), "RandAugment")
        return augment(images, self.draw(len(images), generator), self.fill, "RandAugment")

    def draw(self, batch: int, generator: torch.Generator) -> Iterator[Layer]:
        """Yield the layers of one batch."""
        for _ in range(self.number):
            choice = torch.randint(0, len(self.operations), (batch,), generator=generator)
            happens = torch.rand(batch, generator=generator) < self.probability
            share = self._draw_magnitudes(batch, generator) / 10
            sign = draw_signs(batch, generator)
            operation = torch.full((batch,), -1)
            argument = torch.zeros(batch, dtype=torch.float64)
            for number, name in enumerate(self.operations):
                rows = happens & (choice == number)
                operation[rows] = OPERATIONS.index(LEVELS[name].operation)
                argument[rows] = LEVELS[name].argument(share[rows], sign[rows])
            yield Layer(operation, argument, draw_interpolation(self.interpolation, batch, generator))

    def _draw_magnitudes(self, batch: int, generator: torch.Generator) -> Tensor:
        if math.isinf(self.deviation):
            drawn = torch.rand(batch, generator=generator, dtype=torch.float64) * self.magnitude
        else:
            noise = torch.randn(batch, generator=generator, dtype=torch.float64)
            drawn = self.magnitude + self.deviation * noise
        return drawn.clamp(0.0, self.limit)


def _read_words(text: str) -> dict[str, float]:
    """Return the numbers behind the words of "rand-WORD-WORD-..."."""
    kind, *parts = text.split("-")
    if kind != "rand":
        raise ConfigError(f"{text!r} must begin with 'rand', as in 'rand-m9-n1-mstd0.4-inc1'; it begins with {kind!r}.")
    words: dict[str, float] = {}
    for part in parts:
        word, value = re.fullmatch(r"([^\d.]*?)(inf|[\d.].*)?", part, re.DOTALL).groups()  # type: ignore[union-attr]
        if word not in WORDS:
            raise ConfigError(
                f"{text!r}: {part!r} is no word of RandAugment.{suggest(word, WORDS)} "
                f"Its words are {', '.join(WORDS)}, each followed by a number."
            )
        if word in words:
            raise ConfigError(f"{text!r}: {word} is given twice. Keep one of them.")
        words[word] = _read_value(text, word, value or "")
    return words


def _read_value(text: str, word: str, value: str) -> float:
    whole = word not in ("p", "mstd")
    pattern = r"\d+" if whole else r"\d+\.?\d*|\.\d+|inf"
    number = float(value) if re.fullmatch(pattern, value, re.ASCII) else math.nan
    lowest, highest = {"n": (1, math.inf), "mmax": (1, math.inf), "p": (0, 1), "inc": (0, 1)}.get(word, (0, math.inf))
    if not lowest <= number <= highest:
        raise ConfigError(f"{text!r}: {word} is {value!r}; it must be {WORDS[word]}.")
    return number
