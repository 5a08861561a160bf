"""DVS128 Gesture in its official layout: written by the tests, read by the package."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.gesture_labels import read_labels
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.data.recordings.recording import read_whole
from tests.data.recordings.writers.gesture_layout import write_gesture_folder


def drawn(number: int) -> Events:
    random = np.random.default_rng(number)
    x, y = random.integers(0, 128, (2, 900))
    return make_events(5_000 + np.sort(random.integers(0, 10**6, 900)), x, y, random.integers(0, 2, 900))


def check_folder(folder: Path, gestures: dict[str, list[tuple[int, Events]]], packet: int) -> None:
    """Write a folder, and check that each gesture read by its label is what was written, but for the clock."""
    names = list(gestures)
    written = write_gesture_folder(folder, gestures, train=names[:1], test=names[1:], packet=packet)
    for name, trials in gestures.items():
        recording = open_recording(folder / f"{name}.aedat")
        assert recording.sensor == Sensor(128, 128)
        labels = read_labels(folder / f"{name}_labels.csv")
        whole, losses = read_events(recording.path)
        assert all(whole["t"][0] <= label.start < label.stop <= whole["t"][-1] + 1 for label in labels)
        assert len(labels) == len(trials) == len(written[name])
        for label, (gesture, events), (_, moved) in zip(labels, trials, written[name], strict=True):
            read = read_whole(recording, losses, start=label.start, stop=label.stop)
            assert label.gesture == gesture
            np.testing.assert_array_equal(read, moved)
            np.testing.assert_array_equal(read[["x", "y", "p"]], events[["x", "y", "p"]])
            np.testing.assert_array_equal(np.diff(read["t"]), np.diff(events["t"]))
        assert not losses
    assert (folder / "trials_to_train.txt").read_text() == f"{names[0]}.aedat\n"


def test_a_small_folder_is_read_back(tmp_path: Path) -> None:
    gestures = {"user01_fluorescent": [(1, drawn(1)), (11, drawn(2))], "user24_led": [(8, drawn(3))]}
    check_folder(tmp_path, gestures, packet=100)


def test_the_real_clips_in_the_official_layout_are_read_back(tmp_path: Path) -> None:
    clips = Path(os.environ.get("SPIKEFORMERS_DATA", "")) / "dvs_gesture_clips"
    if not clips.is_dir():
        pytest.skip("SPIKEFORMERS_DATA names no directory with dvs_gesture_clips")
    losses = Losses()
    clip = {
        number: read_whole(open_recording(clips / f"class_{number}.bin", sensor=Sensor(128, 128)), losses)
        for number in range(1, 11)
    }
    assert not losses
    assert sum(map(len, clip.values())) * 5 == sum(path.stat().st_size for path in clips.glob("*.bin"))
    gestures = {
        "user01_natural": [(number, clip[number]) for number in (1, 2, 3, 4, 5)],
        "user24_led": [(number, clip[number]) for number in (6, 7, 8, 9, 10)],
    }
    check_folder(tmp_path, gestures, packet=2000)
