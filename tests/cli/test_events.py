"""`spikeformers events`, and what the other commands say of a model that was trained on recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spikeformers.cli import main
from spikeformers.cli.measuring import open_subjects
from spikeformers.cli.recordings import parse_sensor
from spikeformers.data import load_dataset
from spikeformers.data.events.array import Sensor
from spikeformers.errors import InputError
from spikeformers.train import load_run
from tests.cli.conftest import Command
from tests.cli.recorded import EVENTS, RECIPE, bar, write_nmnist
from tests.report.page.conftest import Reader


@pytest.fixture(scope="session")
def nmnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nmnist(tmp_path_factory.mktemp("nmnist"))


@pytest.fixture(scope="session")
def event_run(nmnist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory: one epoch on thirty recordings."""
    out = tmp_path_factory.mktemp("event runs")
    (out / "tiny.toml").write_text(RECIPE)
    words = [str(out / "tiny.toml"), "--data-dir", str(nmnist), "--out", str(out / "run"), "--workers", "0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKEFORMERS_CACHE", str(out / "cache"))
        assert main(["train", *words]) == 0
    return out / "run"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKEFORMERS_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def recording(nmnist: Path) -> Path:
    return nmnist / "Test" / "4" / "00005.bin"


def test_the_table_tells_what_is_in_the_file(spikeformers: Command, recording: Path) -> None:
    events = bar(4, 1000)
    answer = spikeformers("events", recording, "--sensor", "34x34")
    assert (answer.code, answer.err) == (0, "")
    words = " ".join(answer.out.split())
    for told in ("format 40bit", "sensor 34 x 34", f"events {EVENTS}", "lost nothing",
                 f"clock {events['t'][0]:,} to {events['t'][-1]:,} µs",
                 f"{100 * (events['p'] == 1).mean():.1f} % brighter"):  # fmt: skip
        assert told in words
    assert "unknown, its events fit into" in spikeformers("events", recording).out


def test_json_of_a_part_counts_what_is_lost(spikeformers: Command, recording: Path) -> None:
    events = bar(4, 1000)
    words = ("--sensor", "20x34", "--start", "0.05", "--stop", "0.25", "--json")
    told = json.loads(spikeformers("events", recording, *words).out)
    first = events["t"][0]
    part = events[(events["t"] >= first + 50_000) & (events["t"] < first + 250_000)]
    assert told["events"] == (part["x"] < 20).sum()
    assert told["losses"] == {"events outside the sensor": (part["x"] >= 20).sum()}
    assert told["sensor"] == {"width": 20, "height": 34, "polarities": 2}


def test_pictures_are_written(spikeformers: Command, recording: Path, tmp_path: Path) -> None:
    plot, cloud, gif = tmp_path / "a.png", tmp_path / "b.svg", tmp_path / "c.gif"
    answer = spikeformers("events", recording, "--plot", plot, "--cloud", cloud, "--gif", gif, "--time-steps", 3)
    assert answer.code == 0, answer.err
    for path in (plot, cloud, gif):
        assert str(path) in answer.out.replace("\n", "")
    with Image.open(gif) as image:
        assert image.n_frames == 3
    with Image.open(plot) as image:
        assert image.width > 500
    assert cloud.read_text().startswith("<?xml")


