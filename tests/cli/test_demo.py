"""`spikeformers demo`, for real, with fewer epochs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("few_digits")


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key != "seconds"}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_shows_two_models_and_repeats_itself(spikeformers, tmp_path):
    out = tmp_path / "demo"
    answer = spikeformers("demo", "--epochs", 1, "--out", out, "--json")
    assert answer.code == 0
    first = json.loads(answer.out)
    assert [model["label"] for model in first["models"]] == ["Spikformer", "Spikingformer"]
    for model in first["models"]:
        assert model["evaluation"]["samples"] == first["held_out"] == 360
        assert model["evaluation"]["accuracy"] == model["run"]["last_accuracy"]
        assert model["run"]["parameters"] > 10_000
        assert all(0 <= layer["rate"] <= 1 for layer in model["firing"])
        assert len(model["firing"]) > 10
    for path in first["files"].values():
        assert path.startswith(str(out))
    with Image.open(out / "demo.png") as picture:
        assert min(picture.size) > 1000
    assert json.loads((out / "demo.json").read_text()) == first

    (out / "spikformer" / "mine.txt").write_text("keep me")
    (out / "mine.txt").write_text("keep me")
    page = spikeformers("demo", "--epochs", 1, "--out", out)
    assert page.code == 0
    assert without_times(json.loads((out / "demo.json").read_text())) == without_times(first)
    assert (out / "spikformer" / "mine.txt").read_text() == (out / "mine.txt").read_text() == "keep me"
    for model in first["models"]:
        assert f"{100 * model['evaluation']['accuracy']:.2f} %" in page.out
        assert f"{model['run']['parameters']:,}" in page.out
        for layer in model["firing"]:
            assert layer["name"] in page.out
    for path in first["files"].values():
        assert path in page.out.replace("\n", "")

    told = spikeformers("predict", out / "spikingformer", out / "digit.png", "--json")
    assert json.loads(told.out)["predictions"][0]["choices"]


def test_leaves_runs_alone_that_no_demo_made(spikeformers, tmp_path):
    (tmp_path / "spikingformer").mkdir()
    (tmp_path / "spikingformer" / "best.safetensors").write_text("weeks of work")
    answer = spikeformers("demo", "--epochs", 1, "--out", tmp_path)
    assert (answer.code, answer.out) == (1, "")
    assert "--out" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["spikingformer"]
    assert (tmp_path / "spikingformer" / "best.safetensors").read_text() == "weeks of work"


def test_a_file_in_the_place_of_the_directory_is_named(spikeformers, tmp_path):
    (tmp_path / "g.png").write_text("mine")
    answer = spikeformers("demo", "--epochs", 1, "--out", tmp_path / "g.png")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.endswith("g.png is a file; name a directory instead.\n")
    assert "Not a directory" in spikeformers("demo", "--out", tmp_path / "g.png" / "below").err
    assert (tmp_path / "g.png").read_text() == "mine"


@pytest.mark.slow
def test_a_second_demo_that_is_stopped_leaves_the_first(spikeformers, tmp_path, monkeypatch):
    def stopped(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert spikeformers("demo", "--epochs", 1, "--out", tmp_path).code == 0
    first = files()
    monkeypatch.setattr("spikeformers.train.loop.evaluate", stopped)
    assert spikeformers("demo", "--epochs", 1, "--out", tmp_path).code == 130
    assert files() == first


@pytest.mark.slow
def test_an_interrupted_demo_may_be_repeated(spikeformers, tmp_path, monkeypatch):
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("spikeformers.cli.demonstration.evaluate", interrupted)
        assert spikeformers("demo", "--epochs", 1, "--out", tmp_path).code == 130
    assert json.loads((tmp_path / "demo.json").read_text()) == {"complete": False}
    assert (tmp_path / "spikformer" / "last.safetensors").exists()
    assert spikeformers("demo", "--epochs", 1, "--out", tmp_path).code == 0
