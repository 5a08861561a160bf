"""`spikeformers crossval`: real, short runs."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.usefixtures("few_digits")


def test_trains_every_fold_once(spikeformers, tmp_path):
    words = ("crossval", "digits_spikformer", "--folds", 2, "--epochs", 1, "--out", tmp_path / "runs")
    first = spikeformers(*words, "--json")
    assert first.code == 0
    result = json.loads(first.out)
    assert [row["out"] for row in result["folds"]] == [str(tmp_path / "runs" / f"fold-{fold}") for fold in (0, 1)]
    assert "fold 1 of 0 to 1  epoch 1 of 1" in first.err

    again = spikeformers(*words)
    assert again.code == 0
    assert "epoch 1" not in again.err  # finished runs are read
    assert f"{100 * result['accuracy']:.2f} % mean" in again.out
    assert "no epoch was chosen" in again.out


def test_one_fold_is_refused(spikeformers, tmp_path):
    answer = spikeformers("crossval", "digits_spikformer", "--folds", 1, "--out", tmp_path / "runs")
    assert (answer.code, answer.out) == (1, "")
    assert "2 folds or more, got 1" in answer.err
