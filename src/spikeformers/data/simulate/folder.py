"""A folder of simulated recordings in the layout of N-MNIST, and beside them what says that they are simulated."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from spikeformers.data.simulate.forty_bit import write_forty_bit
from spikeformers.data.simulate.scene import Scene, simulate_pictures
from spikeformers.errors import DataError
from spikeformers.files import atomic_write
from spikeformers.version import __version__

NOTE = "simulated.json"
AT_ONCE = 64  # recordings simulated together: enough for NumPy to be at its best, few enough for the memory


def simulate_folder(
    folder: Path,
    pictures: Tensor,
    labels: Sequence[str],
    ids: Sequence[int],
    scenes: Mapping[str, Scene],
    *,
    seed: int = 0,
    origin: str,
    part: str = "Train",
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Write `part/<label>/<id>.bin` for each picture, and `simulated.json` with all parameters.

    Recordings that are there already stay, so that a run that was stopped goes on where it was.

    Args:
        pictures: uint8 `[N, h, w]`, with a label and an id each.
        scenes: what the recordings of each label are made in.
        origin: what the pictures are, for the note.
        progress: is told how many recordings are there.

    Raises:
        DataError: the folder holds something else than recordings simulated so.
    """
    _agree(folder, describe(scenes, seed, origin))
    names = [folder / part / label / f"{number:05d}.bin" for label, number in zip(labels, ids, strict=True)]
    done = sum(name.exists() for name in names)
    progress(done)
    for scene in dict.fromkeys(scenes.values()):
        missing = [at for at, name in enumerate(names) if scenes[labels[at]] == scene and not name.exists()]
        for first in range(0, len(missing), AT_ONCE):
            places = missing[first : first + AT_ONCE]
            recordings = simulate_pictures(pictures[places], scene, [ids[at] for at in places], seed)
            for at, events in zip(places, recordings, strict=True):
                write_forty_bit(names[at], events)
            progress(done := done + len(places))


def describe(scenes: Mapping[str, Scene], seed: int, origin: str) -> dict[str, Any]:
    """Return what the note beside simulated recordings says."""
    told = [
        {
            "labels": [label for label in scenes if scenes[label] == scene],
            "path": type(scene.path).__name__,
            "scene": asdict(scene),
        }
        for scene in dict.fromkeys(scenes.values())
    ]
    return {"simulated": True, "by": f"spikeformers {__version__}", "origin": origin, "seed": seed, "scenes": told}


def ids_in(place: Path) -> Collection[int]:
    """Return the ids that a file lists, one a line, or of the recordings `<id>.bin` anywhere in a folder.

    Raises:
        DataError: there is nothing of the kind.
    """
    if place.is_dir():
        found = [path.stem for path in place.rglob("*.bin")]
    elif place.is_file():
        found = place.read_text(errors="replace").split()
    else:
        raise DataError(f"{place}: there is no such file or folder of ids.")
    wrong = [word for word in found if not word.isdecimal()]
    if wrong or not found:
        what = f"found {wrong[0]!r}" if wrong else "found nothing"
        raise DataError(f"{place}: expected ids, whole numbers one a line, or recordings named <id>.bin; {what}.")
    return {int(word) for word in found}


def _agree(folder: Path, said: dict[str, Any]) -> None:
    """Write the note, or see that the one that is there says the same."""
    note = folder / NOTE
    text = json.dumps(said, indent=2) + "\n"
    if not note.exists():
        if any(folder.glob("*/*/*.bin")):
            raise DataError(f"{folder} holds recordings and no {NOTE}: they may be real. Choose another folder.")
        with atomic_write(note) as file:
            file.write(text.encode())
    elif note.read_text() != text:
        raise DataError(f"{note} tells of other parameters, pictures or seed. Choose another folder, or remove it.")
