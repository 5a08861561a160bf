"""EventMix (Shen et al., 2022): a cloud in space and time of one sample is pasted into another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.data.augment.compose import require_probability
from spikeformers.data.augment.mixing import require_labels
from spikeformers.errors import ConfigError, InputError, suggest

Share = Literal["area", "events"]
WIDTHS = (0.1, 0.5)  # standard deviations of the cloud along each axis, as shares of the axis


@dataclass(frozen=True, kw_only=True)
class EventMix:
    """Replace a region of every sample by that of its partner from the other end of the batch.

    The region is where a Gaussian over time, height and width is highest: its centre and its widths are drawn for every
    sample, and so is how much of the sample stays its own, lambda ~ Beta(alpha, alpha). From memory of the paper: the
    Gaussian mask and the labels in proportion; the range of the widths is ours.

    Args:
        alpha: of the Beta distribution.
        classes: number of classes of the labels.
        probability: share of the samples that are mixed.
        labels: "area" weighs labels by each sample's part of the volume, "events" by its part of the events.

    Raises:
        ConfigError: a value out of range, or an unknown word.
    """

    alpha: float
    classes: int
    probability: float = 1.0
    labels: Share = "area"

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < math.inf:
            raise ConfigError(f"EventMix: alpha is {self.alpha}; it must be above 0 and finite.")
        require_probability(self.probability, "EventMix")
        if self.labels not in get_args(Share):
            raise ConfigError(
                f"EventMix: labels is {self.labels!r}.{suggest(self.labels, get_args(Share))} "
                f"It must be one of {', '.join(get_args(Share))}."
            )
        if self.classes < 1:
            raise ConfigError(f"EventMix: classes is {self.classes}; it must be 1 or more.")

    def __call__(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return mixed frames `[B, T, C, H, W]`, and targets `[B, K]`, float32, that sum to 1.

        Args:
            images: frames of the same shape.
            labels: int64 `[B]`.

        Raises:
            InputError: no frames, labels that are no classes, or not one per sample.
        """
        if images.ndim != 5:
            raise InputError(f"EventMix takes frames [B, T, C, H, W]; got the shape {tuple(images.shape)}.")
        require_labels(labels, len(images), self.classes, "EventMix")
        pasted = self.draw(images.shape, generator).unsqueeze(2).to(images.device)  # [B, T, 1, H, W]
        partners = images.flip(0)
        mixed = torch.where(pasted, partners, images)
        share = pasted.double().mean((1, 2, 3, 4))
        if self.labels == "events":
            total = mixed.double().sum((1, 2, 3, 4))
            theirs = (partners.double() * pasted).sum((1, 2, 3, 4))
            share = torch.where(total > 0, theirs / total, share)
        share = share.to(labels.device, torch.float32).unsqueeze(1)
        targets = F.one_hot(labels, self.classes).float()
        return mixed, targets * (1 - share) + targets.flip(0) * share

    def draw(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        """Return the region that is pasted into each sample, bool `[B, T, H, W]`, for frames of that shape."""
        batch, steps, _, height, width = shape
        # One number from the generator; torch's own Beta distribution does not take a generator.
        random = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator)))
        share = random.beta(self.alpha, self.alpha, batch)
        share[random.random(batch) >= self.probability] = 1.0
        centres, widths = random.random((batch, 3)), random.uniform(*WIDTHS, (batch, 3))
        distance = torch.zeros(batch, 1, 1, 1, dtype=torch.float64)
        for axis, size in enumerate((steps, height, width)):
            along = ((np.arange(size) + 0.5) / size - centres[:, axis, None]) / widths[:, axis, None]
            view = [batch, 1, 1, 1]
            view[axis + 1] = size
            distance = distance + torch.from_numpy(along**2).view(view)
        return _nearest(distance, 1.0 - torch.from_numpy(share))


def _nearest(distance: Tensor, share: Tensor) -> Tensor:
    """Return where each sample's distances `[B, T, H, W]` are smallest, for about that share `[B]` of them."""
    flat = distance.flatten(1)
    # The k-th smallest is the border; k differs from sample to sample.
    borders = flat.new_full((len(flat),), -1.0)
    for number, count in enumerate((share * flat.shape[1]).round().long().tolist()):
        if count:
            borders[number] = flat[number].kthvalue(count).values
    return distance <= borders.view(-1, 1, 1, 1)
