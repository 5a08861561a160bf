"""Augmentation in words: every word that is set shows, and none that is not."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from spikeformers.report.augmentation import augmentation_lines
from spikeformers.train.recipe import load_recipe
from spikeformers.train.words import AugmentWords


def test_nothing_is_nothing() -> None:
    assert augmentation_lines(AugmentWords()) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"resized_crop": (0.08, 1.0)}, "a random part with 8 to 100 % of the area, width / height from 0.75 to 1.33"),
        ({"resized_crop": (1.0, 1.0)}, "the largest central part with width / height from 0.75 to 1.33"),
        ({"resized_crop": (1.0, 1.0), "resized_ratio": (1.0, 1.0)}, "the largest central part with width = height"),
        ({"crop_padding": 4}, "padding by 4 pixels"),
        ({"hflip": 0.3}, "mirrored left to right with probability 0.3"),
        ({"color_jitter": 0.4}, "changed by up to 40 %"),
        ({"policy": "autoaugment-imagenet"}, "AutoAugment's policy for imagenet"),
        ({"roll": 5}, "rolled by up to 5 pixels"),
        ({"cutout": 16}, "a square of 16 pixels cut out"),
        ({"policy": "dvs"}, "one of: nothing, shear in x"),
        ({"policy": "dvs-trivial"}, "one of: nothing, shear in x, shift in x or y, rotation (event frames)"),
        ({"policy": "nda"}, "one of: rolling, rotation"),
        ({"event_drop": 0.75}, "events left out, in a span, an area or anywhere, with probability 0.75"),
        ({"time_jitter": 500.0}, "noise of 500 microseconds"),
        ({"spatial_jitter": 0.5}, "noise of 0.5 pixels"),
        ({"polarity_flip": 0.5}, "polarities exchanged with probability 0.5"),
        ({"event_mix": 1.0}, "EventMix (alpha 1), labels by their part of the volume"),
        (
            {"event_mix": 1.0, "event_mix_labels": "events", "mixing_probability": 0.5},
            "EventMix (alpha 1), labels by their part of the events, in 50 % of the samples",
        ),
        (
            {"policy": "rand-m7-n1-mstd0.4"},
            "RandAugment: 1 of 15 operations, each with probability 0.5, at magnitude 7",
        ),
        ({"policy": "rand-m7", "policy_operations": "reduced"}, "RandAugment: 2 of 5 operations"),
        ({"mixup": 0.5}, "Mixup (alpha 0.5)"),
        ({"cutmix": 1.0, "mixing_probability": 0.5}, "CutMix (alpha 1), in 50 % of the batches"),
        ({"mixup": 0.8, "cutmix": 1.0, "mixing_switch": 0.25}, "Mixup (alpha 0.8) or CutMix (alpha 1), CutMix in 25 %"),
        ({"mixup": 0.5, "mixing_off_epoch": 75}, "Mixup (alpha 0.5), in the first 75 epochs"),
        ({"erasing": 0.25}, "a rectangle replaced by the mean colour with probability 0.25"),
        ({"erasing": 0.25, "erasing_mode": "pixel"}, "replaced by noise"),
    ],
)
def test_every_word_has_its_line(change: dict[str, object], line: str) -> None:
    (only,) = augmentation_lines(replace(AugmentWords(), **change))  # type: ignore[arg-type]
    assert only.startswith(line) or line in only


def test_the_order_is_that_of_the_changes() -> None:
    lines = augmentation_lines(load_recipe("spikformer_imagenet").augment)
    starts = ["the largest central part", "mirrored", "RandAugment: 2 of 15", "Mixup", "a rectangle"]
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=True)] == [True] * 5
    both = augmentation_lines(AugmentWords(policy="rand-m9-n1", color_jitter=0.4))
    assert [line.split()[0] for line in both] == ["RandAugment:", "brightness,"]
    words = [word.name for word in fields(AugmentWords)]
    assert words.index("policy") < words.index("color_jitter") < words.index("mixup") < words.index("erasing")
