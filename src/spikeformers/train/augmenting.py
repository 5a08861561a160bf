"""The augmentations that the words of a recipe ask for: of images, of events, and of their frames."""

from __future__ import annotations

from spikeformers.data.augment import (
    Augment,
    AutoAugment,
    ColorJitter,
    Compose,
    CutOut,
    EventMix,
    FramePolicy,
    Mixing,
    RandAugment,
    RandomCrop,
    RandomHorizontalFlip,
    Roll,
    mean_colour,
)
from spikeformers.data.augment.events import (
    ComposeEvents,
    EventAugment,
    EventDrop,
    PolarityFlip,
    SpatialJitter,
    TimeJitter,
)
from spikeformers.data.augment.frame_policy import POLICIES
from spikeformers.errors import ConfigError
from spikeformers.train.words import AugmentWords


def mixing(words: AugmentWords, classes: int) -> Mixing | EventMix | None:
    """Return how samples and their labels are mixed, or None where they are not."""
    if words.event_mix:
        labels, share = words.event_mix_labels, words.mixing_probability
        return EventMix(alpha=words.event_mix, classes=classes, probability=share, labels=labels)
    if not (words.mixup or words.cutmix):
        return None
    return Mixing(
        mixup=words.mixup,
        cutmix=words.cutmix,
        probability=words.mixing_probability,
        switch_probability=words.mixing_switch,
        classes=classes,
    )


def augmentation(words: AugmentWords, mean: tuple[float, ...]) -> Augment | None:
    """Return what the words ask for on uint8 pixels, or None where they ask for nothing.

    Args:
        mean: of the data set, 0 .. 1 per channel: the colour that moved pictures leave behind.

    Raises:
        ConfigError: a policy that cannot be read, or a word for events.
    """
    for word in ("event_drop", "time_jitter", "spatial_jitter", "polarity_flip", "event_mix"):
        if getattr(words, word):
            raise ConfigError(f"{word} changes recordings of events, which images are not. Leave it out.")
    steps = _moves(words)
    if words.policy:
        steps.append(policy(words, fill=mean_colour(mean)))
    if words.color_jitter:
        steps.append(ColorJitter(words.color_jitter, words.color_jitter, words.color_jitter))
    return _composed(steps, words)


def frame_augmentation(words: AugmentWords) -> Augment | None:
    """Return what the words ask for on float frames of events, or None where they ask for nothing.

    Raises:
        ConfigError: a policy or word for images.
    """
    if words.color_jitter or words.resized_crop is not None:
        word = "color_jitter" if words.color_jitter else "resized_crop"
        raise ConfigError(f"{word} changes images, which frames of events are not. Leave it out.")
    steps = _moves(words)
    if words.policy:
        steps.append(FramePolicy(words.policy))
    return _composed(steps, words)


def event_augmentation(words: AugmentWords) -> EventAugment | None:
    """Return what the words ask for on events before they become frames, or None where they ask for nothing."""
    steps: list[EventAugment] = []
    if words.event_drop:
        steps.append(EventDrop(words.event_drop))
    if words.time_jitter:
        steps.append(TimeJitter(words.time_jitter))
    if words.spatial_jitter:
        steps.append(SpatialJitter(words.spatial_jitter))
    if words.polarity_flip:
        steps.append(PolarityFlip(words.polarity_flip))
    return ComposeEvents(tuple(steps)) if steps else None


def _moves(words: AugmentWords) -> list[Augment]:
    steps: list[Augment] = []
    if words.crop_padding:
        steps.append(RandomCrop(words.crop_padding))
    if words.hflip:
        steps.append(RandomHorizontalFlip(words.hflip))
    if words.roll:
        steps.append(Roll(words.roll))
    return steps


def _composed(steps: list[Augment], words: AugmentWords) -> Augment | None:
    if words.cutout:
        steps = [*steps, CutOut(words.cutout)]
    return Compose(tuple(steps)) if steps else None


def policy(words: AugmentWords, fill: tuple[int, ...]) -> Augment:
    """Return the automatic augmentation of images that the word `policy` names."""
    if words.policy in POLICIES:
        raise ConfigError(
            f"The policy {words.policy!r} moves event frames; images take 'rand-m9-n1' or 'autoaugment-imagenet'."
        )
    if words.policy == "autoaugment-imagenet":
        return AutoAugment("imagenet", fill=fill)
    return RandAugment.parse(words.policy, operations=words.policy_operations, fill=fill)
