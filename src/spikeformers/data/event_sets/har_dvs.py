"""HAR-DVS: 300 human activities before an event camera, released as images of frames.

Figures on it differ from the Meta-SpikeFormer's in how frames are taken: its code takes them in the order the file
system lists them, and a random window at the test, too. Here they are sorted, and the test takes the middle window.
"""

from __future__ import annotations

from pathlib import Path

import torch

from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.files import files_in, folders_in
from spikeformers.data.event_sets.image_frames import FrameSet, FrameShelf
from spikeformers.data.events.array import Sensor
from spikeformers.errors import DataError

FRAMES = "rawframes"
LISTS = {"train": "train_label.txt", "validation": "val_label.txt", "test": "test_label.txt"}
CLASSES = tuple(f"action_{number:03d}" for number in range(1, 301))


def _lies_in(data_dir: Path) -> bool:
    return any(_list(data_dir, name) is not None for name in LISTS.values())


def _open(data_dir: Path) -> FrameSet:
    root = data_dir / FRAMES if (data_dir / FRAMES).is_dir() else data_dir
    rows = {part: _rows(path) for part, name in LISTS.items() if (path := _list(data_dir, name)) is not None}
    first = _first_label([label for part in rows.values() for _, label in part], data_dir)
    there = {f"{outer}/{inner}" for outer in folders_in(root) for inner in folders_in(root / outer)} if rows else set()
    parts: dict[str, FrameShelf | str] = {part: _missing(data_dir, part) for part in LISTS}
    for part, listed in rows.items():
        known = [(name, label - first) for name, label in listed if name in there]
        if known:
            parts[part] = FrameShelf(root, [name for name, _ in known], torch.tensor([label for _, label in known]))
    return FrameSet(
        name="har_dvs",
        title=HAR_DVS.title,
        sensor=Sensor(346, 260),
        train=parts["train"],
        test=parts["test"],
        validation=validation if isinstance(validation := parts["validation"], FrameShelf) else None,
        classes=CLASSES,
        licence=HAR_DVS.licence,
        citation="X. Wang et al. HARDVS: Revisiting Human Activity Recognition with Dynamic Vision Sensors. AAAI 2024.",
    )


def _missing(data_dir: Path, part: str) -> str:
    return f"{data_dir}: {LISTS[part]}, or whatever it lists, is not there. {HAR_DVS.way_out}"


def _list(data_dir: Path, name: str) -> Path | None:
    """Return where a list lies: in the directory, or in one of the folders in it."""
    folders = [data_dir, *(data_dir / folder for folder in folders_in(data_dir) if folder != FRAMES)]
    return next((folder / name for folder in folders if name in files_in(folder)), None)


def _rows(path: Path) -> list[tuple[str, int]]:
    """Return folder (`class/recording`) and label of every row, whose last word is the label.

    Raises:
        DataError: a row that cannot be understood.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        folder = "/".join(words[0].strip("/").split("/")[-2:])
        if len(words) < 2 or not words[-1].isdecimal() or "/" not in folder:
            raise DataError(
                f"{path}, line {number}: {line[:80]!r}; expected <class>/<recording>, maybe a number of "
                "frames, and a label."
            )
        rows.append((folder, int(words[-1])))
    return rows


def _first_label(labels: list[int], data_dir: Path) -> int:
    """Return whether labels count from 0 or 1; all lists together tell.

    Raises:
        DataError: they do neither.
    """
    if not labels or 0 <= min(labels) <= max(labels) < len(CLASSES):
        return 0
    if 1 <= min(labels) <= max(labels) == len(CLASSES):
        return 1
    raise DataError(
        f"{data_dir}: the lists have labels {min(labels)} to {max(labels)}; HAR-DVS has {len(CLASSES)} classes, "
        "counted from 0 or 1. Take the lists of the release."
    )


HAR_DVS = EventSet(
    name="har_dvs",
    title="HAR-DVS",
    about="300 human activities, 346 x 260 pixels, as images of frames and not as events",
    source="https://github.com/Event-AHU/HARDVS (event images)",
    licence="not stated; its authors ask to be cited",
    layout="Expected rawframes/<class>/<recording>/ with images of its frames (or in <recording>_dvs/ in it), and "
    "train_label.txt, val_label.txt and test_label.txt beside rawframes, or in a folder there: lines of "
    "<class>/<recording>, maybe a number of frames, and a label.",
    lies_in=_lies_in,
    open_in=_open,
    sizes={"train": 64_526, "validation": 10_734, "test": 32_386},
    notes=(
        "Sizes are the published ones as far as known. The layout was not tried on the release itself.",
        "Frames are taken in the order of their numbers, and evaluation takes the window in the middle; the "
        "Meta-SpikeFormer's code takes them unsorted, and at random at the test, too. It also flips single frames.",
    ),
)
