"""Parameters that no gradient reaches, which Spike-driven Transformer carries: they stay, and disturb nothing."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from spikeformers.data import Dataset
from spikeformers.models import SpikingModel, load
from spikeformers.train.assembly import goal_of, initial_state
from spikeformers.train.feed import training_batches
from spikeformers.train.loop import fit
from spikeformers.train.recipe import Recipe, load_recipe
from spikeformers.train.result import Event, StepDone
from spikeformers.train.update import update
from spikeformers.train.words import OptimizerWords

UNUSED = {"blocks.0.attention.talking_heads.weight", "blocks.0.attention.unused_neuron.w", "tokenizer.unused_neuron.w"}


class Stopped(Exception):
    """What a test throws into a run."""


@pytest.fixture
def recipe() -> Recipe:
    """Two epochs of a small SDT with learned time constants, and everything that goes over all parameters."""
    return load_recipe(
        "digits_sdt",
        precision="float16",
        ema=0.8,
        accumulate=2,
        optimizer={"clip_norm": 0.5, "layer_decay": 0.75},
        model={"config": {"dim": 32, "depth": 1, "heads": 2, "time_steps": 2, "neuron": "plif"}},
        schedule={"epochs": 2, "warmup_epochs": 0.2},
    )


def with_optimizer(recipe: Recipe, name: Any, **words: Any) -> Recipe:
    return replace(recipe, optimizer=replace(recipe.optimizer, name=name, **words))


def values(model: SpikingModel) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", ["adamw", "lamb"])
def test_a_run_leaves_them_alone_and_goes_on_where_it_was_torn_off(
    name: str, recipe: Recipe, digits: Dataset, tmp_path: Path
) -> None:
    def tear(event: Event) -> None:
        if isinstance(event, StepDone) and (event.epoch, event.step) == (2, 4):
            raise Stopped

    recipe = with_optimizer(recipe, name, weight_decay=0.5)
    fit(recipe, out=tmp_path / "whole")
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path / "torn", save_every=3, watch=tear)
    fit(recipe, out=tmp_path / "torn")
    for file in ("last.safetensors", "best.safetensors", "log.jsonl"):
        assert (tmp_path / "torn" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()

    before, after = (
        values(initial_state(recipe, digits, "cpu").model),
        values(load(tmp_path / "whole/last.safetensors")),
    )
    assert {key for key, value in after.items() if torch.equal(value, before[key])} == UNUSED


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "lamb"])
def test_no_decay_moves_them(name: str, recipe: Recipe, digits: Dataset) -> None:
    recipe = with_optimizer(recipe, name, weight_decay=0.5)
    state = initial_state(recipe, digits, "cpu")
    for parameter in UNUSED:
        torch.nn.init.ones_(state.model.get_parameter(parameter))  # they start from 0, which no decay would move
    batches = [next(iter(training_batches(digits, recipe).epoch(0)))]
    update(state, goal_of(recipe, "cpu"), batches, rate=0.1, clip_norm=1.0)
    assert all(bool((state.model.get_parameter(parameter) == 1).all()) for parameter in UNUSED)


def test_they_count_as_nothing_in_the_gradients_length(recipe: Recipe, digits: Dataset) -> None:
    # A rate of 1 and no decay: SGD's first step is the shortened gradient itself.
    plain = OptimizerWords(name="sgd", lr=1.0, weight_decay=0.0)
    recipe = replace(recipe, precision="float32", optimizer=plain)
    state = initial_state(recipe, digits, "cpu")
    before = values(state.model)
    batches = [next(iter(training_batches(digits, recipe).epoch(0)))]
    done = update(state, goal_of(recipe, "cpu"), batches, rate=1.0, clip_norm=1e-3)
    after = values(state.model)
    moved = math.sqrt(sum(float((after[name] - before[name]).square().sum()) for name in before))
    assert done.gradient_norm > 1e-3
    assert moved == pytest.approx(1e-3, rel=1e-3)  # weights near 1 keep seven digits of steps of about 1e-5
    lengths = {name: 0.0 if p.grad is None else float(p.grad.norm()) for name, p in state.model.named_parameters()}
    assert {name for name, length in lengths.items() if not length} == UNUSED
    assert state.gradients.vanishing() == ()
    assert set(state.gradients.epoch_means()) == {"tokenizer", "blocks.0", "head"}


def test_the_average_of_the_weights_has_them_as_they_are(recipe: Recipe, digits: Dataset, tmp_path: Path) -> None:
    fit(recipe, out=tmp_path, epochs=1)
    kept = load(tmp_path / "last.safetensors")  # the average, with ema
    fresh = initial_state(recipe, digits, "cpu").model
    for name in UNUSED:
        assert torch.equal(kept.get_parameter(name), fresh.get_parameter(name))
    assert math.isfinite(json.loads((tmp_path / "log.jsonl").read_text())["eval_loss"])
