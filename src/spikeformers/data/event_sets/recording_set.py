"""A data set of event recordings, before it is decided how they become frames."""

from __future__ import annotations

from dataclasses import dataclass

from spikeformers.data.dataset import Dataset
from spikeformers.data.event_sets.framed import FramedRecordings
from spikeformers.data.event_sets.shelf import Shelf
from spikeformers.data.events.array import Sensor
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.normalise import unchanged
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.sources import Missing, Source
from spikeformers.data.watch import Watch
from spikeformers.errors import DataError

TIME_STEPS = 10  # where nobody says how many


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordingSet:
    """What a loader of event recordings returns; `framed` makes a `Dataset` of it.

    Attributes:
        train, test, validation: a text in the place of a part says what of it is missing, and what to do.
        title: what the set is called in text.
    """

    name: str
    title: str
    sensor: Sensor
    train: Shelf | str
    test: Shelf | str
    validation: Shelf | None = None
    classes: tuple[str, ...]
    licence: str
    citation: str

    def framed(self, framing: EventFraming | Framing | None, watch: Watch) -> Dataset:
        """Return the data set as frames; None: counts of the sensor's pixels over 10 time steps, cut by number.

        Mean and std are those that leave the frames as they are.

        Raises:
            DataError: a framing for pictures was given.
        """
        if isinstance(framing, Framing):
            raise DataError(f"{self.title} holds events, which are framed by an EventFraming, not as pictures.")
        framing = framing or EventFraming(time_steps=TIME_STEPS, image_size=(self.sensor.height, self.sensor.width))
        calm = framing.at_evaluation()
        mean, std = unchanged(framing.shape(self.sensor)[0])
        return Dataset(
            name=self.name,
            title=self.title,
            train=self._part(self.train, framing),
            test=self._part(self.test, calm),
            validation=None if self.validation is None else self._part(self.validation, calm),
            classes=self.classes,
            mean=mean,
            std=std,
            licence=self.licence,
            citation=self.citation,
        )

    def _part(self, shelf: Shelf | str, framing: EventFraming) -> Source:
        if isinstance(shelf, str):
            return Missing(framing.shape(self.sensor), shelf)
        return FramedRecordings(shelf, framing)
