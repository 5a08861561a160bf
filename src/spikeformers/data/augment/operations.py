"""The operations that policies choose from, and one layer of a policy applied to a whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from spikeformers.data.augment import tones, warps
from spikeformers.data.augment.compose import as_frames
from spikeformers.data.augment.fill import fill_pixel
from spikeformers.errors import ConfigError, InputError, suggest

Interpolation = Literal["nearest", "bilinear", "bicubic", "random"]

# What the argument of each operation means is said at its function.
TONES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "AutoContrast": tones.auto_contrast,
    "Equalize": tones.equalize,
    "Invert": tones.invert,
    "Posterize": tones.posterize,
    "Solarize": tones.solarize,
    "SolarizeAdd": tones.solarize_add,
    "Color": tones.color,
    "Contrast": tones.contrast,
    "Brightness": tones.brightness,
    "Sharpness": tones.sharpness,
    "Hue": tones.hue,
}
WARPS: dict[str, Callable[[Tensor, int, int], Tensor]] = {
    "Rotate": warps.rotation,
    "ShearX": warps.shear_x,
    "ShearY": warps.shear_y,
    "TranslateXRel": warps.translate_x,
    "TranslateYRel": warps.translate_y,
}
OPERATIONS = (*TONES, *WARPS)
INTERPOLATIONS = (*warps.INTERPOLATIONS, "random")


@dataclass(frozen=True)
class Layer:
    """One operation for each sample of a batch.

    Args:
        operation: int64 `[B]`, places in OPERATIONS; -1 leaves a sample as it is.
        argument: float64 `[B]`, in the units of the operation.
        interpolation: int64 `[B]`, places in INTERPOLATIONS; read by WARPS alone.
    """

    operation: Tensor
    argument: Tensor
    interpolation: Tensor


def augment(images: Tensor, layers: Iterable[Layer], fill: tuple[int, ...], name: str) -> Tensor:
    """Apply the layers one after the other to uint8 images `[B, C, H, W]` or frames `[B, T, C, H, W]`."""
    frames = as_frames(images, name)
    colour = fill_pixel(fill, images, name)
    for layer in layers:
        frames = apply(frames, layer, colour)
    return frames.reshape(images.shape)


def apply(frames: Tensor, layer: Layer, fill: Tensor) -> Tensor:
    """Return new frames `[B, T, C, H, W]`: the samples of one operation are changed together.

    Args:
        frames: uint8; TONES take 1 or 3 channels.
        layer: what to do to which sample.
        fill: uint8 `[C, 1, 1]`, the colour outside of the images.
    """
    changed = frames.clone()
    for number, change in enumerate(TONES.values()):
        rows = (layer.operation == number).nonzero().flatten()
        if len(rows):
            places = rows.to(frames.device)
            changed.index_copy_(0, places, change(frames.index_select(0, places), layer.argument[rows]))
    warped = layer.operation >= len(TONES)
    for number, interpolation in enumerate(warps.INTERPOLATIONS):
        rows = (warped & (layer.interpolation == number)).nonzero().flatten()
        if len(rows):
            places = rows.to(frames.device)
            maps = _maps(layer.operation[rows], layer.argument[rows], *frames.shape[-2:])
            changed.index_copy_(0, places, warps.warp(frames.index_select(0, places), maps, fill, interpolation))
    return changed


def _maps(operation: Tensor, argument: Tensor, height: int, width: int) -> Tensor:
    """Return the map of each sample `[N, 2, 3]`, so that all warps are computed as one."""
    maps = torch.empty(len(operation), 2, 3, dtype=torch.float64)
    for number, build in enumerate(WARPS.values(), start=len(TONES)):
        rows = operation == number
        maps[rows] = build(argument[rows], height, width)
    return maps


def draw_signs(batch: int, generator: torch.Generator) -> Tensor:
    """Return 1 or -1 per sample with equal probability, float64."""
    return torch.randint(0, 2, (batch,), generator=generator).double() * 2 - 1


def draw_interpolation(word: str, batch: int, generator: torch.Generator) -> Tensor:
    """Return one interpolation per sample; "random" draws bilinear or bicubic. Draws `batch` numbers in any case."""
    drawn = torch.randint(1, 3, (batch,), generator=generator)
    return drawn if word == "random" else torch.full_like(drawn, INTERPOLATIONS.index(word))


def require_interpolation(word: str, name: str) -> None:
    """Raise ConfigError unless the word names an interpolation."""
    if word not in INTERPOLATIONS:
        raise ConfigError(
            f"{name}: interpolation is {word!r}.{suggest(word, INTERPOLATIONS)} "
            f"It must be one of {', '.join(INTERPOLATIONS)}."
        )


def require_pixels(images: Tensor, operations: Iterable[str], name: str) -> None:
    """Raise InputError unless the images are uint8 and have the channels that the operations can take."""
    as_frames(images, name)
    if images.dtype != torch.uint8:
        raise InputError(f"{name} takes uint8 images, got {images.dtype}. Apply it before normalisation.")
    channels, on_colours = images.shape[-3], sorted(TONES.keys() & set(operations))
    if on_colours and channels not in (1, 3):
        raise InputError(
            f"{name}: the images have {channels} channels, but {', '.join(on_colours)} take 1 (grey) or 3 (RGB). "
            f"Use operations that move pixels only: {', '.join(WARPS)}."
        )
