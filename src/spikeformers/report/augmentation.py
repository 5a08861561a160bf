"""What a recipe does to training images, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spikeformers.train.words import AugmentWords

MOVES = {
    "dvs": "nothing, shear in x, shift in x or y, rotation, cutout",
    "dvs-trivial": "nothing, shear in x, shift in x or y, rotation",
    "nda": "rolling, rotation, shear in x, cutout",
}


def augmentation_lines(words: AugmentWords) -> list[str]:
    """Return one line per kind of change, in the order they are made; none where images stay as they are."""
    return [*_events(words), *_geometry(words), *_colours(words), *_mixing(words), *_erasing(words)]


def _events(words: AugmentWords) -> Iterator[str]:
    if words.event_drop:
        yield f"events left out, in a span, an area or anywhere, with probability {words.event_drop:g}"
    if words.time_jitter:
        yield f"events moved in time by noise of {words.time_jitter:g} microseconds"
    if words.spatial_jitter:
        yield f"events moved by noise of {words.spatial_jitter:g} pixels"
    if words.polarity_flip:
        yield f"polarities exchanged with probability {words.polarity_flip:g}"


def _geometry(words: AugmentWords) -> Iterator[str]:
    if words.resized_crop is not None:
        least, most = words.resized_crop
        low, high = words.resized_ratio
        shape = "width = height" if low == high == 1 else f"width / height from {low:.2f} to {high:.2f}"
        if least == most == 1:
            yield f"the largest central part with {shape}, resized"
        else:
            yield f"a random part with {100 * least:g} to {100 * most:g} % of the area, {shape}, resized"
    if words.crop_padding:
        yield f"a random crop of the old size after padding by {words.crop_padding} pixels"
    if words.hflip:
        yield f"mirrored left to right with probability {words.hflip:g}"
    if words.roll:
        yield f"rolled by up to {words.roll} pixels in height and width"


def _colours(words: AugmentWords) -> Iterator[str]:
    if words.policy.startswith("autoaugment-"):
        yield f"AutoAugment's policy for {words.policy.removeprefix('autoaugment-')}"
    elif words.policy in MOVES:
        yield f"one of: {MOVES[words.policy]} (event frames)"
    elif words.policy:
        yield _rand_augment(words)
    if words.color_jitter:
        yield f"brightness, contrast and saturation changed by up to {100 * words.color_jitter:g} %"
    if words.cutout:
        yield f"a square of {words.cutout} pixels cut out"


def _rand_augment(words: AugmentWords) -> str:
    from spikeformers.data.augment import RandAugment

    policy = RandAugment.parse(words.policy, operations=words.policy_operations)
    varied = f" (varied by {policy.deviation:g})" if policy.deviation else ""
    return (
        f"RandAugment: {policy.number} of {len(policy.operations)} operations, each with probability "
        f"{policy.probability:g}, at magnitude {policy.magnitude:g}{varied}"
    )


def _mixing(words: AugmentWords) -> Iterator[str]:
    alphas = {"Mixup": words.mixup, "CutMix": words.cutmix, "EventMix": words.event_mix}
    kinds = [f"{name} (alpha {alpha:g})" for name, alpha in alphas.items() if alpha]
    if not kinds:
        return
    line = " or ".join(kinds)
    if len(kinds) == 2:
        line += f", CutMix in {100 * words.mixing_switch:g} % of the cases"
    if words.event_mix:
        line += f", labels by their part of the {'volume' if words.event_mix_labels == 'area' else 'events'}"
    if words.mixing_probability < 1:
        line += f", in {100 * words.mixing_probability:g} % of the {'samples' if words.event_mix else 'batches'}"
    if words.mixing_off_epoch:
        line += f", in the first {words.mixing_off_epoch} epochs"
    yield line


def _erasing(words: AugmentWords) -> Iterator[str]:
    if words.erasing:
        filling = {"const": "the mean colour", "pixel": "noise"}[words.erasing_mode]
        yield f"a rectangle replaced by {filling} with probability {words.erasing:g}"
