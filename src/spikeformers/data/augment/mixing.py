"""Mixup and CutMix: each sample is blended with another one, and so are their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.data.augment.compose import as_frames, require_probability
from spikeformers.errors import ConfigError, InputError


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """Mix every sample with its partner from the other end of the batch (timm's batch mode).

    One choice holds for the whole batch: whether it is mixed, in which way, and how much each sample keeps of itself,
    lambda ~ Beta(alpha, alpha). Mixup (Zhang et al., 2018) averages the images; on uint8 it rounds, as timm's loader
    does. CutMix (Yun et al., 2019) pastes a box of the partner, whose area decides the labels; the boxes are those of
    timm 1.0 (checked against 1.0.31), older releases may cut a box of odd height or width one pixel smaller. Labels are
    not smoothed here: that is the loss's task.

    Args:
        mixup, cutmix: alpha of each; 0 switches it off.
        probability: share of the batches that are mixed.
        switch_probability: share of the mixed batches that take CutMix, where both are on.
        classes: number of classes K.

    Raises:
        ConfigError: a value out of range, or both ways off.
    """

    mixup: float
    cutmix: float
    probability: float = 1.0
    switch_probability: float = 0.5
    classes: int

    def __post_init__(self) -> None:
        for word in ("mixup", "cutmix"):
            if not 0.0 <= getattr(self, word) < math.inf:
                raise ConfigError(f"Mixing: {word} is {getattr(self, word)}; it must be 0 or more.")
        if self.mixup == self.cutmix == 0:
            raise ConfigError("Mixing: mixup and cutmix are both 0. Set one of them, or leave mixing out.")
        for word in ("probability", "switch_probability"):
            require_probability(getattr(self, word), "Mixing", word)
        if self.classes < 1:
            raise ConfigError(f"Mixing: classes is {self.classes}; it must be 1 or more.")

    def __call__(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return mixed images of the same shape and dtype, and targets `[B, K]`, float32, that sum to 1.

        Args:
            images: uint8 or float, `[B, C, H, W]` or `[B, T, C, H, W]`.
            labels: int64 `[B]`.

        Raises:
            InputError: labels that are no classes, or not one per image.
        """
        as_frames(images, "Mixing")
        require_labels(labels, len(images), self.classes, "Mixing")
        # One number from the generator, whatever is chosen; torch's own Beta distribution does not take a generator.
        random = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator)))
        share = 1.0
        if random.random() < self.probability:
            use_cutmix = random.random() < (self.switch_probability if self.mixup else 1.0) and self.cutmix > 0
            alpha = self.cutmix if use_cutmix else self.mixup
            share = float(random.beta(alpha, alpha))
            images, share = paste(images, share, random) if use_cutmix else (blend(images, share), share)
        targets = F.one_hot(labels, self.classes).float()
        return images, targets * share + targets.flip(0) * (1.0 - share)


def require_labels(labels: Tensor, batch: int, classes: int, name: str) -> None:
    """Raise InputError unless there is a label below `classes` for each sample; the message begins with `name`."""
    if labels.dtype != torch.int64 or labels.shape != (batch,):
        raise InputError(
            f"{name} takes one int64 label per image, [{batch}]; got {labels.dtype} {tuple(labels.shape)}."
        )
    if batch and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise InputError(
            f"{name}: the labels run from {int(labels.min())} to {int(labels.max())}, but with {classes} "
            f"classes they must lie in 0 to {classes - 1}. Set classes to the data set's number."
        )


def blend(images: Tensor, share: float) -> Tensor:
    """Return the average of each image, weighted by its share, and its partner."""
    whole = not images.is_floating_point()
    own, other = (images.float(), images.flip(0).float()) if whole else (images, images.flip(0))
    mixed = own * share + other * (1.0 - share)
    return mixed.round_().to(images.dtype) if whole else mixed


def paste(images: Tensor, share: float, random: np.random.Generator) -> tuple[Tensor, float]:
    """Return the images with a box of their partners, and the share of the area that is still their own."""
    height, width = images.shape[-2:]
    top, bottom = _span(height, share, random)
    left, right = _span(width, share, random)
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images.flip(0)[..., top:bottom, left:right]
    return mixed, 1.0 - (bottom - top) * (right - left) / (height * width)


def _span(size: int, share: float, random: np.random.Generator) -> tuple[int, int]:
    """Return begin and end of a box along one side: its centre lies anywhere, what sticks out is cut off."""
    length = int(size * math.sqrt(1.0 - share))
    centre = int(random.integers(size))
    return max(0, centre - length // 2), min(size, centre + (length + 1) // 2)
