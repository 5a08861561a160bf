"""Corruptions of pictures, and of recordings of events, by name, in five severities.

The noises, gaussian and motion blur, brightness, contrast, pixelate and JPEG are those of Hendrycks and Dietterich,
"Benchmarking neural network robustness to common corruptions and perturbations" (ICLR 2019), with their constants: of
CIFAR-10-C for pictures whose shorter side is below 96 pixels, of ImageNet-C from there on, where sizes in pixels are
meant for a side of 224 and scaled with it. They are written anew on tensors and drawn by other random numbers, so that
accuracies here compare with each other, not with those on the published files. Occlusion, rotation and translation are
no part of that benchmark; their constants are our own, and so are those of events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.errors import InputError, UnknownNameError, suggest
from spikeformers.measure.disturbances.blurs import gaussian_blur, motion_blur
from spikeformers.measure.disturbances.compression import jpeg, pixelate
from spikeformers.measure.disturbances.draws import Streams, streams
from spikeformers.measure.disturbances.events import (
    dead_pixels,
    dropped_steps,
    hot_pixels,
    lost_events,
    noise_events,
    time_jitter,
)
from spikeformers.measure.disturbances.noises import gaussian_noise, impulse_noise, shot_noise
from spikeformers.measure.disturbances.places import occlusion, rotate, translate
from spikeformers.measure.disturbances.tones import brightness, contrast

SEVERITIES = (1, 2, 3, 4, 5)
_LARGE, _MEANT_FOR = 96, 224  # pixels of the shorter side

Five = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    Args:
        apply: uint8 [B, C, H, W] on the CPU, or counts of events, float32 [B, T, C, H, W], a strength and one generator
            per sample -> float32 of that shape.
        small: strengths of the five severities for small pictures, and for events.
        large: for large pictures; None where they are the same.
        meaning: of the strength, with a place for the number.
        in_pixels: whether the strength is a number of pixels.
    """

    apply: Callable[[Tensor, float, Streams], Tensor]
    small: Five
    large: Five | None
    meaning: str
    in_pixels: bool = False

    def strength(self, severity: int, height: int, width: int) -> float:
        """What a severity stands for in pictures of this size."""
        side = min(height, width)
        if side < _LARGE or self.large is None:
            return self.small[severity - 1]
        strength = self.large[severity - 1]
        return strength * side / _MEANT_FOR if self.in_pixels else strength

    def detail(self, strength: float) -> str:
        """The strength in words."""
        return self.meaning.format(strength)


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption(
        gaussian_noise,
        (0.04, 0.06, 0.08, 0.09, 0.10),
        (0.08, 0.12, 0.18, 0.26, 0.38),
        "standard deviation {:g} of the pixel range",
    ),
    "shot_noise": Corruption(shot_noise, (500, 250, 100, 75, 50), (60, 25, 12, 5, 3), "{:g} photons at full intensity"),
    "impulse_noise": Corruption(
        impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07), (0.03, 0.06, 0.09, 0.17, 0.27), "share {:g} of all values"
    ),
    "gaussian_blur": Corruption(
        gaussian_blur, (0.4, 0.6, 0.7, 0.8, 1), (1, 2, 3, 4, 6), "standard deviation {:g} px", in_pixels=True
    ),
    "motion_blur": Corruption(
        motion_blur, (1, 1.5, 2, 2, 2.5), (3, 5, 8, 12, 15), "standard deviation {:g} px", in_pixels=True
    ),
    "brightness": Corruption(
        brightness, (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5), "{:g} of the pixel range added"
    ),
    "contrast": Corruption(
        contrast, (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05), "differences from the mean times {:g}"
    ),
    "pixelate": Corruption(
        pixelate, (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25), "{:g} of the pixels along each side"
    ),
    "jpeg": Corruption(jpeg, (80, 65, 58, 50, 40), (25, 18, 15, 10, 7), "quality {:g}"),
    "occlusion": Corruption(occlusion, (0.25, 0.375, 0.5, 0.625, 0.75), None, "square of {:g} of the shorter side"),
    "rotation": Corruption(rotate, (6, 12, 18, 24, 30), None, "{:g} degrees, either way"),
    "translation": Corruption(translate, (0.04, 0.08, 0.12, 0.16, 0.2), None, "{:g} of the size, in any direction"),
}


