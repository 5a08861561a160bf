"""N-MNIST: MNIST's digits recorded by an event camera that moved in three saccades."""

from __future__ import annotations

from pathlib import Path

from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.files import Listed, class_folders, files_in
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.shelf import FileShelf
from spikeformers.data.events.array import Sensor

SENSOR = Sensor(34, 34)
CLASSES = tuple("0123456789")
FOLDERS = {"train": "Train", "test": "Test"}
LAYOUT = (
    "Expected Train/<digit>/<number>.bin and Test/<digit>/<number>.bin, as the archives Train.zip and Test.zip hold "
    "them."
)


def _lies_in(data_dir: Path) -> bool:
    return any(
        name.endswith(".bin")
        for folder in FOLDERS.values()
        for digit in CLASSES
        for name in files_in(data_dir / folder / digit)
    )


def _open(data_dir: Path) -> RecordingSet:
    parts = {part: _part(data_dir / folder) for part, folder in FOLDERS.items()}
    return RecordingSet(
        name="nmnist",
        title=NMNIST.title,
        sensor=SENSOR,
        train=parts["train"],
        test=parts["test"],
        classes=CLASSES,
        licence=NMNIST.licence,
        citation="G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor. Converting Static Image Datasets to Spiking "
        "Neuromorphic Datasets Using Saccades. Frontiers in Neuroscience 9:437, 2015.",
    )


def _part(folder: Path) -> FileShelf | str:
    found = _by_number(class_folders(folder, CLASSES, (".bin",)))
    if not found.names:
        return f"{folder}: no recordings of N-MNIST there. {NMNIST.way_out}"
    return FileShelf(folder, found.names, found.labels, SENSOR, found.states, "40bit")


def _by_number(found: Listed) -> Listed:
    """Put digits in the order of MNIST, which is that of their numbers, whatever their class."""
    order = sorted(range(len(found.names)), key=lambda index: found.names[index].split("/")[::-1])
    names, states = [found.names[index] for index in order], [found.states[index] for index in order]
    return Listed(names, found.labels[order], states)


NMNIST = EventSet(
    name="nmnist",
    title="N-MNIST",
    sensor=SENSOR,
    about="handwritten digits seen by a moving camera, 34 x 34 pixels, about 0.3 s each",
    source="https://www.garrickorchard.com/datasets/n-mnist (Train.zip and Test.zip)",
    licence="CC BY-SA 4.0, as far as known",
    layout=LAYOUT,
    lies_in=_lies_in,
    open_in=_open,
    sizes={"train": 60_000, "test": 10_000},
    # MNIST's: recording i shows picture i.
    counts={
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
)
