"""Single recordings on the command line: the size of their camera, and frames as a trained model takes them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from spikeformers.cli.trained import Trained
from spikeformers.data import Source, Subset, holds_events
from spikeformers.data.event_sets.shelf import Shelf
from spikeformers.data.event_sets.table import EVENT_SETS
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.opening import open_recording
from spikeformers.data.recordings.recording import Recording, read_whole
from spikeformers.errors import DataError, InputError
from spikeformers.train.feed import event_framing_of


def parse_sensor(text: str) -> Sensor:
    """Read "346x260": columns and rows.

    >>> parse_sensor("346x260")
    Sensor(width=346, height=260, polarities=2)

    Raises:
        InputError: it is something else.
    """
    match = re.fullmatch(r"(\d+)\s*[x×,]\s*(\d+)", text.strip())
    if match is None:
        raise InputError(f"--sensor {text!r} cannot be read. Write columns x rows, such as 346x260.")
    return Sensor(int(match[1]), int(match[2]))


def open_for(trained: Trained, path: Path, *, format: str | None, sensor: Sensor | None) -> Recording:
    """Open a recording for a model.

    Where neither the user nor the file says the camera's size, it is that of the data set the model was trained on, or
    where that has none of its own, of the model's input.

    Raises:
        InputError: the model was trained on images.
        DataError: the file cannot be read.
    """
    if not holds_events(trained.dataset):
        raise InputError(
            f"{trained.checkpoint} was trained on images ({trained.dataset}), so it cannot look at a recording of "
            "events. Name a model that was trained on events."
        )
    recording = open_recording(path, format=format, sensor=sensor)
    if recording.sensor is None:
        recording = open_recording(path, format=format, sensor=_expected(trained))
    return recording


def as_input(trained: Trained, events: Events, sensor: Sensor, time_steps: int | None = None) -> Tensor:
    """Return a recording as frames, float32 `[1, T, C, H, W]`, as those the model was trained on were made.

    Args:
        time_steps: None: those of the model.

    Raises:
        InputError: these frames are of another size than the model takes.
    """
    config = trained.model.config
    frames = torch.from_numpy(event_framing_of(trained.events, config, time_steps)(events, sensor))
    expected = (config.in_channels, *config.image_size)
    if tuple(frames.shape[1:]) != expected:
        raise InputError(
            f"A sensor of {sensor.width} x {sensor.height} pixels and {sensor.polarities} polarities makes frames of "
            f"(channels, height, width) {tuple(frames.shape[1:])}; the model takes {expected}. Give a recording of the "
            "camera it was trained for, or its size with --sensor."
        )
    return frames[None]


def read_inputs(
    trained: Trained, paths: tuple[Path, ...], *, format: str | None, sensor: Sensor | None
) -> tuple[Tensor, dict[Path, Losses]]:
    """Return recordings as the model takes them, float32 `[B, T, C, H, W]`, and what was lost of each while reading."""
    inputs, lost = [], {}
    for path in paths:
        recording = open_for(trained, path, format=format, sensor=sensor)
        lost[path] = Losses()
        events = read_whole(recording, lost[path])
        inputs.append(as_input(trained, events, recording.sensor or _expected(trained)))
    return torch.cat(inputs), lost


def first_recorded(source: Source) -> tuple[Events, Sensor] | None:
    """Return the events of the first readable recording of a source, and its camera; None where there are none."""
    for index in range(len(source)):
        try:
            return _recorded(source, index)
        except DataError:
            continue
    return None


def _recorded(source: Source, index: int) -> tuple[Events, Sensor] | None:
    if isinstance(source, Subset):
        return _recorded(source.source, int(source.indices[index]))
    shelf: Shelf | None = getattr(source, "shelf", None)
    return None if shelf is None else (shelf.events(index), shelf.sensor)


def _expected(trained: Trained) -> Sensor:
    known = EVENT_SETS.get(trained.dataset)
    height, width = trained.model.config.image_size
    return Sensor(width, height) if known is None or known.sensor is None else known.sensor
