"""Recordings out of the cache."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from spikeformers.data.event_sets.cache import shard
from spikeformers.data.event_sets.cache.conversion import Maker, convert, forget_all_but
from spikeformers.data.event_sets.cache.shard import MOST_ADDRESSES, Shard
from spikeformers.data.event_sets.cache.spans import Span, directory_of, spans_of
from spikeformers.data.event_sets.shelf import Originals
from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.pictures.cache import VARIABLE
from spikeformers.data.watch import Watch


@dataclass(eq=False)
class Cached:
    """The recordings of a shelf, out of its shards; a damaged one is made anew from the files, with a note.

    Attributes:
        losses: what of all recordings could not be taken over.
        refused: index -> why a recording cannot be read.
    """

    originals: Originals
    spans: Sequence[Span]
    watch: Watch
    losses: Losses
    refused: dict[int, str]

    def __post_init__(self) -> None:
        self._shards: dict[int, Shard] = {}

    @property
    def names(self) -> Sequence[str]:
        return self.originals.names

    @property
    def labels(self) -> Tensor:
        return self.originals.labels

    @property
    def sensor(self) -> Sensor:
        return self.originals.sensor

    def events(self, index: int) -> Events:
        return self.addressed(index).events()

    def addressed(self, index: int) -> Addressed:
        number = bisect_right(self._starts, index) - 1
        place = index - self._starts[number]
        try:
            opened = self._shard(number)
            if place not in opened.refused:
                return opened.addressed(place)
        except (OSError, ValueError) as error:
            self._renew(number, error)
        # Either it cannot be read, and the file says why, or its shard has just been made anew.
        return self.originals.addressed(index)

    def __getstate__(self) -> dict[str, Any]:
        # Mapped files cannot be sent to another process, nor can whoever watches this one.
        return {**self.__dict__, "_shards": {}, "watch": Watch()}

    @cached_property
    def _starts(self) -> list[int]:
        return [span.indices.start for span in self.spans]

    def _shard(self, number: int) -> Shard:
        if number not in self._shards:
            self._shards[number] = shard.read(self.spans[number].path)
        return self._shards[number]

    def _renew(self, number: int, error: OSError | ValueError) -> None:
        span = self.spans[number]
        self.watch.note(f"{span.path}: these converted recordings are damaged ({error}); they are made anew.")
        self._shards.pop(number, None)
        try:
            span.path.unlink(missing_ok=True)
            Maker(self.originals)(span)
        except OSError:
            return  # a cache that cannot be written is done without


def kept(originals: Originals, what: str, watch: Watch) -> Cached | Originals:
    """Return recordings out of the cache, converting first what is not in it.

    Where nothing can be kept there, a note says so, and the recordings are read from their files.

    Args:
        what: the data set and its part, for messages.

    Raises:
        DataError: a process that reads has died.
    """
    sensor = originals.sensor
    spans = spans_of(originals)
    if not spans:
        return originals
    try:
        if sensor.size > MOST_ADDRESSES:
            raise OSError("the camera has too many pixels")
        return converted(originals, spans, what, watch)
    except (OSError, ValueError) as error:
        watch.note(
            f"{what} cannot be kept converted in {directory_of(originals)} ({error}), so its files are decoded "
            f"whenever they are read. Free some space there, or set {VARIABLE} to another directory."
        )
        return originals


def converted(originals: Originals, spans: Sequence[Span], what: str, watch: Watch) -> Cached:
    """Return recordings out of the cache, converting first what is not in it.

    Raises:
        OSError, ValueError: they cannot be kept there.
        DataError: a process that reads has died.
    """
    missing = [span for span in spans if not _usable(span, what, watch)]
    if missing:
        done = len(originals.names) - sum(len(span.indices) for span in missing)
        convert(originals, missing, done, what, watch)
        forget_all_but(spans)
    losses, refused = Losses(), {}
    for span in spans:
        opened = shard.read(span.path)
        losses.merge(opened.losses)
        refused.update({span.indices[place]: reason for place, reason in opened.refused.items()})
    return Cached(originals, spans, watch, losses, refused)


def _usable(span: Span, what: str, watch: Watch) -> bool:
    try:
        shard.read(span.path)
    except OSError:
        return False  # not converted yet; if nothing can be written there either, that is said later
    except ValueError as error:
        watch.note(f"{span.path}: these converted recordings are damaged ({error}); {what} is converted anew there.")
        span.path.unlink(missing_ok=True)
        return False
    return True
