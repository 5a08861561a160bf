"""Automatic augmentation of event frames: policies of moves, one of which is drawn for every sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.data.augment import warps
from spikeformers.data.augment.compose import Augment, as_frames
from spikeformers.data.augment.erasing import RandomErasing
from spikeformers.data.augment.moves import CutOut, Roll
from spikeformers.data.augment.operations import draw_signs
from spikeformers.errors import ConfigError, InputError, suggest

BINS = 31  # magnitudes, from none to the greatest

# From a signed magnitude to a map. Shears are angles in radians, as the papers' torchvision had them; shifts are whole
# pixels, rounded towards 0.
Map = Callable[[Tensor, int, int], Tensor]
MAPS: dict[str, tuple[Map, float]] = {
    "ShearX": (lambda angle, height, width: warps.shear_x_about_middle(angle.tan(), height, width), 0.3),
    "TranslateX": (lambda pixels, height, width: warps.translate_x(pixels.trunc() / width, height, width), 5.0),
    "TranslateY": (lambda pixels, height, width: warps.translate_y(pixels.trunc() / height, height, width), 5.0),
    "Rotate": (warps.rotation, 30.0),
}
# What is no map draws its own choices. "Erase" takes a square of 0.1 to 11 % of the area.
OTHERS: dict[str, Augment] = {
    "Erase": RandomErasing(1.0, area=(0.001, 0.11), aspect=(1.0, 1.0)),
    "CutOut": CutOut(16),
    "Roll": Roll(5),
}
POLICIES = {
    # Spikformer, Spikingformer, QKFormer on CIFAR10-DVS and DVS128 Gesture.
    "dvs": ("Identity", "ShearX", "TranslateX", "TranslateY", "Rotate", "Erase"),
    # An option of the Spike-driven Transformer's script.
    "dvs-trivial": ("Identity", "ShearX", "TranslateX", "TranslateY", "Rotate"),
    # After Neuromorphic Data Augmentation (Li et al., ECCV 2022): its kinds of move; how strong they are is ours.
    "nda": ("Roll", "Rotate", "ShearX", "CutOut"),
}


@dataclass(frozen=True)
class FramePolicy:
    """Change every sample by one operation of a policy, each as likely as the others.

    A magnitude is one of 31 even steps from 0 to the greatest, its sign is random. Pixels are looked up at the nearest
    place; what comes from outside is 0.

    Args:
        policy: a word of POLICIES.

    Called with frames that are not float, it raises InputError.

    Raises:
        ConfigError: an unknown policy.
    """

    policy: str

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ConfigError(
                f"There is no policy {self.policy!r} for event frames.{suggest(self.policy, POLICIES)} "
                f"The policies are {', '.join(POLICIES)}."
            )

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        frames = as_frames(images, "FramePolicy")
        if not images.is_floating_point():
            raise InputError(
                f"FramePolicy takes float frames of events, got {images.dtype}. For images see RandAugment."
            )
        operations = POLICIES[self.policy]
        choice = torch.randint(0, len(operations), (len(frames),), generator=generator)
        share = torch.randint(0, BINS, (len(frames),), generator=generator).double() / (BINS - 1)
        frames = _warped(frames, operations, choice, share * draw_signs(len(frames), generator))
        for number, name in enumerate(operations):
            if name in OTHERS:
                chosen = (choice == number).view(-1, 1, 1, 1, 1).to(frames.device)
                frames = torch.where(chosen, OTHERS[name](frames, generator), frames)
        return frames.reshape(images.shape)


def _warped(frames: Tensor, operations: tuple[str, ...], choice: Tensor, magnitude: Tensor) -> Tensor:
    """Return the frames, those whose operation is a map changed, all of them as one."""
    rows = torch.tensor([name in MAPS for name in operations])[choice].nonzero().flatten()
    maps = torch.empty(len(frames), 2, 3, dtype=torch.float64)
    for number, name in enumerate(operations):
        if name in MAPS:
            chosen = choice == number
            build, limit = MAPS[name]
            maps[chosen] = build(magnitude[chosen] * limit, *frames.shape[-2:])
    fill, places = frames.new_zeros(frames.shape[2], 1, 1), rows.to(frames.device)
    moved = warps.warp(frames.index_select(0, places).float(), maps[rows], fill.float(), "nearest")
    return frames.index_copy(0, places, moved.to(frames.dtype))
