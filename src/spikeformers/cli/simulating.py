"""What `spikeformers simulate` does: from the words of the command line to files, with progress."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from spikeformers.cli.measuring import counting
from spikeformers.data import Images, load_dataset
from spikeformers.data.simulate.changing import changed
from spikeformers.data.simulate.clips import Clip
from spikeformers.data.simulate.folder import NOTE, ids_in, simulate_folder
from spikeformers.data.simulate.forty_bit import write_forty_bit
from spikeformers.data.simulate.paths import DRIFTS
from spikeformers.data.simulate.pixels import PixelModel
from spikeformers.data.simulate.scene import simulate_video
from spikeformers.data.simulate.scenes import scene_with
from spikeformers.errors import ConfigError, DataError
from spikeformers.files import atomic_write
from spikeformers.train.overrides import nested
from spikeformers.version import __version__

ALL_DRIFTS = "drifts"
PARTS = {"train": "Train", "test": "Test"}
DIGITS = tuple("0123456789")


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What a command has left: where, how many recordings, and the note that says how."""

    out: Path
    recordings: int
    note: Path


def simulate_mnist(
    data_dir: Path,
    out: Path,
    *,
    motion: str,
    part: str,
    most: int | None,
    without: Path | None,
    set: Sequence[str],
    vary: float,
    seed: int,
) -> Simulated:
    """Simulate pictures of MNIST; see `commands/simulate.py` for the words.

    Raises:
        SpikeformersError: no MNIST there, no such motion or parameter, or the folder holds something else.
    """
    words = {"vary": vary, **nested(set)}
    motions = tuple(DRIFTS) if motion == ALL_DRIFTS else (motion,)
    scenes = [changed(scene_with(word), words) for word in motions]
    images = getattr(load_dataset("mnist", data_dir), part)
    assert isinstance(images, Images)
    ids = _chosen(len(images), most, without)
    places = torch.tensor(ids) - 1
    if len(motions) > 1:
        labels, of_label = [motions[number % len(motions)] for number in ids], dict(zip(motions, scenes, strict=True))
    else:
        labels = [DIGITS[label] for label in images.labels[places].tolist()]
        of_label = dict.fromkeys(DIGITS, scenes[0])
    with counting("simulating", len(ids)) as progress:
        simulate_folder(
            out,
            images.images[places, 0],
            labels,
            ids,
            of_label,
            seed=seed,
            origin="MNIST",
            part=PARTS[part],
            progress=progress,
        )
    return Simulated(out=out, recordings=len(ids), note=out / NOTE)


def simulate_clip(
    clip: Path, out: Path, *, frames_per_second: float, size: tuple[int, int] | None, set: Sequence[str], seed: int
) -> Simulated:
    """Simulate a camera that looks at a video; see `commands/simulate.py` for the words.

    Raises:
        SpikeformersError: no such video or parameter, or events that the format cannot hold.
    """
    pixels = changed(PixelModel(), nested(set))
    note = out.with_suffix(".json")
    if out.suffix != ".bin":
        raise ConfigError(f"{out}: simulated events are written as 40-bit records, NAME.bin.")
    parts = simulate_video(Clip(clip, size).frames(), frames_per_second, pixels, seed)
    write_forty_bit(out, np.concatenate(list(parts)))
    said = {
        "simulated": True,
        "by": f"spikeformers {__version__}",
        "origin": clip.name,
        "frames_per_second": frames_per_second,
        "size": size,
        "seed": seed,
        "pixels": asdict(pixels),
    }
    with atomic_write(note) as file:
        file.write((json.dumps(said, indent=2) + "\n").encode())
    return Simulated(out=out, recordings=1, note=note)


def _chosen(pictures: int, most: int | None, without: Path | None) -> list[int]:
    """Return the ids to simulate, counted from 1."""
    left_out = frozenset() if without is None else frozenset(ids_in(without))
    ids = [number for number in range(1, pictures + 1) if number not in left_out][:most]
    if not ids:
        raise DataError(f"There is no picture to simulate: {pictures} are there, {len(left_out)} ids left out.")
    return ids
