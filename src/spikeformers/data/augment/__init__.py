"""Random changes of training images, for a whole batch at once.

An augmentation takes images `[B, C, H, W]`, or frames `[B, T, C, H, W]`, and a generator, and returns the same
shape and dtype. Every sample gets one choice of its own, the same for all its time steps. Choices are drawn on the
CPU from the generator, in a number that does not depend on what the images show; the images may lie on any device.

Before normalisation, on uint8: `RandomCrop`, `RandomHorizontalFlip`, `ColorJitter`, `RandAugment`, `AutoAugment`.
After it, on float: `RandomErasing`. `Mixing` (Mixup and CutMix) changes the labels as well.

On frames of events, float: `FramePolicy`, and `EventMix` with the labels; on any dtype `Roll`, `CutOut`, `RandomCrop`,
`RandomHorizontalFlip` and `Mixing`. What changes events before they become frames is in `augment.events`.
"""

from spikeformers.data.augment.auto_augment import AutoAugment
from spikeformers.data.augment.color_jitter import ColorJitter
from spikeformers.data.augment.compose import Augment, Compose
from spikeformers.data.augment.erasing import RandomErasing
from spikeformers.data.augment.event_mix import EventMix
from spikeformers.data.augment.fill import mean_colour
from spikeformers.data.augment.frame_policy import FramePolicy
from spikeformers.data.augment.mixing import Mixing
from spikeformers.data.augment.moves import CutOut, Roll
from spikeformers.data.augment.placement import RandomCrop, RandomHorizontalFlip
from spikeformers.data.augment.rand_augment import RandAugment

__all__ = [
    "Augment",
    "AutoAugment",
    "ColorJitter",
    "Compose",
    "CutOut",
    "EventMix",
    "FramePolicy",
    "Mixing",
    "RandAugment",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "Roll",
    "mean_colour",
]
