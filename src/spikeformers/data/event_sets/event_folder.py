"""A user's own recordings: class folders in parts, files of any format that can be read."""

from __future__ import annotations

import tomllib
from pathlib import Path

from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.files import Listed, class_folders, files_in, folders_in
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.shelf import FileShelf
from spikeformers.data.events.array import Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.opening import SUFFIXES, open_recording
from spikeformers.data.recordings.recording import Recording
from spikeformers.data.sources import evenly_spaced
from spikeformers.errors import DataError

PARTS = ("train", "test", "validation")
CAMERA = "camera.toml"
READABLE = (*SUFFIXES, ".aedat", ".raw")
LOOKED_AT = 16  # recordings that are read to propose a camera


def _lies_in(data_dir: Path) -> bool:
    return any(
        name.lower().endswith(READABLE)
        for part in PARTS
        for folder in folders_in(data_dir / part)
        for name in files_in(data_dir / part / folder)
    )


def _open(data_dir: Path) -> RecordingSet:
    classes = tuple(folders_in(data_dir / "train") or folders_in(data_dir / "test"))
    found = {part: class_folders(data_dir / part, classes, READABLE) for part in PARTS}
    sensor = _camera(data_dir, found) if any(part.names for part in found.values()) else Sensor(1, 1)
    parts = {part: _part(data_dir / part, found[part], classes, sensor) for part in PARTS}
    validation = parts["validation"]
    return RecordingSet(
        name="event_folder",
        title=f"event folder {data_dir.resolve().name}",
        sensor=sensor,
        train=parts["train"],
        test=parts["test"],
        validation=None if isinstance(validation, str) else validation,
        classes=classes,
        licence="the recordings' own",
        citation="",
    )


def _part(folder: Path, found: Listed, classes: tuple[str, ...], sensor: Sensor) -> FileShelf | str:
    if strange := sorted(set(folders_in(folder)) - set(classes)):
        raise DataError(
            f"{folder} has classes of which there is no training recording: {', '.join(strange[:5])}. "
            f"{EVENT_FOLDER.layout}"
        )
    if not found.names:
        return f"{folder}: no recordings there. {EVENT_FOLDER.layout}"
    return FileShelf(folder, found.names, found.labels, sensor, found.states)


def _camera(data_dir: Path, found: dict[str, Listed]) -> Sensor:
    """Return the camera of all recordings: what `camera.toml` says, or the largest that their headers name.

    Recordings that cannot be opened say nothing; they are left out, and named, when they are read.

    Raises:
        DataError: neither says it, or no recording can be opened.
    """
    if (data_dir / CAMERA).is_file():
        return _stated(data_dir / CAMERA)
    paths = [data_dir / part / name for part, listed in found.items() for name in listed.names]
    recordings = _openable(paths)
    silent = next((recording.path for recording in recordings if recording.sensor is None), None)
    if silent is not None:
        width, height, polarities = _largest_addresses(recordings)
        raise DataError(
            f"{silent}: the file does not say how many pixels its camera has. Write {data_dir / CAMERA} with the lines "
            f"width = {width}, height = {height} and polarities = {polarities}, if that is right: it is the least that "
            f"holds the events of {min(LOOKED_AT, len(recordings))} recordings."
        )
    known = [recording.sensor for recording in recordings if recording.sensor is not None]
    return Sensor(
        max(sensor.width for sensor in known),
        max(sensor.height for sensor in known),
        max(sensor.polarities for sensor in known),
    )


def _stated(path: Path) -> Sensor:
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        return Sensor(int(facts["width"]), int(facts["height"]), int(facts.get("polarities", 2)))
    except (OSError, KeyError, TypeError, ValueError) as error:  # tomllib's errors are ValueErrors
        raise DataError(f"{path}: expected width, height and maybe polarities, each a number ({error}).") from error


def _openable(paths: list[Path]) -> list[Recording]:
    recordings, refused = [], []
    for path in paths:
        try:
            recordings.append(open_recording(path))
        except DataError as error:
            refused.append(error)
    if not recordings:
        raise refused[0]
    return recordings


def _largest_addresses(recordings: list[Recording]) -> tuple[int, int, int]:
    largest = [0, 0, 0]
    for index in evenly_spaced(len(recordings), LOOKED_AT).tolist():
        for events in recordings[index].chunks(Losses()):
            for place, word in enumerate(("x", "y", "p")):
                largest[place] = max(largest[place], int(events[word].max(initial=0)))
    width, height, polarities = (value + 1 for value in largest)
    return width, height, polarities


EVENT_FOLDER = EventSet(
    name="event_folder",
    title="your own recordings",
    about="class folders of recordings in any format that can be read",
    source="your own camera",
    licence="the recordings' own",
    layout="Expected train/<class>/<file> and test/<class>/<file>, maybe validation/<class>/<file>; files that do not "
    f"say how many pixels their camera has need {CAMERA} beside train, with width, height and polarities.",
    lies_in=_lies_in,
    open_in=_open,
)
