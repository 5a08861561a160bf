"""Every data set in its official layout, written small, and read back event by event."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeformers.data import Missing, dataset_names, holds_events, load_dataset
from spikeformers.data.event_sets import cifar10dvs, ncaltech101
from spikeformers.data.event_sets.recording_set import RecordingSet
from spikeformers.data.event_sets.shelf import Originals, Shelf
from spikeformers.data.event_sets.splits import split
from spikeformers.data.event_sets.table import EVENT_SETS, event_set, which_lies_in
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.recordings.opening import read_events
from spikeformers.data.watch import Watch
from spikeformers.errors import DataError, UnknownNameError
from spikeformers.train.official import official_samples
from tests.data.event_sets.writing import drawn, write_cifar10dvs, write_ncaltech101, write_nmnist
from tests.data.recordings.writers.evt2 import write_evt2
from tests.data.recordings.writers.forty_bit import write_forty_bit
from tests.data.recordings.writers.gesture_layout import write_gesture_folder
from tests.data.recordings.writers.hdf5 import write_spikes


def opened(name: str, root: Path) -> RecordingSet:
    recordings = EVENT_SETS[name].load(root)
    assert isinstance(recordings, RecordingSet)
    return recordings


def there(part: Shelf | str) -> Shelf:
    assert not isinstance(part, str), part
    return part


def check_events(part: Shelf | str, written: dict[str, Events]) -> None:
    shelf = there(part)
    assert sorted(shelf.names) == sorted(written)
    for index, name in enumerate(shelf.names):
        np.testing.assert_array_equal(shelf.events(index), written[name])


@pytest.mark.parametrize("name", sorted(EVENT_SETS))
def test_every_set_is_registered_and_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    assert name in dataset_names()
    assert holds_events(name)
    with pytest.raises(DataError, match=r"No directory was given for .* Expected .* To be had from "):
        load_dataset(name)
    with pytest.raises(DataError, match=r"no such directory. Check the path. Expected "):
        load_dataset(name, tmp_path / "nowhere")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "file.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"holds no recordings of .* Expected .* To be had from "):
        load_dataset(name, tmp_path)


@pytest.mark.parametrize("name", sorted(set(EVENT_SETS) - {"event_folder"}))
def test_sizes_agree_with_those_that_runs_are_planned_with(name: str) -> None:
    about = EVENT_SETS[name]
    planned = official_samples(name, 0.0)
    assert planned is not None
    assert planned.events
    sizes = {"train": planned.train, "validation": planned.validation, "test": planned.test}
    assert {part: size for part, size in sizes.items() if size} == about.sizes
    for part, counts in about.counts.items():
        assert sum(counts) == about.sizes[part]
    for part, names in about.names().items():
        if name != "dvs128_gesture":
            assert len(names) == about.sizes[part]


def test_names_are_those_of_the_table() -> None:
    assert event_set("CIFAR10DVS") is event_set("cifar10dvs")
    assert event_set("HAR-DVS").name == "har_dvs"
    with pytest.raises(UnknownNameError, match=r"Did you mean 'nmnist'"):
        event_set("mnist")


def test_nmnist(tmp_path: Path) -> None:
    train = write_nmnist(tmp_path / "Train", ["5/00001.bin", "0/00002.bin", "9/00003.bin"])
    test = write_nmnist(tmp_path / "Test", ["7/00001.bin", "2/00002.bin"])
    (tmp_path / "Train" / "5" / "notes.txt").write_text("no recording")
    (tmp_path / "Train" / "5" / ".hidden.bin").write_bytes(b"")
    parts = opened("nmnist", tmp_path)
    check_events(parts.train, train)
    check_events(parts.test, test)
    assert list(there(parts.train).names) == ["5/00001.bin", "0/00002.bin", "9/00003.bin"], "the order of MNIST"
    assert there(parts.train).labels.tolist() == [5, 0, 9]
    assert which_lies_in(tmp_path).name == "nmnist"


@pytest.mark.parametrize(("present", "absent"), [("Train", "test"), ("Test", "train")])
def test_a_part_that_is_not_there_is_missing(tmp_path: Path, present: str, absent: str) -> None:
    write_nmnist(tmp_path / present, ["5/00001.bin", "4/00002.bin"])
    data = load_dataset("nmnist", tmp_path)
    assert isinstance(getattr(data, absent), Missing)
    with pytest.raises(DataError, match=f"{absent.title()}: no recordings of N-MNIST there. Expected Train/<digit>"):
        data.need(absent)
    if present == "Train":
        folded = data.with_fold(2, 10)
        assert (folded.train.labels.tolist(), folded.test.labels.tolist()) == ([5], [4])


def test_cifar10dvs_is_divided_as_in_the_papers(tmp_path: Path) -> None:
    numbers = [0, 1, 10, 899, 908, 909, 91, 910, 999]
    names = [f"{folder}/cifar10_{folder}_{number}.aedat" for folder in ("cat", "truck") for number in numbers]
    written = write_cifar10dvs(tmp_path, names)
    parts = opened("cifar10dvs", tmp_path)
    # As text, 908 and 91 lie on different sides of the 900th name, which is 909: 0 .. 908 as text come before it.
    tested = [name for name in names if name.split("_")[-1] in {f"{n}.aedat" for n in (909, 91, 910, 999)}]
    check_events(parts.test, {name: written[name] for name in tested})
    check_events(parts.train, {name: written[name] for name in names if name not in tested})
    assert set(there(parts.train).labels.tolist()) == {3, 9}
    assert which_lies_in(tmp_path).name == "cifar10dvs"


def test_validation_of_cifar10dvs_is_the_published_list(tmp_path: Path) -> None:
    """With every file there, a recipe's validation = 0.1 takes exactly the shipped names."""
    source = write_cifar10dvs(tmp_path, ["cat/cifar10_cat_0.aedat"])
    assert source
    for name in cifar10dvs.recording_names():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if not (tmp_path / name).exists():
            os.link(tmp_path / "cat/cifar10_cat_0.aedat", tmp_path / name)
    parts = opened("cifar10dvs", tmp_path)
    from spikeformers.data import hold_out

    class Named:
        labels = there(parts.train).labels

    names = there(parts.train).names
    assert (len(names), len(there(parts.test).names)) == (9000, 1000)
    _, held = hold_out(Named(), 0.1, parts.name, names)  # type: ignore[arg-type]
    assert [names[index] for index in held.indices.tolist()] == list(split("cifar10dvs_validation"))


