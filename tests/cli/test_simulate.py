"""`spikeformers simulate`: what is written, said and refused."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikeformers.cli.commands import simulate
from spikeformers.data.recordings.opening import read_events
from tests.cli.conftest import Command

DIGITS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Four files of ten training and four test pictures, a bright bar of another width each."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, labels in (("train", DIGITS), ("t10k", DIGITS[:4])):
        pictures = np.zeros((len(labels), 28, 28), dtype=np.uint8)
        for number in range(len(labels)):
            pictures[number, 6:20, 8 : 10 + number] = 255
        header = struct.pack(">BBBB3I", 0, 0, 8, 3, *pictures.shape)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + pictures.tobytes())
        header = struct.pack(">BBBBI", 0, 0, 8, 1, len(labels))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(header + bytes(labels))
    return folder


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.bin"))


def test_simulates_mnist_in_the_layout_of_nmnist(spikeformers: Command, mnist: Path, tmp_path: Path) -> None:
    out = tmp_path / "out [1]"
    words = ("simulate", "mnist", "--data-dir", mnist, "--out", out, "--most", 4, "--seed", 7)
    answer = spikeformers(*words)
    assert answer.code == 0
    assert f"4 simulated recordings: {out}" in answer.out
    assert written(out) == [
        f"Train/{digit}/{number:05d}.bin" for digit, number in zip("1134", (2, 4, 1, 3), strict=True)
    ]
    note = json.loads((out / "simulated.json").read_text())
    assert (note["simulated"], note["seed"], note["origin"]) == (True, 7, "MNIST")
    first = (out / "Train" / "3" / "00001.bin").read_bytes()
    assert len(first) > 5 * 100
    again = tmp_path / "again"
    assert spikeformers(*words[:5], again, *words[6:], "--json").code == 0
    assert (again / "Train" / "3" / "00001.bin").read_bytes() == first


def test_ids_are_left_out_and_the_test_part_goes_to_test(spikeformers: Command, mnist: Path, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("1\n3\n4\n")
    words = ("simulate", "mnist", "--data-dir", mnist, "--out", tmp_path / "out")
    answer = spikeformers(*words, "--most", 2, "--without-ids", tmp_path / "ids", "--json")
    assert json.loads(answer.out)["recordings"] == 2
    assert written(tmp_path / "out") == ["Train/1/00002.bin", "Train/5/00005.bin"]
    answer = spikeformers(
        "simulate", "mnist", "--data-dir", mnist, "--out", tmp_path / "tested", "--part", "test",
        "--without-ids", tmp_path / "out",
    )  # fmt: skip
    assert answer.code == 0
    assert written(tmp_path / "tested") == ["Test/1/00004.bin", "Test/3/00001.bin", "Test/4/00003.bin"]
    assert "other parameters" in spikeformers(*words, "--seed", 1).err
    assert spikeformers(*words, "--part", "test", "--most", 1).code == 0  # beside the training part
    assert written(tmp_path / "out")[0] == "Test/3/00001.bin"
    (tmp_path / "ids").write_text("\n".join(map(str, range(1, 11))))
    assert "no picture to simulate" in spikeformers(*words, "--without-ids", tmp_path / "ids").err


def test_parameters_are_set_by_name(spikeformers: Command, mnist: Path, tmp_path: Path) -> None:
    words = ("simulate", "mnist", "--data-dir", mnist, "--out", tmp_path / "out", "--most", 1)
    answer = spikeformers(*words, "--set", "pixels.threshold_on=1.5", "--set", "screen.blur=2", "--vary", 0.1)
    assert answer.code == 0
    scene = json.loads((tmp_path / "out" / "simulated.json").read_text())["scenes"][0]["scene"]
    assert (scene["pixels"]["threshold_on"], scene["screen"]["blur"], scene["vary"]) == (1.5, 2.0, 0.1)
    for setting, message in {"screen.blurr=1": "Did you mean 'blur'", "blur": "KEY=VALUE"}.items():
        answer = spikeformers(*words[:-4], "--out", tmp_path / "other", "--set", setting)
        assert answer.code == 1
        assert message in answer.err.replace("\n", " ")
    assert not (tmp_path / "other").exists()


def test_drifts_are_labelled_by_their_words(spikeformers: Command, mnist: Path, tmp_path: Path) -> None:
    words = ("simulate", "mnist", "--data-dir", mnist, "--motion", "drifts", "--set", "frame_time=20000")
    assert spikeformers(*words, "--out", tmp_path / "out").code == 0
    assert {path.name for path in (tmp_path / "out" / "Train").iterdir()} == {
        "left", "right", "up", "down", "clockwise", "anticlockwise", "nearer", "farther",
    }  # fmt: skip
    assert len(written(tmp_path / "out")) == 10
    answer = spikeformers(*words[:-3], "lefft", "--out", tmp_path / "other")
    assert answer.code == 1
    assert "Did you mean 'left'" in answer.err


def test_simulates_a_video(spikeformers: Command, tmp_path: Path) -> None:
    film = np.stack([np.full((20, 30), light, dtype=np.uint8) for light in (50, 100, 200)])
    np.save(tmp_path / "film.npy", film)
    words = ("simulate", "video", tmp_path / "film.npy", "--frames-per-second", 10)
    answer = spikeformers(
        *words, "--out", tmp_path / "film.bin", "--size", 6, 4, "--set", "threshold_spread=0", "--json"
    )
    assert answer.code == 0, answer.err
    assert json.loads(answer.out) == {
        "out": str(tmp_path / "film.bin"), "recordings": 1, "note": str(tmp_path / "film.json"),
    }  # fmt: skip
    events, losses = read_events(tmp_path / "film.bin")
    assert not losses
    assert len(events) == 6 * 4 * 6  # log 4 is 6.9 thresholds
    assert (events["p"] == 1).all()
    note = json.loads((tmp_path / "film.json").read_text())
    assert note["simulated"] is True
    assert (note["frames_per_second"], note["pixels"]["threshold_spread"]) == (10, 0)
    assert "NAME.bin" in spikeformers(*words, "--out", tmp_path / "film.txt").err


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from spikeformers.cli.dispatch import call; assert call('simulate', []) == 0; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert set(simulate.COMMANDS) == {"mnist", "video"}
