"""CIFAR10-DVS: 10 000 of CIFAR-10's images, moved on a screen before an event camera."""

from __future__ import annotations

from pathlib import Path

from spikeformers.data.event_sets.divided import by_test_list, named_by_test_list
from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.files import class_folders, files_in
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.shelf import FileShelf
from spikeformers.data.events.array import Sensor

SENSOR = Sensor(128, 128)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PER_CLASS = 1000
TEST_LIST = "cifar10dvs_test"


def recording_names() -> list[str]:
    """Return what all recordings of the release are called, classes and files sorted as text, as the papers do."""
    return [
        f"{name}/{file}" for name in CLASSES for file in sorted(f"cifar10_{name}_{n}.aedat" for n in range(PER_CLASS))
    ]


def _lies_in(data_dir: Path) -> bool:
    return any(
        name.startswith("cifar10_") and name.endswith(".aedat")
        for folder in CLASSES
        for name in files_in(data_dir / folder)
    )


def _open(data_dir: Path) -> RecordingSet:
    found = class_folders(data_dir, CLASSES, (".aedat",))
    shelf = FileShelf(data_dir, found.names, found.labels, SENSOR, found.states, "aedat2")
    train, test = by_test_list(shelf, TEST_LIST, f"{data_dir}: {CIFAR10DVS.way_out}")
    return RecordingSet(
        name="cifar10dvs",
        title=CIFAR10DVS.title,
        sensor=SENSOR,
        train=train,
        test=test,
        classes=CLASSES,
        licence=CIFAR10DVS.licence,
        citation="H. Li, H. Liu, X. Ji, G. Li, L. Shi. CIFAR10-DVS: An Event-Stream Dataset for Object Classification. "
        "Frontiers in Neuroscience 11:309, 2017.",
    )


CIFAR10DVS = EventSet(
    name="cifar10dvs",
    title="CIFAR10-DVS",
    sensor=SENSOR,
    about="10 000 images of CIFAR-10 moved on a screen, 128 x 128 pixels, about 1.3 s each",
    source="https://doi.org/10.6084/m9.figshare.4724671 (ten archives, one per class)",
    licence="CC BY 4.0, as far as known",
    layout="Expected <class>/cifar10_<class>_<number>.aedat for the ten classes, as the ten archives hold them, "
    "unpacked side by side.",
    lies_in=_lies_in,
    open_in=_open,
    sizes={"train": 9_000, "test": 1_000},
    counts={"train": (900,) * 10, "test": (100,) * 10},
    names=lambda: named_by_test_list(recording_names(), TEST_LIST),
    notes=(
        "There is no official split. Here it is the papers': of each class the first 900 files in the order of their "
        "names as text are for training, the last 100 for testing.",
        "The papers choose the best epoch on the test part. validation = 0.1 in a recipe keeps the 900 recordings of "
        "the shipped list cifar10dvs_validation apart instead.",
    ),
)
