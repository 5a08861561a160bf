"""A small DVS128 Gesture in the official layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events
from tests.data.recordings.writers.aedat3 import write_aedat3

PAUSE = 500_000  # microseconds between two gestures


def write_gesture_folder(
    folder: Path,
    recordings: Mapping[str, Sequence[tuple[int, Events]]],
    *,
    train: Sequence[str],
    test: Sequence[str],
    packet: int = 5000,
) -> dict[str, list[tuple[int, Events]]]:
    """Write recordings, their tables of labels, and the lists of both parts.

    Args:
        recordings: name (`user01_fluorescent`) -> its gestures in their order: number 1 to 11, events.
        train, test: names of recordings; a file of each is listed there.
        packet: events in a packet, at most.

    Returns:
        As `recordings`, but with times of the recording's clock: the gestures one after the other, with pauses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {name: _one_after_the_other(trials) for name, trials in recordings.items()}
    for name, trials in written.items():
        write_aedat3(folder / f"{name}.aedat", np.concatenate([events for _, events in trials]), packet=packet)
        rows = [f"{gesture},{events['t'][0]},{events['t'][-1] + 1}\n" for gesture, events in trials]
        (folder / f"{name}_labels.csv").write_text("class,startTime_usec,endTime_usec\n" + "".join(rows))
    for part, names in (("train", train), ("test", test)):
        (folder / f"trials_to_{part}.txt").write_text("".join(f"{name}.aedat\n" for name in names))
    return written


def _one_after_the_other(trials: Sequence[tuple[int, Events]]) -> list[tuple[int, Events]]:
    moved, now = [], 0
    for gesture, events in trials:
        later = events.copy()
        later["t"] += now + PAUSE - events["t"][0]
        now = int(later["t"][-1])
        moved.append((gesture, later))
    return moved
