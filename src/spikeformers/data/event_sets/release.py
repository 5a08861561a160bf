"""What all data sets of recordings are before it is decided how they become frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from spikeformers.data.dataset import Dataset
from spikeformers.data.events.array import Sensor
from spikeformers.data.normalise import unchanged
from spikeformers.data.sources import Source

Recordings = TypeVar("Recordings")


@dataclass(frozen=True, eq=False, kw_only=True)
class Release(Generic[Recordings]):
    """A data set in parts, each of them labelled recordings.

    Attributes:
        train, test, validation: a text in the place of a part says what of it is missing, and what to do.
        title: what the set is called in text.
    """

    name: str
    title: str
    sensor: Sensor
    train: Recordings | str
    test: Recordings | str
    validation: Recordings | None = None
    classes: tuple[str, ...]
    licence: str
    citation: str

    @property
    def parts(self) -> dict[str, Recordings | str]:
        """The parts by name; a validation part only where there is one."""
        parts = {"train": self.train, "test": self.test}
        return parts if self.validation is None else {**parts, "validation": self.validation}

    def dataset(self, parts: Mapping[str, Source], channels: int, unreadable: tuple[str, ...] = ()) -> Dataset:
        """Return the data set with these frames as its parts, whose values normalisation leaves as they are."""
        mean, std = unchanged(channels)
        return Dataset(
            name=self.name,
            title=self.title,
            train=parts["train"],
            test=parts["test"],
            validation=parts.get("validation"),
            classes=self.classes,
            mean=mean,
            std=std,
            licence=self.licence,
            citation=self.citation,
            unreadable=unreadable,
        )
