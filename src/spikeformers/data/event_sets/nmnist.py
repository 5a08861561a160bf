"""N-MNIST: MNIST's digits recorded by an event camera that moved in three saccades."""

from __future__ import annotations

from pathlib import Path

import torch

from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.shelf import FileShelf
from spikeformers.data.events.array import Sensor
from spikeformers.errors import DataError

SENSOR = Sensor(34, 34)
CLASSES = tuple("0123456789")
WAY_OUT = (
    "Expected Train/<digit>/<number>.bin and Test/<digit>/<number>.bin, as the archives Train.zip and Test.zip of "
    "https://www.garrickorchard.com/datasets/n-mnist hold them."
)


def load_nmnist(data_dir: Path | None = None) -> RecordingSet:
    """Open N-MNIST in its official layout; one of the two parts may be absent.

    Raises:
        DataError: nothing was given, or there is neither part in it.
    """
    if data_dir is None:
        raise DataError(f"No directory was given for N-MNIST. {WAY_OUT}")
    parts = {part: _part(data_dir / part) for part in ("Train", "Test")}
    if not any(isinstance(part, FileShelf) for part in parts.values()):
        raise DataError(f"{data_dir} holds no recordings of N-MNIST. {WAY_OUT}")
    return RecordingSet(
        name="nmnist",
        title="N-MNIST",
        sensor=SENSOR,
        train=parts["Train"],
        test=parts["Test"],
        classes=CLASSES,
        licence="CC BY-SA 4.0, as far as known",
        citation="G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor. Converting Static Image Datasets to Spiking "
        "Neuromorphic Datasets Using Saccades. Frontiers in Neuroscience 9:437, 2015.",
    )


def _part(folder: Path) -> FileShelf | str:
    found = sorted((path.stem, label) for label in CLASSES for path in (folder / label).glob("*.bin"))
    if not found:
        return f"{folder}: no recordings of N-MNIST there. {WAY_OUT}"
    names = [f"{label}/{stem}.bin" for stem, label in found]
    labels = torch.tensor([int(label) for _, label in found])
    return FileShelf(folder, names, labels, SENSOR, "40bit")
