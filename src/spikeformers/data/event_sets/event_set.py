"""What is known of a data set of recordings before any of its files is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spikeformers.data.event_sets.image_frames import FrameSet
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.events.array import Sensor
from spikeformers.errors import DataError

Opened = RecordingSet | FrameSet


def _nothing_known() -> Mapping[str, tuple[str, ...]]:
    return {}


@dataclass(frozen=True, kw_only=True)
class EventSet:
    """A data set of recordings in the layout of its release.

    Attributes:
        about: in a line, what was recorded.
        source: where to get it.
        layout: begins "Expected", and says how its files lie in the directory that is named.
        sizes: part -> recordings of the whole release; empty where there is no official size.
        counts: part -> recordings per class, where they are known.
        names: part -> what the recordings are called, or the files they are cut out of, where that is known.
        lies_in: whether a directory seems to hold it, looking at a few of its files.
        open_in: opens what there is of it in a directory.
        notes: what a user of the figures should know.
        sensor: the camera's size; None where it is known only of what lies in a directory.
    """

    name: str
    title: str
    about: str
    source: str
    licence: str
    layout: str
    lies_in: Callable[[Path], bool]
    open_in: Callable[[Path], Opened]
    sizes: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    names: Callable[[], Mapping[str, tuple[str, ...]]] = _nothing_known
    notes: tuple[str, ...] = ()
    sensor: Sensor | None = None

    def load(self, data_dir: Path | None = None) -> Opened:
        """Open the data set; this is its `Loader`.

        Raises:
            DataError: no directory was given, there is none, or nothing of the data set is in it.
        """
        if data_dir is None:
            raise DataError(f"No directory was given for {self.title}. Name the one that holds it. {self.way_out}")
        if not data_dir.is_dir():
            raise DataError(f"{data_dir}: no such directory. Check the path. {self.way_out}")
        opened = self.open_in(data_dir)
        if all(isinstance(part, str) for part in opened.parts.values()):
            raise DataError(f"{data_dir} holds no recordings of {self.title}. {self.way_out}")
        return opened

    @property
    def way_out(self) -> str:
        """What was expected, and where to get it."""
        return f"{self.layout} To be had from {self.source}."
