"""The model that CONTRIBUTING adds: two short files, and everything the house offers works with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import spikeformers
from spikeformers import catalog, measure
from spikeformers.catalog.shelf import packaged
from spikeformers.models import SpikingModel
from spikeformers.train import evaluate, fit, load_recipe
from tests.test_readme import CONTRIBUTING, blocks

NAME = "toy_1_32.digits"
RECIPE = f"""
description = "A toy on the digits"
dataset = "digits"
batch_size = 32

[model]
name = "{NAME}"

[optimizer]
lr = 1e-2

[schedule]
epochs = 3
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpikingModel]:
    """The model, added as a user would add it; the catalogue forgets it afterwards."""
    (module,), (entry,) = blocks(CONTRIBUTING, "python"), blocks(CONTRIBUTING, "toml")
    (tmp_path / "toy.py").write_text(module)
    (tmp_path / "toy.toml").write_text(entry)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        catalog.add(tmp_path / "toy.toml")
        torch.manual_seed(0)
        yield spikeformers.create_model(NAME)
    finally:
        packaged.cache_clear()
        sys.modules.pop("toy", None)


def test_the_example_is_short() -> None:
    lines = sum(len(block.splitlines()) for language in ("python", "toml") for block in blocks(CONTRIBUTING, language))
    assert lines < 60


def test_it_is_known_by_name(toy: SpikingModel) -> None:
    assert NAME in spikeformers.list_models("toy*")
    assert catalog.get(NAME).parameters == sum(p.numel() for p in toy.parameters())
    assert spikeformers.create_model(NAME, dim=64).head.linear.in_features == 64
    with pytest.raises(spikeformers.errors.ConfigError, match="Did you mean 'depth'"):
        spikeformers.create_model(NAME, detph=3)


def test_it_keeps_the_contract(toy: SpikingModel, tmp_path: Path) -> None:
    toy.double().eval()
    x = torch.randn(3, 1, 8, 12, dtype=torch.float64)
    logits, steps = toy(x), toy.forward_steps(x)
    assert (logits.shape, steps.shape) == ((3, 10), (4, 3, 10))
    torch.testing.assert_close(steps.mean(0), logits, rtol=0, atol=1e-12)
    assert toy.forward_pyramid(x)[2].shape == (4, 3, 32, 4, 6)
    state = toy.initial_state(3)
    for t in range(4):
        step, state = toy.step(x, state)
        torch.testing.assert_close(step, steps[t], rtol=0, atol=1e-12)
    assert [layer.name for layer in measure.firing(toy, x)] == [name for name, _ in toy.named_neurons()]
    spikeformers.save(toy, tmp_path / "toy.safetensors")
    assert torch.equal(spikeformers.load(tmp_path / "toy.safetensors")(x), logits)


def test_it_trains_by_a_recipe(toy: SpikingModel, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    fit(load_recipe(tmp_path / "recipe.toml"), out=tmp_path / "run")
    digits = spikeformers.data.load_dataset("digits")
    trained = spikeformers.load(tmp_path / "run" / "best.safetensors")
    found = evaluate(trained, digits.test, batch_size=100, mean=digits.mean, std=digits.std)
    assert found.accuracy > 0.5  # chance is 0.1
