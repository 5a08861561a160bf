"""Folders of simulated recordings: their layout, their note, and going on with one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeformers.data import load_dataset, read_all
from spikeformers.data.recordings.opening import read_events
from spikeformers.data.simulate.folder import ids_in, simulate_folder
from spikeformers.data.simulate.paths import Drift
from spikeformers.data.simulate.pixels import PixelModel
from spikeformers.data.simulate.scene import Scene, simulate_pictures
from spikeformers.data.simulate.scenes import NMNIST
from spikeformers.data.simulate.screen import Screen
from spikeformers.errors import DataError
from spikeformers.version import __version__

SCENE = replace(NMNIST, frame_time=8000.0, screen=replace(NMNIST.screen, scale=3.0))
IDS = [3, 5, 8]


def write(folder: Path, count: int = 3, seed: int = 0, scene: Scene = SCENE) -> list[int]:
    test = load_dataset("digits").test
    pictures = read_all(test).images[:count, 0]
    told: list[int] = []
    labels = ["0", "7", "0"][:count]
    scenes = dict.fromkeys("0123456789", scene)
    simulate_folder(folder, pictures, labels, IDS[:count], scenes, seed=seed, origin="digits", progress=told.append)
    return told


def test_the_layout_is_nmnists_and_the_note_says_simulated(tmp_path: Path) -> None:
    assert write(tmp_path) == [0, 3]
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert names == ["Train/0/00003.bin", "Train/0/00008.bin", "Train/7/00005.bin", "simulated.json"]
    note = json.loads((tmp_path / "simulated.json").read_text())
    assert (note["simulated"], note["seed"], note["origin"]) == (True, 0, "digits")
    assert note["by"] == f"spikeformers {__version__}"
    (scene,) = note["scenes"]
    assert scene["scene"]["pixels"]["threshold_on"] == NMNIST.pixels.threshold_on
    assert len(scene["scene"]["path"]["strokes"]) == 3
    pictures = read_all(load_dataset("digits").test).images[:3, 0]
    for index, events in zip((0, 1), simulate_pictures(pictures[:2], SCENE, IDS[:2]), strict=True):
        read, losses = read_events(tmp_path / "Train" / "07"[index] / f"{IDS[index]:05d}.bin", sensor=SCENE.sensor)
        assert not losses
        assert (read == events).all()


def test_the_data_set_nmnist_reads_it(tmp_path: Path) -> None:
    write(tmp_path)
    data = load_dataset("nmnist", tmp_path)
    assert sorted(data.train.labels.tolist()) == [0, 0, 7]
    assert read_all(data.train).images.sum() > 300


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "parts", count=2)
    kept = tmp_path / "parts" / "Train" / "7" / "00005.bin"
    kept.write_bytes(b"\0\0\0\0\1")  # stays as it is
    assert write(tmp_path / "parts") == [2, 3]
    assert kept.stat().st_size == 5
    for name in ("Train/0/00003.bin", "Train/0/00008.bin"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_other_parameters_or_real_recordings_are_not_mixed_in(tmp_path: Path) -> None:
    write(tmp_path / "made")
    with pytest.raises(DataError, match="other parameters"):
        write(tmp_path / "made", seed=1)
    with pytest.raises(DataError, match="other parameters"):
        write(tmp_path / "made", scene=replace(SCENE, vary=0.1))
    real = tmp_path / "real" / "Train" / "0"
    real.mkdir(parents=True)
    (real / "00001.bin").write_bytes(b"")
    with pytest.raises(DataError, match="may be real"):
        write(tmp_path / "real")


def test_ids_are_read_from_a_list_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("1\n 20\n\n300")
    assert set(ids_in(tmp_path / "ids.txt")) == {1, 20, 300}
    write(tmp_path / "made")
    assert set(ids_in(tmp_path / "made")) == set(IDS)
    (tmp_path / "ids.txt").write_text("1 two")
    for name, message in {"ids.txt": "found 'two'", "nowhere": "no such file", "empty": "found nothing"}.items():
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(DataError, match=message):
            ids_in(tmp_path / name)
    (tmp_path / "ids.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="expected ids"):
        ids_in(tmp_path / "ids.txt")


@pytest.mark.slow
def test_what_a_drift_is_shows_over_time_and_hardly_at_any_moment() -> None:
    """A small CNN tells eight drifts apart by six time bins in their order, and hardly by one of them.

    480 recordings to learn from, 160 others to judge by: at chance (12.5 %) the standard deviation is 2.6 points. The
    bins half-way are at chance; the first and the last may say a little, for there place and size depend on the drift.
    """
    frames, labels = _drifts()
    whole = _accuracy(frames.flatten(1, 2), labels)
    first, middle, last = (_accuracy(frames[:, step], labels) for step in (0, 2, 5))
    print(f"all bins {whole:.3f}, first {first:.3f}, middle {middle:.3f}, last {last:.3f}")
    assert whole > 0.6
    assert middle < 0.125 + 4 * 0.026
    assert max(first, last) < 0.3


def _drifts() -> tuple[torch.Tensor, torch.Tensor]:
    """Frames `[640, 6, 2, 34, 34]` of eight drifts by turns, and which it is."""
    from spikeformers.data.simulate.paths import DRIFTS

    pictures = read_all(load_dataset("digits").train).images[:640, 0]
    frames = np.zeros((640, 6, 2, 34, 34), dtype=np.float32)
    for label, word in enumerate(DRIFTS):
        scene = Scene(path=Drift(word=word), screen=Screen(scale=2.0, blur=0.7), pixels=PixelModel(), frame_time=5000.0)
        ids = list(range(label, 640, 8))
        for index, events in zip(ids, simulate_pictures(pictures[ids], scene, ids), strict=True):
            step = np.minimum(events["t"] // 100_000, 5)
            np.add.at(frames[index], (step, events["p"], events["y"], events["x"]), 1)
    return torch.from_numpy(np.log1p(frames)), torch.arange(640) % 8


def _accuracy(x: torch.Tensor, labels: torch.Tensor) -> float:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(x.shape[1], 24, 5, 2, 2), torch.nn.BatchNorm2d(24), torch.nn.ReLU(),
        torch.nn.Conv2d(24, 32, 3, 2, 1), torch.nn.BatchNorm2d(32), torch.nn.ReLU(),
        torch.nn.Conv2d(32, 32, 3, 2, 1), torch.nn.BatchNorm2d(32), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(32 * 25, 8),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.05)
    for _ in range(14):
        for batch in torch.randperm(480).view(-1, 32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[batch]), labels[batch]).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        return float((model(x[480:]).argmax(1) == labels[480:]).float().mean())