@pytest.mark.parametrize("wrapped", [True, False])
def test_ncaltech101(tmp_path: Path, wrapped: bool) -> None:
    tested = split("ncaltech101_test")[0]
    names = [tested, "BACKGROUND_Google/image_0001.bin", "yin_yang/image_0060.bin", "anchor/image_0042.bin"]
    root = tmp_path / "Caltech101" if wrapped else tmp_path
    written = write_ncaltech101(root, names)
    parts = opened("ncaltech101", tmp_path)
    in_test = [name for name in names if name in split("ncaltech101_test")]
    check_events(parts.test, {name: written[name] for name in in_test})
    check_events(parts.train, {name: written[name] for name in names if name not in in_test})
    labels = dict(zip(there(parts.train).names, there(parts.train).labels.tolist(), strict=True))
    assert labels.get("yin_yang/image_0060.bin", 100) == 100 == len(ncaltech101.CLASSES) - 1
    data = parts.framed(None, Watch())
    assert data.train.read(torch.tensor([0])).images.shape == (1, 10, 2, 180, 240), "padded to the largest"
    assert which_lies_in(tmp_path).name == "ncaltech101"


def gestures(number: int) -> list[tuple[int, Events]]:
    sensor = Sensor(128, 128)
    return [(1 + (number + shift) % 11, drawn(10 * number + shift, sensor)) for shift in range(3)]


