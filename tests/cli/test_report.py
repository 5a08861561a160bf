"""`spikeformers report`: a page about real runs, and where it lies."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.report.page.conftest import Reader

FEW = ("--limit", "6", "--batch-size", "3")


def test_a_page_about_a_run_lies_in_the_run(spikeformers: Command, trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    answer = spikeformers("report", run, *FEW)
    assert answer.code == 0, answer.err
    page = run / "report" / "index.html"
    made = Reader(page.read_text(encoding="utf-8"))
    assert made.errors == []
    assert "6 test images of digits" in made.text
    assert f"spikeformers report {run} --limit 6 --batch-size 3" in made.text
    assert str(page) in "".join(answer.out.split())
    figures = list((run / "report" / "figures").iterdir())
    assert len({file.stem for file in figures}) * 2 == len(figures)


def test_json_and_csv_hold_the_figures_and_accuracy_is_of_the_whole_test_part(
    spikeformers: Command, trained: Path, tmp_path: Path
) -> None:
    out, table = tmp_path / "page.html", tmp_path / "models.csv"
    answer = spikeformers("report", trained, *FEW, "--out", out, "--csv", table, "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["page"] == str(out)
    assert all(Path(file).is_file() for file in found["files"])
    (model,) = found["models"]
    assert model["evaluation"]["samples"] == 360
    assert model["statistics"]["samples"] == model["profile"]["samples"] == model["audit"]["samples"] == 6
    assert model["robustness"] is None
    expected = json.loads(spikeformers("eval", trained, "--json").out)["accuracy"]
    assert model["evaluation"]["accuracy"] == expected
    with open(table, newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["accuracy"]) == expected
    assert float(row["firing_rate"]) == model["statistics"]["rate"]
    assert sum(model["parameters"].values()) == int(row["parameters"])


def test_a_plain_module_is_told_what_to_do_instead(
    spikeformers: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain_net.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    answer = spikeformers("report", "plain_net:build", "--dataset", "digits", "--out", tmp_path / "page")
    assert answer.code != 0
    assert "spikeformers profile plain_net:build" in " ".join(answer.err.split())
    assert not (tmp_path / "page").exists()
