"""The page about the study says what its runs gave."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from spikeformers.train.ablation.study import read_study

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "ablations.md").read_text()
STUDY: dict[str, Any] = json.loads((DOCS / "ablations" / "study.json").read_text())
LINES = [line for line in STUDY["lines"] if not line["is_base"]]


@pytest.mark.parametrize("line", [STUDY["base"], *LINES], ids=lambda line: line["label"])
def test_a_row_is_its_runs(line: dict[str, Any]) -> None:
    accuracies = [run["accuracy"] for run in line["runs"].values()]
    assert len(accuracies) == 3
    mean, spread = 100 * statistics.mean(accuracies), 100 * statistics.stdev(accuracies)
    figures = f"| {line['parameters']:,} | {mean:.2f} ± {spread:.2f} % |"
    label = "SSA (base)" if line["is_base"] else line["label"]
    assert f"| {label} {figures}" in PAGE


def test_the_study_is_whole_and_within_its_bounds() -> None:
    assert (STUDY["finished"], STUDY["missing"], STUDY["failures"]) == (39, 0, {})
    assert len(LINES) == 12
    assert max(line["parameters"] for line in LINES) <= 100_000
    assert STUDY["epochs"] == 3


def test_its_file_is_in_the_package() -> None:
    study = read_study("fashion_mnist")
    assert study.set == STUDY["settings"]
    labels = {(factor, label) for factor, values in study.factors.items() for label in values}
    assert labels == {(line["factor"], line["label"]) for line in LINES}