@pytest.mark.parametrize("wrapped", [True, False])
def test_dvs128_gesture(tmp_path: Path, wrapped: bool) -> None:
    root = tmp_path / "DvsGesture" if wrapped else tmp_path
    train, test = ["user01_lab", "user23_led"], ["user24_led"]
    written = write_gesture_folder(
        root, {name: gestures(n) for n, name in enumerate(train + test)}, train=train, test=test, packet=7
    )
    parts = opened("dvs128_gesture", tmp_path)
    for part, names in ((parts.train, train), (parts.test, test)):
        shelf = there(part)
        trials = [(f"{n}/{name}.aedat", *trial) for name in names for n, trial in enumerate(written[name], start=1)]
        assert list(shelf.names) == [name for name, _, _ in trials]
        assert shelf.labels.tolist() == [gesture - 1 for _, gesture, _ in trials], "labels begin at 0"
        for index, (_, _, events) in enumerate(trials):
            np.testing.assert_array_equal(shelf.events(index), events)
    data = parts.framed(EventFraming(time_steps=4, image_size=(128, 128)), Watch())
    frames = data.test.read(torch.arange(3)).images
    assert frames.sum(dim=(1, 2, 3, 4)).tolist() == [len(events) for _, events in written["user24_led"]]
    assert which_lies_in(tmp_path).name == "dvs128_gesture"


def test_folds_of_gestures_keep_persons_apart(tmp_path: Path) -> None:
    names = ["user01_lab", "user01_led", "user02_lab", "user11_natural", "user13_led"]
    write_gesture_folder(tmp_path, {name: gestures(n) for n, name in enumerate(names)}, train=names, test=[])
    folded = load_dataset("dvs128_gesture", tmp_path).with_fold(1, 10)
    assert {name.split("/")[1][:6] for name in folded.test.names} == {"user01", "user11"}  # type: ignore[attr-defined]
    assert {name.split("/")[1][:6] for name in folded.train.names} == {"user02", "user13"}  # type: ignore[attr-defined]


def test_a_trial_ends_before_its_end_time(tmp_path: Path) -> None:
    write_gesture_folder(tmp_path, {"user24_led": gestures(1)}, train=[], test=["user24_led"])
    events, _ = read_events(tmp_path / "user24_led.aedat")
    first, last = int(events["t"][0]), int(events["t"][9])
    (tmp_path / "user24_led_labels.csv").write_text(
        f"class,startTime_usec,endTime_usec\n3,{first},{last}\n4,{last},{int(events['t'][-1]) + 1}\n"
    )
    shelf = there(opened("dvs128_gesture", tmp_path).test)
    expected = events[(events["t"] >= first) & (events["t"] < last)], events[events["t"] >= last]
    assert isinstance(shelf, Originals)
    for index, reading in enumerate(shelf.read(range(2))):  # both in one pass over the file
        assert not isinstance(reading.events, DataError)
        np.testing.assert_array_equal(reading.events, expected[index])
        np.testing.assert_array_equal(shelf.events(index), expected[index])


def test_gestures_without_lists_use_the_shipped_ones(tmp_path: Path) -> None:
    names = ["user01_lab", "user29_natural"]
    write_gesture_folder(tmp_path, {name: gestures(n) for n, name in enumerate(names)}, train=[], test=[])
    for part in ("train", "test"):
        (tmp_path / f"trials_to_{part}.txt").unlink()
    parts = opened("dvs128_gesture", tmp_path)
    assert {name.split("/")[1] for name in there(parts.train).names} == {"user01_lab.aedat"}
    assert {name.split("/")[1] for name in there(parts.test).names} == {"user29_natural.aedat"}


def test_other_lists_of_gestures_are_refused(tmp_path: Path) -> None:
    write_gesture_folder(tmp_path, {"user01_lab": gestures(1)}, train=[], test=["user01_lab"])
    with pytest.raises(DataError, match=r"trials_to_test.txt names recordings .* official list.*user01_lab"):
        opened("dvs128_gesture", tmp_path)


