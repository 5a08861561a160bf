"""Looking at one recording: what is in it, and pictures of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeformers.cli.measuring import expect_files
from spikeformers.cli.recordings import as_input, open_for, parse_sensor
from spikeformers.cli.trained import Trained, open_trained
from spikeformers.data import EventFraming, normalise
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.frames.slicing import by_number
from spikeformers.data.recordings.opening import format_of, open_recording
from spikeformers.data.recordings.recording import Recording, read_whole
from spikeformers.data.recordings.survey import Survey, survey
from spikeformers.errors import InputError
from spikeformers.files import atomic_write
from spikeformers.measure import firing_maps
from spikeformers.report.figures.event_cloud import point_cloud
from spikeformers.report.figures.event_firing import firing_film
from spikeformers.report.figures.event_frames import event_frames
from spikeformers.report.style import picture_kind, save
from spikeformers.report.text import count

TIME_STEPS = 10
MOST_PICTURED = 50_000_000  # events: their frames are made in memory


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which pictures; see the command `events`, whose options these are.

    Raises:
        InputError: a file that cannot be written so, or numbers that cannot be.
    """

    time_steps: int | None
    model: Path | None
    plot: Path | None
    cloud: Path | None
    gif: Path | None

    def __post_init__(self) -> None:
        if self.time_steps is not None and self.time_steps < 1:
            raise InputError(f"--time-steps is {self.time_steps}; it must be 1 or more.")
        if self.gif is not None and self.gif.suffix.lower() != ".gif":
            raise InputError(f"--gif {self.gif}: a moving picture is a GIF; name a file that ends in .gif.")
        if self.model is not None and self.gif is None:
            raise InputError("--model shows its firing in a moving picture: name one with --gif FILE.")
        for path in (self.plot, self.cloud):
            if path is not None:
                picture_kind(path)
        expect_files(self.plot, self.cloud, self.gif)

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that are to be written."""
        return tuple(path for path in (self.plot, self.cloud, self.gif) if path is not None)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What looking at a recording has told."""

    format: str
    survey: Survey


def look(
    file: Path, wanted: Wanted, *, format: str | None, sensor: str | None, start: float | None, stop: float | None
) -> Seen:
    """Read a recording and write the pictures that are wanted.

    Raises:
        InputError, DataError: it cannot be read so, or not be drawn.
    """
    size = None if sensor is None else parse_sensor(sensor)
    if wanted.model is None:
        trained, recording = None, open_recording(file, format=format, sensor=size)
    else:
        trained = open_trained(wanted.model, None)
        recording = open_for(trained, file, format=format, sensor=size)
    begin, end = _on_its_clock(recording, start, stop)
    found = survey(recording, start=begin, stop=end)
    if wanted.files:
        if not 0 < found.events <= MOST_PICTURED:
            raise InputError(
                f"{file} has {count(found.events)} events there; pictures are made of 1 to {count(MOST_PICTURED)}. "
                "Choose another part with --start and --stop."
            )
        events = read_whole(recording, Losses(), start=begin, stop=end)
        _draw(events, found.smallest, wanted, trained, file.name)
    return Seen(format=format or format_of(file), survey=found)


def _on_its_clock(recording: Recording, start: float | None, stop: float | None) -> tuple[int | None, int | None]:
    """Seconds from the first event on, as microseconds of the recording's own clock."""
    if start is None and stop is None:
        return None, None
    first = next((int(chunk["t"][0]) for chunk in recording.chunks(Losses()) if len(chunk)), 0)
    begin, end = (None if seconds is None else first + round(1e6 * seconds) for seconds in (start, stop))
    if begin is not None and end is not None and begin >= end:
        raise InputError(f"--start {start} and --stop {stop}: nothing lies between them.")
    return begin, end


def _draw(events: Events, sensor: Sensor, wanted: Wanted, trained: Trained | None, name: str) -> None:
    steps = wanted.time_steps or (TIME_STEPS if trained is None else trained.model.config.time_steps)
    if wanted.cloud is not None:
        save(point_cloud(events, sensor, name), wanted.cloud)
    if wanted.plot is not None:
        save(event_frames([_counted(events, sensor, steps)], spans=_spans(events, steps), on=name), wanted.plot)
    if wanted.gif is not None:
        if trained is None:
            film = firing_film(_counted(events, sensor, steps), on=name)
        else:
            x = as_input(trained, events, sensor, steps)
            watched = firing_maps(trained.model, normalise(x, trained.mean, trained.std))
            film = firing_film(x[0].numpy(), watched, f"{name}, seen by {trained.name}")
        with atomic_write(wanted.gif) as out:
            out.write(film)


def _counted(events: Events, sensor: Sensor, time_steps: int) -> NDArray[np.float32]:
    return EventFraming(time_steps=time_steps, image_size=(sensor.height, sensor.width))(events, sensor)


def _spans(events: Events, time_steps: int) -> list[str]:
    """When each of the time steps of equally many events begins and ends, from the first event on."""
    bounds = by_number(events["t"], time_steps).bounds
    times = (events["t"] - events["t"][0]) / 1000
    return [
        "no events" if begin == end else f"{times[begin]:,.0f} to {times[end - 1]:,.0f} ms"
        for begin, end in pairwise(bounds.tolist())
    ]