def test_a_model_fires_beside_the_recording(
    spikeformers: Command, recording: Path, event_run: Path, tmp_path: Path
) -> None:
    alone, beside = tmp_path / "alone.gif", tmp_path / "beside.gif"
    assert spikeformers("events", recording, "--gif", alone, "--time-steps", 2).code == 0
    assert spikeformers("events", recording, "--gif", beside, "--model", event_run).code == 0
    with Image.open(alone) as one, Image.open(beside) as other:
        assert one.n_frames == other.n_frames == 2  # the model's time steps
        assert other.width > 1.5 * one.width


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{recording}", "--sensor", "34"], "346x260"),
        (["{recording}", "--format", "aedat5"], "Did you mean"),
        (["nowhere.bin"], "there is no such file"),
        (["{recording}", "--start", "9", "--plot", "{tmp}/a.png"], "Choose another part"),
        (["{recording}", "--start", "2", "--stop", "1"], "nothing lies between"),
        (["{recording}", "--gif", "{tmp}/a.mp4"], "ends in .gif"),
        (["{recording}", "--model", "{run}"], "--gif FILE"),
        (["{recording}", "--time-steps", "0"], "1 or more"),
        (["{recording}", "--gif", "{tmp}/a.gif", "--model", "{images}"], "trained on images"),
    ],
)
def test_errors_are_explained(
    spikeformers: Command, recording: Path, event_run: Path, trained: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    named = {"recording": recording, "run": event_run, "images": trained, "tmp": tmp_path}
    answer = spikeformers("events", *(word.format(**named) for word in words))
    assert (answer.code, answer.out) == (1, "")
    assert said in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == []


def test_sizes_of_sensors() -> None:
    assert parse_sensor("346x260") == parse_sensor(" 346 × 260 ") == Sensor(346, 260)
    for wrong in ("346", "x", "3x4x5", "-3x4"):
        with pytest.raises(InputError, match="346x260"):
            parse_sensor(wrong)


def test_predictions_are_those_of_the_model(
    spikeformers: Command, recording: Path, event_run: Path, nmnist: Path
) -> None:
    answer = spikeformers("predict", event_run, recording, "--json", "--top-k", 10)
    assert answer.code == 0, answer.err
    (told,) = json.loads(answer.out)["predictions"]
    assert told["recording"] == str(recording)
    run = load_run(event_run)
    test = open_subjects([str(event_run)], data_dir=nmnist)[0].data.test
    index = [name.endswith("00005.bin") for name in test.names].index(True)
    with torch.no_grad():
        shares = run.model(test.read(torch.tensor([index])).images).softmax(1)[0]
    for choice in told["choices"]:
        assert choice["probability"] == pytest.approx(float(shares[int(choice["label"])]), abs=1e-5)
    assert "recording" in spikeformers("predict", event_run, recording).out


def test_what_a_prediction_leaves_out_is_told(
    spikeformers: Command, recording: Path, event_run: Path, trained: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(recording.read_bytes() + b"abc")
    answer = spikeformers("predict", event_run, damaged)
    assert answer.code == 0
    assert "left out 3 bytes" in answer.err
    assert "are for recordings" in spikeformers("predict", trained, recording, "--sensor", "40x40").err


@pytest.mark.parametrize("command", ["profile", "audit", "eval"])
def test_recordings_are_called_so(spikeformers: Command, event_run: Path, nmnist: Path, command: str) -> None:
    few = () if command == "eval" else ("--limit", "4")
    answer = spikeformers(command, event_run, "--data-dir", nmnist, *few)
    assert answer.code == 0, answer.err
    words = " ".join(answer.out.split())
    told = {"eval": "test recordings", "profile": "per recording", "audit": "4 test recordings of nmnist"}
    assert told[command] in words
    assert "per image" not in words
    assert "test image" not in words


def test_counts_reach_the_first_layer_as_they_are(spikeformers: Command, event_run: Path, nmnist: Path) -> None:
    (subject,) = open_subjects([str(event_run)], data_dir=nmnist, limit=4)
    raw = torch.cat([x for x, _ in subject.raw(3)])
    assert raw.shape == (4, 2, 2, 32, 32)
    assert torch.allclose(torch.cat([x for x, _ in subject.batches(3)]), raw, rtol=1e-6)
    # Of 34 x 34 pixels the middle 32 x 32.
    looked_at = [bar(digit, 1000 + number) for digit, number in ((0, 0), (5, 0), (0, 1), (5, 1))]  # evenly spaced
    inside = [((each["x"] % 33 != 0) & (each["y"] % 33 != 0)).sum() for each in looked_at]
    assert raw.sum((1, 2, 3, 4)).tolist() == inside
    words = ("--data-dir", nmnist, "--limit", "4", "--json")
    audits = json.loads(spikeformers("audit", event_run, *words).out)["audits"]
    first = audits[subject.label]["rows"][0]
    assert first["seen"][0]["highest"] == int(raw.max())
    profiles = json.loads(spikeformers("profile", event_run, *words).out)["profiles"]
    form = profiles[subject.label]["forms"][0]
    first_layer = form["energies"]["paper"]["rows"][0]  # the papers charge multiplications for what reads the input
    assert first_layer["macs"] > 0
    assert first_layer["acs"] == 0


def test_robustness_disturbs_events(spikeformers: Command, event_run: Path, nmnist: Path) -> None:
    few = ("--data-dir", nmnist, "--limit", "4", "--draws", "1", "--severities", "5")
    answer = spikeformers("robustness", event_run, *few, "--json")
    assert answer.code == 0, answer.err
    (result,) = json.loads(answer.out)["robustness"].values()
    assert {row["family"] for row in result["rows"]} == {"corruption", "weights", "spikes"}
    assert "lost_events" in {row["name"] for row in result["rows"]}
    assert "Leave attacks out" in spikeformers("robustness", event_run, *few, "--only", "attacks").err
    assert "Of events there are" in spikeformers("robustness", event_run, *few, "--corruptions", "jpeg").err


def test_a_page_about_recordings(spikeformers: Command, event_run: Path, nmnist: Path, tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    answer = spikeformers("report", event_run, "--data-dir", nmnist, "--limit", "4", "--batch-size", "2", "--out", page)
    assert answer.code == 0, answer.err
    made = Reader(page.read_text(encoding="utf-8"))
    assert made.errors == []
    assert "4 test recordings of nmnist" in made.text
    assert {"event-frames", "point-cloud", "firing-film"} <= {each.stem for each in (tmp_path / "figures").iterdir()}
    # The first recording is the first one of the test part, before it is framed.
    assert f"{EVENTS} events of a camera of 34 x 34 pixels" in page.read_text(encoding="utf-8")


def test_recordings_stay_out_of_the_way_of_images(trained: Path) -> None:
    (subject,) = open_subjects([str(trained)], limit=3)
    assert subject.on == "3 test images of digits"
    raw = next(iter(subject.raw(3)))[0]
    indices = np.arange(3) * 360 // 3
    assert torch.equal(raw, load_dataset("digits").test.images[indices])
