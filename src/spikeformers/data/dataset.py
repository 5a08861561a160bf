"""What a labelled image data set is: its parts, and the facts that go with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.pictures.galleries import ArrayGallery
from spikeformers.data.pictures.opening import open_part
from spikeformers.data.pictures.statistics import channel_statistics
from spikeformers.data.sources import Images, Missing, Source, Subset, at_evaluation, names_of, shape_of
from spikeformers.data.splits import divide, hold_out
from spikeformers.data.watch import Watch
from spikeformers.errors import DataError


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """A data set with a fixed training and test part, and maybe a validation part.

    Attributes:
        classes: name of each class; label k means `classes[k]`.
        mean, std: of each channel over the training part, pixels scaled to 0..1.
        licence: under which terms the data may be used.
        citation: what to cite when figures on this data are published.
        validation: pictures for choices made while training, in neither of the other parts.
        title: what the set is called in text; its name, if not given.
        unreadable: pictures that were left out because they cannot be read, with reasons.

    A part the user does not have is `Missing`; whoever needs it asks for it with `need`.

    Raises:
        DataError: an empty part, a label outside the classes, or parts, mean and std that do not agree.
    """

    name: str
    train: Source
    test: Source
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    citation: str
    validation: Source | None = None
    title: str = ""
    unreadable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)
        for part, source in self._parts().items():
            where = f"Data set '{self.name}', {part} part"
            if not len(source) and not isinstance(source, Missing):
                raise DataError(f"{where}: there is no image in it. Give at least one image and its label.")
            check_labels(source.labels, len(self.classes), where)
        self._check_shapes()
        if not (all(map(math.isfinite, self.mean)) and all(0 < std < math.inf for std in self.std)):
            raise DataError(
                f"Data set '{self.name}': mean {self.mean} must be finite and std {self.std} finite and "
                "above 0; take them from the training images, scaled to 0..1."
            )

    def need(self, *parts: str) -> Dataset:
        """Return the data set itself if it has these parts ("train", "test").

        Raises:
            DataError: one is missing; the message says what to do.
        """
        for part in parts:
            source = getattr(self, part)
            if isinstance(source, Missing):
                raise DataError(source.why)
        return self

    def with_validation(self, share: float) -> Dataset:
        """Return the data set with a fixed share of every class moved from training to validation.

        Which pictures these are depends on their names and the data set's only; see `splits`. They are framed as at
        evaluation. A set that comes with a validation part keeps it, and its whole training part.

        Raises:
            ConfigError: a share outside 0 <= share < 1.
            DataError: no class has enough pictures to give one.
        """
        names = names_of(self.train)
        rest, held = hold_out(self.train, share, self.name, names)
        if not share or self.validation is not None:
            return self
        return replace(self, train=rest, validation=Subset(at_evaluation(self.train), held.indices))

    def with_fold(self, fold: int, folds: int) -> Dataset:
        """Return the data set with one fold of its training part as test part, instead of its own; see `splits.divide`.

        Raises:
            ConfigError: no such fold.
            DataError: there is no training part, or it cannot be divided so.
        """
        rest, chosen = divide(self.need("train").train, fold, folds)
        return replace(self, train=rest, test=replace(chosen, source=at_evaluation(self.train)))

    def framed(self, framing: Framing | EventFraming | None, watch: Watch) -> Dataset:
        """Return the data set with images of the size and channels of a framing; None leaves it as it is.

        Random crops are for the training part only. Mean and std stay, unless the channels change.

        Raises:
            DataError: a part is not in memory, and would have to change; or a framing for events was given.
        """
        if framing is None:
            return self
        if isinstance(framing, EventFraming):
            raise DataError(f"Data set '{self.name}' holds images, which an EventFraming cannot frame.")
        calm = framing.at_evaluation()
        train = self._framed(self.train, framing, watch)
        mean, std = self.mean, self.std
        if len(mean) != framing.channels:
            mean, std = channel_statistics(at_evaluation(train))
        test = self._framed(self.test, calm, watch)
        validation = None if self.validation is None else self._framed(self.validation, calm, watch)
        return replace(self, train=train, test=test, validation=validation, mean=mean, std=std)

    def _framed(self, source: Source, framing: Framing, watch: Watch) -> Source:
        if framing.keeps(shape_of(source)):
            return source
        if not isinstance(source, Images):
            raise DataError(
                f"Data set '{self.name}': its images of (channels, height, width) {shape_of(source)} cannot be framed "
                f"to {framing.shape}, because it reads them by itself. Let its loader return them so."
            )
        return open_part(ArrayGallery(source), framing, self.title, watch)[0]

    def _parts(self) -> dict[str, Source]:
        parts = {"train": self.train, "test": self.test}
        return parts if self.validation is None else {**parts, "validation": self.validation}

    def _check_shapes(self) -> None:
        shapes = {part: shape_of(source) for part, source in self._parts().items()}
        for part, shape in shapes.items():
            if shape != shapes["train"]:
                raise DataError(
                    f"Data set '{self.name}': training images are {shapes['train']} but {part} images {shape} "
                    "(channels, height, width). Bring both to one shape."
                )
        channels = shapes["train"][0]
        if not len(self.mean) == len(self.std) == channels:
            raise DataError(
                f"Data set '{self.name}': images have {channels} channel(s), but there are {len(self.mean)} "
                f"means and {len(self.std)} standard deviations. Give one of each per channel."
            )


def check_labels(labels: Tensor, classes: int, where: str) -> None:
    """Raise a DataError that begins with `where` if a label lies outside 0..classes-1."""
    wrong = torch.nonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"{where}: label {int(labels[first])} of sample {first} is outside the {classes} classes "
            f"(0 to {classes - 1}); {len(wrong)} of {len(labels)} labels are. Correct them or the classes."
        )