def test_a_recording_without_labels_is_not_there(tmp_path: Path) -> None:
    write_gesture_folder(tmp_path, {"user24_led": gestures(1)}, train=[], test=["user24_led"])
    (tmp_path / "user24_led_labels.csv").unlink()
    with pytest.raises(DataError, match="holds no recordings of DVS128 Gesture"):
        opened("dvs128_gesture", tmp_path)


def spikes(number: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(number)
    return np.sort(random.integers(0, 1 << 10, 30)) / (1 << 10), random.integers(0, 700, 30)


@pytest.mark.parametrize(("name", "parts"), [("shd", ("train", "test")), ("ssc", ("train", "valid", "test"))])
def test_spoken_words(name: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    for count, part in enumerate(parts, start=2):
        times, units = zip(*(spikes(10 * count + n) for n in range(count)), strict=True)
        write_spikes(tmp_path / f"{name}_{part}.h5", times, units, list(range(count)))
    recordings = opened(name, tmp_path)
    assert len(recordings.classes) == {"shd": 20, "ssc": 35}[name]
    for count, part in enumerate(parts, start=2):
        shelf = there(recordings.parts["validation" if part == "valid" else part])
        assert shelf.labels.tolist() == list(range(count))
        for index in range(count):
            times, units = spikes(10 * count + index)
            events = shelf.events(index)
            # Times are exact in half precision here; a microsecond is the finest of events.
            assert np.abs(events["t"] - times * 1e6).max() <= 1
            np.testing.assert_array_equal(events["x"], units)
            assert not events["y"].any()
            assert not events["p"].any()
    data = recordings.framed(None, Watch())
    assert data.train.read(torch.tensor([0])).images.shape == (1, 10, 1, 1, 700)
    assert (data.validation is None) == (name == "shd")
    assert which_lies_in(tmp_path).name == name


def test_labels_outside_the_classes_are_refused(tmp_path: Path) -> None:
    times, units = zip(*(spikes(n) for n in range(2)), strict=True)
    write_spikes(tmp_path / "shd_train.h5", times, units, [0, 20])
    with pytest.raises(DataError, match="labels 0 to 20; expected labels of 0 to 19"):
        opened("shd", tmp_path)


def test_your_own_recordings(tmp_path: Path) -> None:
    sensor = Sensor(50, 40)
    for number, name in enumerate(["train/b/1.raw", "train/a/2.raw", "test/a/3.raw", "validation/b/4.raw"]):
        (tmp_path / name).parent.mkdir(parents=True)
        write_evt2(tmp_path / name, drawn(number, sensor), Sensor(50 - number, 40 - 3 + number))
    recordings = opened("event_folder", tmp_path)
    assert (recordings.classes, recordings.sensor) == (("a", "b"), sensor)
    assert list(there(recordings.train).names) == ["a/2.raw", "b/1.raw"]
    np.testing.assert_array_equal(there(recordings.train).events(1), drawn(0, sensor))
    assert recordings.validation is not None
    assert recordings.validation.labels.tolist() == [1]
    assert which_lies_in(tmp_path).name == "event_folder"


def test_a_recording_that_cannot_be_opened_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    sensor = Sensor(50, 40)
    (tmp_path / "train/a").mkdir(parents=True)
    (tmp_path / "train/a/0.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"0.npz: the archive is damaged"):
        opened("event_folder", tmp_path)
    write_evt2(tmp_path / "train/a/1.raw", drawn(1, sensor), sensor)
    recordings = opened("event_folder", tmp_path)
    assert recordings.sensor == sensor
    np.testing.assert_array_equal(there(recordings.train).events(1), drawn(1, sensor))
    with pytest.raises(DataError, match=r"0.npz: the archive is damaged"):
        there(recordings.train).events(0)


def test_files_that_do_not_name_their_camera(tmp_path: Path) -> None:
    sensor = Sensor(60, 50)
    (tmp_path / "train/a").mkdir(parents=True)
    events = drawn(0, sensor, 500)
    write_forty_bit(tmp_path / "train/a/1.bin", events)
    least = f"width = {events['x'].max() + 1}, height = {events['y'].max() + 1} and polarities = 2"
    with pytest.raises(DataError, match=f"1.bin: the file does not say how many pixels.*camera.toml.*{least}"):
        opened("event_folder", tmp_path)
    (tmp_path / "camera.toml").write_text("width = 60\nheight = 50\n")
    recordings = opened("event_folder", tmp_path)
    assert recordings.sensor == sensor
    np.testing.assert_array_equal(there(recordings.train).events(0), events)
    assert isinstance(recordings.test, str)
    for wrong in ("width = 60", "width = 'x'\nheight = 1", "width 60", "width = 0\nheight = 1"):
        (tmp_path / "camera.toml").write_text(wrong)
        with pytest.raises(DataError, match=r"camera.toml: expected width|cannot be"):
            opened("event_folder", tmp_path)


def test_classes_without_training_recordings_are_refused(tmp_path: Path) -> None:
    for name in ("train/a/1.raw", "test/b/2.raw"):
        (tmp_path / name).parent.mkdir(parents=True)
        write_evt2(tmp_path / name, drawn(1, Sensor(8, 8)), Sensor(8, 8))
    with pytest.raises(DataError, match="has classes of which there is no training recording: b"):
        opened("event_folder", tmp_path)


def test_nothing_known_lies_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data set of recordings is found there. Looked for:\n  nmnist: Expected"):
        which_lies_in(tmp_path)
    with pytest.raises(DataError, match="no such directory"):
        which_lies_in(tmp_path / "nowhere")


def test_real_recordings() -> None:
    """The real N-MNIST recordings, where they are: labels and names of the folders, events out of the cache."""
    root = Path(os.environ.get("SPIKEFORMERS_DATA", "")) / "nmnist"
    if not (root / "Train").is_dir():
        pytest.skip("SPIKEFORMERS_DATA names no directory with nmnist")
    data = load_dataset("nmnist", root)
    for index in (0, len(data.train) // 2, len(data.train) - 1):
        name = data.train.names[index]  # type: ignore[attr-defined]
        events, losses = read_events(root / "Train" / name, format="40bit", sensor=Sensor(34, 34))
        frames = data.train.read(torch.tensor([index]))
        assert not losses
        assert frames.images.sum() == len(events)
        assert frames.labels.tolist() == [int(name[0])]


def test_real_gestures_in_the_official_layout(tmp_path: Path) -> None:
    """The ten real clips, written as two recordings of AEDAT 3.1, come out as frames with every event."""
    clips = Path(os.environ.get("SPIKEFORMERS_DATA", "")) / "dvs_gesture_clips"
    if not clips.is_dir():
        pytest.skip("SPIKEFORMERS_DATA names no directory with dvs_gesture_clips")
    real = [(n, read_events(clips / f"class_{n}.bin", sensor=Sensor(128, 128))[0]) for n in range(1, 11)]
    recordings = {"user01_led": real[:5], "user29_led": real[5:]}
    write_gesture_folder(tmp_path, recordings, train=["user01_led"], test=["user29_led"])
    data = load_dataset("dvs128_gesture", tmp_path, framing=EventFraming(time_steps=16, image_size=(128, 128)))
    for part, trials in ((data.train, real[:5]), (data.test, real[5:])):
        frames = part.read(torch.arange(5))
        assert frames.labels.tolist() == [gesture - 1 for gesture, _ in trials]
        assert frames.images.shape == (5, 16, 2, 128, 128)
        for image, (_, events) in zip(frames.images, trials, strict=True):
            counts = np.zeros((2, 128, 128), dtype=np.int64)
            np.add.at(counts, (events["p"], events["y"], events["x"]), 1)
            np.testing.assert_array_equal(image.sum(dim=0).numpy(), counts)