EVENT_CORRUPTIONS: dict[str, Corruption] = {
    "lost_events": Corruption(lost_events, (0.1, 0.2, 0.3, 0.5, 0.7), None, "each event is lost with probability {:g}"),
    "noise_events": Corruption(
        noise_events, (0.1, 0.25, 0.5, 1, 2), None, "{:g} noise events for each of the recording's"
    ),
    "hot_pixels": Corruption(
        hot_pixels, (0.002, 0.005, 0.01, 0.02, 0.05), None, "share {:g} of the pixels fires all the time"
    ),
    "dead_pixels": Corruption(dead_pixels, (0.05, 0.1, 0.2, 0.3, 0.5), None, "share {:g} of the pixels is silent"),
    "time_jitter": Corruption(
        time_jitter,
        (0.1, 0.2, 0.3, 0.4, 0.5),
        None,
        "each event moves to a neighbouring step with probability {:g}",
    ),
    "dropped_steps": Corruption(
        dropped_steps, (0.1, 0.2, 0.3, 0.5, 0.7), None, "each time step is empty with probability {:g}"
    ),
}


def corruption(name: str) -> Corruption:
    """The corruption of that name, of pictures or of events.

    Raises:
        UnknownNameError: there is none.
    """
    known = CORRUPTIONS | EVENT_CORRUPTIONS
    if name not in known:
        raise UnknownNameError(
            f"no corruption {name!r}.{suggest(name, known)} Known: {', '.join(CORRUPTIONS)}; of events: "
            f"{', '.join(EVENT_CORRUPTIONS)}."
        )
    return known[name]


def corrupt(images: Tensor, name: str, severity: int, *, seed: int = 0, first: int = 0) -> Tensor:
    """Corrupt pictures or recordings; every one by random numbers of its own, the same in each severity.

    A noise of a higher severity is the same noise, stronger; an occlusion lies over the smaller one; a rotation turns
    the same way. So what differs between severities is the strength, not the luck.

    Args:
        images: uint8 [B, C, H, W]; the channels of colour pictures are red, green, blue. Of recordings the counts of
            events, float32 [B, T, C, H, W].
        name: of `CORRUPTIONS`, or for recordings of `EVENT_CORRUPTIONS`.
        severity: 1 to 5.
        seed: of all random numbers.
        first: number of the first one in the data set; its random numbers belong to that number.

    Returns:
        The same shape and dtype on the same device; pixels are rounded.

    Raises:
        UnknownNameError: no corruption of that name.
        InputError: no such severity, or neither pictures nor counts, or not those that the corruption is for.
    """
    kind = corruption(name)
    _check_suits(name, images)
    if severity not in SEVERITIES:
        raise InputError(f"a severity is a whole number from 1 to 5, got {severity!r}.")
    if not len(images):
        return images.clone()
    height, width = images.shape[-2:]
    draws = streams(seed, name, first, len(images))
    corrupted = kind.apply(images.cpu(), kind.strength(severity, height, width), draws)
    if images.dtype == torch.uint8:
        corrupted = corrupted.round().clamp(0, 255).to(torch.uint8)
    return corrupted.to(images.device)


def _check_suits(name: str, samples: Tensor) -> None:
    if name in CORRUPTIONS:
        if samples.dtype != torch.uint8 or samples.dim() != 4:
            of_events = f" Of events there are: {', '.join(EVENT_CORRUPTIONS)}." if samples.dim() == 5 else ""
            raise InputError(
                f"the corruption {name!r} takes uint8 pictures [B, C, H, W], got {samples.dtype} "
                f"{list(samples.shape)}.{of_events}"
            )
        return
    if samples.dtype != torch.float32 or samples.dim() != 5:
        raise InputError(
            f"the corruption {name!r} takes counts of events, float32 [B, T, C, H, W], got {samples.dtype} "
            f"{list(samples.shape)}. Of pictures there are: {', '.join(CORRUPTIONS)}."
        )
    if not bool(((samples >= 0) & (samples == samples.round())).all()):
        raise InputError(
            f"the corruption {name!r} takes counts of events, and these frames hold other numbers: they were "
            "interpolated, or are another representation. Leave corruptions out: --only weights,spikes."
        )
