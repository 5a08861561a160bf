"""Plans: counts against the real data and the real loop's parts, every packaged recipe, and what cannot be known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from torch import nn

from spikeformers.cli.output import plain
from spikeformers.data import load_dataset
from spikeformers.errors import SpikeformersError
from spikeformers.train.assembly import intended_config
from spikeformers.train.feed import open_dataset, training_batches
from spikeformers.train.official import Samples, official_samples
from spikeformers.train.plan import updates_per_epoch
from spikeformers.train.previewing import preview
from spikeformers.train.recipe import Recipe, load_recipe, recipe_names
from spikeformers.train.words import DistillationWords
from tests.models.contract import in_time
from tests.models.tiny import fitting

TINY = {
    "dim": 32, "dims": [8, 8, 16, 16], "depth": 1, "depths_by_stage": [1] * 5, "heads": 2, "time_steps": 2,
    "image_size": [32, 32],
}  # fmt: skip


def tiny(name: str) -> Recipe:
    """The recipe with a model of its family that is quick; one that needs a checkpoint stays as it is."""
    recipe = load_recipe(name)
    if not recipe.model.name:
        return recipe
    words = fitting(recipe.model.name, **TINY)
    if recipe.dataset == "digits":
        del words["image_size"]
    return replace(recipe, model=replace(recipe.model, config={**recipe.model.config, **words}))


@in_time(recipe_names(), lambda name: load_recipe(name).dataset)
def test_every_recipe_has_a_plan(name: str) -> None:
    recipe = tiny(name)
    plan = preview(recipe)
    assert (plan.cost is None) == (name == "finetune")
    teacher = recipe.distillation.teacher if recipe.distillation else ""
    assert plan.missing == tuple(path for path in (recipe.init, teacher) if path)
    assert len(plan.rates.curve) == 120
    assert max(rate for _, rate in plan.rates.curve) <= recipe.peak_lr
    by_hand = [rate for _, rate in recipe.schedule.rates]
    assert plan.rates.end[1] == pytest.approx([recipe.schedule.min_lr, *by_hand][-1], rel=0.1)
    if plan.cost is not None:
        assert plan.samples is not None
        assert plan.steps_per_epoch == plan.samples.train // recipe.batch_size
        assert plan.total_steps == plan.steps_per_epoch * recipe.schedule.total_epochs
        assert plan.seconds == pytest.approx(plan.total_steps * plan.cost.speed.seconds)
        assert sum(group.parameters for group in plan.cost.groups) == plan.cost.learning == plan.cost.parameters
        assert {group.weight_decay for group in plan.cost.groups} == {0.0, recipe.optimizer.weight_decay}
    json.dumps(plain(plan), allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_has_a_plan_at_its_full_size(name: str) -> None:
    plan = preview(load_recipe(name))
    if plan.cost is not None:
        assert plan.cost.memory.activations > plan.cost.memory.weights


@pytest.mark.parametrize("validation", [0.0, 0.1])
def test_the_steps_are_those_of_the_loop(validation: float) -> None:
    recipe = load_recipe("digits_spikformer", validation=validation, batch_size=48, accumulate=4)
    dataset = open_dataset(recipe, intended_config(recipe), None)
    plan = preview(recipe, dataset=dataset)
    assert plan.steps_per_epoch == updates_per_epoch(training_batches(dataset, recipe), recipe)
    assert plan.samples is not None
    assert plan.samples.counted
    held = 0 if dataset.validation is None else len(dataset.validation)
    assert (plan.samples.train, plan.samples.validation, plan.samples.test) == (1437 - held, held, 360)


def test_official_sizes_are_the_real_ones() -> None:
    digits = Samples.of(load_dataset("digits"))
    assert official_samples("digits", 0.0) == replace(digits, counted=False)


def test_held_out_shares_come_out_of_the_training_part() -> None:
    samples = official_samples("cifar100", 0.1)
    assert samples is not None
    assert (samples.train, samples.validation, samples.test) == (45_000, 5_000, 10_000)
    assert official_samples("image_folder", 0.1) is None
    assert official_samples("Fashion-MNIST", 0.0) == official_samples("fashion_mnist", 0.0)


def test_timms_curve_falls_where_the_warm_up_ends() -> None:
    rates = preview(tiny("spikformer_cifar10")).rates
    assert rates.start == (0.0, 1e-5)
    expected = 1e-5 + 0.5 * (5e-4 - 1e-5) * (1 + math.cos(math.pi * 20 / 300))
    assert rates.warmed_up == (20.0, pytest.approx(expected))
    assert rates.middle == (155.0, pytest.approx(1e-5 + 0.5 * (5e-4 - 1e-5) * (1 + math.cos(math.pi * 155 / 300))))
    assert rates.end[1] == 1e-5


@pytest.mark.parametrize(
    ("teacher", "there"),
    [
        ("nowhere", False),
        ("no_such_module:build", False),
        ("no_such_package.module:build", False),
        (":build", False),
        (f"{__name__}:teacher", True),
    ],
)
def test_a_teacher_that_is_not_there_is_named_and_left_out(teacher: str, there: bool) -> None:
    plan = preview(replace(tiny("digits_spikformer"), distillation=DistillationWords(teacher=teacher)))
    assert plan.missing == (() if there else (teacher,))
    assert plan.cost is not None
    alone = preview(tiny("digits_spikformer"))
    assert alone.cost is not None
    grown = plan.cost.memory.weights - alone.cost.memory.weights
    assert grown == (4 * (64 * 10 + 10) if there else 0)


def teacher() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def test_frozen_parts_do_not_learn() -> None:
    plan = preview(replace(tiny("digits_spikformer"), freeze=("tokenizer",)))
    assert plan.cost is not None
    assert 0 < plan.cost.learning < plan.cost.parameters
    assert plan.cost.memory.gradients == 4 * plan.cost.learning


def test_what_does_not_fit_is_an_error_of_the_plan_too() -> None:
    with pytest.raises(SpikeformersError, match="rand"):
        preview(load_recipe("digits_spikformer", augment={"policy": "rand-m9-x3"}))
    with pytest.raises(SpikeformersError, match="heads"):
        preview(load_recipe("digits_spikformer", model={"config": {"heads": 5}}))
    with pytest.raises(SpikeformersError, match=r"'spikformer_2_64\.digits'"):
        preview(load_recipe("digits_spikformer", model={"name": "spikformer_2_63.digits"}))
    with pytest.raises(SpikeformersError, match="'cifar10'"):
        preview(load_recipe("digits_spikformer", dataset="cifra10"))
