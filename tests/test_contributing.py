"""The model that CONTRIBUTING adds is trained by a recipe like any other; `models/test_toy_model.py` tests the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spikeformers import catalog
from spikeformers.catalog.shelf import packaged
from spikeformers.train import fit, load_recipe

TOY = Path(__file__).parent / "models" / "toy.toml"
RECIPE = """
description = "A toy on the digits"
dataset = "digits"
batch_size = 32

[model]
name = "toy_1_32.digits"

[optimizer]
lr = 1e-2

[schedule]
epochs = 3
"""


def test_the_example_model_trains_by_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    monkeypatch.syspath_prepend(TOY.parent)
    try:
        catalog.add(TOY)
        result = fit(load_recipe(tmp_path / "recipe.toml"), out=tmp_path / "run")
    finally:
        packaged.cache_clear()
        sys.modules.pop("toy", None)
    assert result.best_accuracy > 0.5  # chance is 0.1
