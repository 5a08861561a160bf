"""A data set of event recordings, before it is decided how they become frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from spikeformers.data.dataset import Dataset
from spikeformers.data.event_sets.cache.cached import Cached, kept
from spikeformers.data.event_sets.framed import FramedRecordings
from spikeformers.data.event_sets.release import Release
from spikeformers.data.event_sets.shelf import Chosen, Originals, Shelf
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.sources import Missing, Source
from spikeformers.data.unreadable import refuse_many
from spikeformers.data.watch import Watch
from spikeformers.errors import DataError

TIME_STEPS = 10  # where nobody says how many


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordingSet(Release[Shelf]):
    """What a loader of event recordings returns; `framed` makes a `Dataset` of it."""

    def framed(self, framing: EventFraming | Framing | None, watch: Watch) -> Dataset:
        """Return the data set as frames; None: counts of the sensor's pixels over 10 time steps, cut by number.

        Recordings that lie in files are converted once and kept in the cache directory; the watch is told of the
        progress, and of what of the files could not be taken over. Recordings that cannot be read are left out.
        Mean and std are those that leave the frames as they are.

        Raises:
            DataError: a framing for pictures was given, or too many recordings cannot be read.
        """
        if isinstance(framing, Framing):
            raise DataError(f"{self.title} holds events, which are framed by an EventFraming, not as pictures.")
        framing = framing or EventFraming(time_steps=TIME_STEPS, image_size=(self.sensor.height, self.sensor.width))
        calm = framing.at_evaluation()
        shelves = self.kept(watch)
        parts: dict[str, Source] = {
            part: Missing(framing.shape(self.sensor), shelf)
            if isinstance(shelf, str)
            else FramedRecordings(shelf, framing if part == "train" else calm)
            for part, shelf in shelves.parts.items()
        }
        return self.dataset(parts, framing.shape(self.sensor)[0], shelves.unreadable)

    def kept(self, watch: Watch) -> KeptParts:
        """Return the parts out of the cache, converting first what is not in it; see `cache.cached.kept`.

        Raises:
            DataError: too many recordings cannot be read.
        """
        keeper = _Keeper(self.title, watch)
        parts = {
            part: shelf if isinstance(shelf, str) else keeper.part(shelf, part) for part, shelf in self.parts.items()
        }
        return KeptParts(parts, tuple(keeper.unreadable))


@dataclass(frozen=True, eq=False)
class KeptParts:
    """The parts of a data set out of the cache.

    Attributes:
        unreadable: recordings that were left out because they cannot be read, with reasons.
    """

    parts: dict[str, Shelf | str]
    unreadable: tuple[str, ...]


@dataclass(eq=False)
class _Keeper:
    """Takes parts out of the cache; one that several are chosen from is converted once."""

    title: str
    watch: Watch
    unreadable: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known: dict[int, Shelf] = {}

    def part(self, shelf: Shelf, part: str) -> Shelf:
        """Return a part without its unreadable recordings."""
        if isinstance(shelf, Chosen):
            below, indices = self._kept(shelf.shelf, self.title), shelf.indices
        else:
            below, indices = self._kept(shelf, self._what(part)), torch.arange(len(shelf.labels))
        if not isinstance(below, Cached):
            return shelf
        refused = [below.refused[index] for index in indices.tolist() if index in below.refused]
        refuse_many(refused, len(indices), self._what(part), "recordings")
        self.unreadable += refused
        readable = [index for index in indices.tolist() if index not in below.refused]
        return Chosen(below, torch.tensor(readable, dtype=torch.int64))

    def _what(self, part: str) -> str:
        return f"{self.title}, {'training' if part == 'train' else part} part"

    def _kept(self, shelf: Shelf, what: str) -> Shelf:
        if not isinstance(shelf, Originals):
            return shelf
        if id(shelf) not in self._known:
            self._known[id(shelf)] = below = kept(shelf, what, self.watch)
            if isinstance(below, Cached) and below.losses:
                self.watch.note(f"{what}: left out or put right while its files were read: {below.losses}.")
        return self._known[id(shelf)]
