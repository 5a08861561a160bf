"""What is known of the official data sets before any file is read, and without torch: how large, images or events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spikeformers.errors import UnknownNameError, suggest

if TYPE_CHECKING:
    from spikeformers.data import Dataset


@dataclass(frozen=True, kw_only=True)
class Samples:
    """How many samples a run has.

    Attributes:
        train, validation, test: in each part; a validation part comes out of the official training part.
        classes: number of them.
        counted: whether the files were read; otherwise these are the official sizes.
        events: whether a sample is a row of frames [T, C, H, W] and not one image.
    """

    train: int
    validation: int
    test: int
    classes: int
    counted: bool = False
    events: bool = False

    @classmethod
    def of(cls, dataset: Dataset) -> Samples:
        """Count the samples of a data set that was loaded."""
        return cls(
            train=len(dataset.train),
            validation=0 if dataset.validation is None else len(dataset.validation),
            test=len(dataset.test),
            classes=len(dataset.classes),
            counted=True,
            events=holds_events(dataset.name),
        )


_PARTS: dict[str, dict[str, Any]] = {
    "digits": {"train": 1437, "test": 360, "classes": 10},
    "mnist": {"train": 60_000, "test": 10_000, "classes": 10},
    "fashion_mnist": {"train": 60_000, "test": 10_000, "classes": 10},
    "cifar10": {"train": 50_000, "test": 10_000, "classes": 10},
    "cifar10_jpeg": {"train": 50_000, "test": 10_000, "classes": 10},
    "cifar100": {"train": 50_000, "test": 10_000, "classes": 100},
    "imagenet": {"train": 1_281_167, "test": 50_000, "classes": 1000},
    "nmnist": {"train": 60_000, "test": 10_000, "classes": 10, "events": True},
    "shd": {"train": 8_156, "test": 2_264, "classes": 20, "events": True},
    "ssc": {"train": 75_466, "validation": 9_981, "test": 20_382, "classes": 35, "events": True},
    "har_dvs": {"train": 64_526, "validation": 10_734, "test": 32_386, "classes": 300, "events": True},
    # A tenth of every class, by a list that is shipped: data/event_sets/splits.
    "ncaltech101": {"train": 7_831, "test": 878, "classes": 101, "events": True},
    # SpikingJelly's splits, which the papers use: the first 900 recordings of each class; the official trial lists.
    "cifar10dvs": {"train": 9_000, "test": 1_000, "classes": 10, "events": True},
    "dvs128_gesture": {"train": 1_176, "test": 288, "classes": 11, "events": True},
}


def holds_events(dataset: str) -> bool:
    """Return whether a data set is known to hold event recordings, which become frames, and not pictures."""
    return _key(dataset) == "event_folder" or bool(_PARTS.get(_key(dataset), {}).get("events", False))


def official_samples(dataset: str, validation: float) -> Samples | None:
    """Return the size of an official data set, or None for one that has no official size.

    Args:
        validation: share of every class of the training part that is held out; the count is exact where all classes
            have the same size.

    Raises:
        UnknownNameError: there is no such data set.
        ConfigError: a share outside 0 <= validation < 1.
    """
    from spikeformers.data import count_held_out, dataset_names  # here, since it imports torch

    dataset = _key(dataset)
    if dataset not in _PARTS:
        known = sorted({*dataset_names(), *_PARTS})
        if dataset not in known:
            raise UnknownNameError(
                f"There is no data set {dataset!r}.{suggest(dataset, known)} Known are: {', '.join(known)}."
            )
        return None
    whole = Samples(**{"validation": 0, **_PARTS[dataset]})
    if whole.validation:  # its own, which training keeps, and its whole training part
        return whole
    held = whole.classes * count_held_out(round(whole.train / whole.classes), validation)
    return replace(whole, train=whole.train - held, validation=held)


def _key(dataset: str) -> str:
    return dataset.lower().replace("-", "_")  # as `load_dataset` reads names
