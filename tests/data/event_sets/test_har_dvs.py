"""HAR-DVS, which was released as images of frames, written small and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spikeformers.data import load_dataset
from spikeformers.data.augment.events import EventDrop
from spikeformers.data.event_sets.image_frames import FrameSet, ImageFrames, two_channels
from spikeformers.data.event_sets.table import EVENT_SETS, which_lies_in
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.watch import Watch
from spikeformers.errors import ConfigError, DataError

GREYS = [0, 30, 31, 76, 77, 198, 199, 255]


def write_har_dvs(root: Path, recordings: dict[str, int], *, inside: str = "") -> None:
    """Frames of one grey value each: the i-th frame of a recording shows GREYS[i % 8]."""
    for name, count in recordings.items():
        folder = root / "rawframes" / name / inside.format(name.split("/")[1])
        folder.mkdir(parents=True)
        for frame in range(count):
            picture = np.full((26, 34, 3), GREYS[frame % len(GREYS)], dtype=np.uint8)
            Image.fromarray(picture).save(folder / f"{frame}.png")


@pytest.fixture
def har_dvs(tmp_path: Path) -> Path:
    write_har_dvs(tmp_path, {"action_001/a": 12, "action_300/b": 3, "action_002/c": 11}, inside="{}_dvs")
    lists = {"train": "action_001/a 12 0\naction_300/b 3 299\n", "test": "x/action_002/c 1\naction_009/gone 8\n"}
    for part, text in lists.items():
        (tmp_path / "list").mkdir(exist_ok=True)
        (tmp_path / "list" / f"{part}_label.txt").write_text(text)
    return tmp_path


def grey_of(frames: torch.Tensor) -> list[tuple[float, float]]:
    """The two channels of every frame; they are the same at every pixel."""
    assert torch.equal(frames.amin(dim=(-2, -1)), frames.amax(dim=(-2, -1)))
    return [(float(first), float(second)) for first, second in frames[..., 0, 0]]


def rule(grey: int) -> tuple[float, float]:
    return float(grey / 255 < 0.12), float(0.3 < grey / 255 <= 0.78)


def test_har_dvs(har_dvs: Path) -> None:
    frames = EVENT_SETS["har_dvs"].load(har_dvs)
    assert isinstance(frames, FrameSet)
    assert frames.validation is None
    data = frames.framed(EventFraming(time_steps=4, image_size=(8, 8)), Watch())
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 299], [1])
    window = data.test.read(torch.tensor([0])).images
    assert window.shape == (1, 4, 2, 8, 8)
    middle = (11 - 4) // 2
    assert grey_of(window[0]) == [rule(GREYS[frame % 8]) for frame in range(middle, middle + 4)]
    assert which_lies_in(har_dvs).name == "har_dvs"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"representation": "binary"}, "that representation could"),
        ({"split_by": "duration", "window": 5}, "that split_by, window could"),
        ({"resize": "merge", "merge_polarities": True}, "that merge_polarities, resize could"),
        ({"augment": EventDrop()}, "that augment could"),
    ],
)
def test_what_needs_events_is_refused_where_there_are_frames_only(
    har_dvs: Path, words: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=f"HAR-DVS was released as images of frames: there are no events {named}"):
        load_dataset("har_dvs", har_dvs, framing=EventFraming(time_steps=4, image_size=(8, 8), **words))


def test_short_recordings_end_in_zeros_and_training_windows_are_random(har_dvs: Path) -> None:
    data = load_dataset("har_dvs", har_dvs, framing=EventFraming(time_steps=5, image_size=(8, 8)))
    short = data.train.read(torch.tensor([1]), torch.Generator()).images[0]
    assert grey_of(short) == [rule(GREYS[frame]) for frame in range(3)] + [(0.0, 0.0)] * 2
    possible = [[rule(GREYS[frame % 8]) for frame in range(start, start + 5)] for start in range(8)]
    generator = torch.Generator().manual_seed(0)
    seen = {possible.index(grey_of(data.train.read(torch.tensor([0]), generator).images[0])) for _ in range(60)}
    assert seen == set(range(8)), "every start, the first and the last included"
    assert isinstance(data.train, ImageFrames)
    calm = data.train.at_evaluation()
    assert grey_of(calm.read(torch.tensor([0])).images[0]) == possible[3]


def test_the_two_channels() -> None:
    greys = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    frames = two_channels(greys)
    assert [tuple(pair) for pair in frames.reshape(2, -1).T.tolist()] == [rule(grey) for grey in range(256)]


def test_lists_that_count_from_one(tmp_path: Path) -> None:
    write_har_dvs(tmp_path, {"action_001/a": 2, "action_300/b": 2})
    (tmp_path / "train_label.txt").write_text("action_001/a 1\naction_300/b 300\n")
    assert load_dataset("har_dvs", tmp_path).train.labels.tolist() == [0, 299]
    (tmp_path / "train_label.txt").write_text("action_001/a 1\naction_300/b 301\n")
    with pytest.raises(DataError, match="labels 1 to 301; HAR-DVS has 300 classes"):
        load_dataset("har_dvs", tmp_path)
    (tmp_path / "train_label.txt").write_text("action_001/a\n")
    with pytest.raises(DataError, match=r"train_label.txt, line 1: 'action_001/a'; expected"):
        load_dataset("har_dvs", tmp_path)


def test_unreadable_frames_are_named(har_dvs: Path) -> None:
    data = load_dataset("har_dvs", har_dvs, framing=EventFraming(time_steps=4, image_size=(8, 8)))
    (har_dvs / "rawframes/action_300/b/b_dvs/1.png").write_bytes(b"no picture")
    pictures = data.train.read(torch.tensor([0, 1]), torch.Generator())
    assert pictures.labels.tolist() == [0, 0]
    (reason,) = pictures.unreadable
    assert "b_dvs/1.png" in reason
