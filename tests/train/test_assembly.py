"""From a recipe to model, optimizer and loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from spikeformers.data import Dataset, normalise, read_all
from spikeformers.errors import CheckpointError, ConfigError
from spikeformers.models import save
from spikeformers.train.assembly import goal_of, initial_state, intended_config, load_teacher, with_true_name
from spikeformers.train.lamb import Lamb
from spikeformers.train.loop import fit
from spikeformers.train.recipe import Recipe
from spikeformers.train.run import load_run
from spikeformers.train.words import DistillationWords


def teacher_for_tests() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def no_teacher() -> str:
    return "a text"


def test_the_model_has_as_many_classes_as_the_data(recipe: Recipe, digits: Dataset) -> None:
    more = replace(digits, classes=(*digits.classes, "ten", "eleven"))
    assert initial_state(recipe, more, "cpu").model.config.num_classes == 12
    wrong = replace(recipe, model=replace(recipe.model, config={**recipe.model.config, "num_classes": 7}))
    with pytest.raises(ConfigError, match="has 7 classes"):
        initial_state(wrong, digits, "cpu")


def test_weights_follow_the_seed(recipe: Recipe, digits: Dataset) -> None:
    first, again, other = (initial_state(replace(recipe, seed=seed), digits, "cpu").model for seed in (0, 0, 1))
    assert torch.equal(first.head.linear.weight, again.head.linear.weight)  # type: ignore[union-attr,arg-type]
    assert not torch.equal(first.head.linear.weight, other.head.linear.weight)  # type: ignore[union-attr,arg-type]


def test_words_reach_optimizer_scaler_average_and_recomputation(recipe: Recipe, digits: Dataset) -> None:
    words = replace(recipe.optimizer, name="lamb", layer_decay=0.5)
    state = initial_state(replace(recipe, optimizer=words, precision="float16", ema=0.9, recompute=True), digits, "cpu")
    assert isinstance(state.optimizer, Lamb)
    assert {group["lr_scale"] for group in state.optimizer.param_groups} == {1.0, 0.5, 0.25}
    assert state.scaler.is_enabled()
    assert state.ema is not None
    assert state.model.recompute_blocks
    plain = initial_state(recipe, digits, "cpu")
    assert (plain.scaler.is_enabled(), plain.ema, plain.model.recompute_blocks) == (False, None, False)


def test_frozen_parts_do_not_learn(recipe: Recipe, digits: Dataset) -> None:
    state = initial_state(replace(recipe, freeze=("tokenizer",)), digits, "cpu")
    assert not any(parameter.requires_grad for parameter in state.model.get_submodule("tokenizer").parameters())
    learning = {id(p) for group in state.optimizer.param_groups for p in group["params"]}
    assert learning == {id(p) for p in state.model.parameters() if p.requires_grad}
    with pytest.raises(ConfigError, match="tokenizer"):
        initial_state(replace(recipe, freeze=("tokeniser",)), digits, "cpu")


def test_a_checkpoint_brings_model_and_words(tmp_path: Path, recipe: Recipe, digits: Dataset) -> None:
    start = initial_state(recipe, digits, "cpu").model
    save(start, tmp_path / "start.safetensors", provenance={"classes": list(digits.classes)})
    words = replace(recipe.model, name="", config={"time_steps": 4, "image_size": [16, 16]})
    tuned = replace(recipe, init=str(tmp_path / "start.safetensors"), model=words, seed=5)
    config = intended_config(tuned)
    assert (config.time_steps, config.image_size) == (4, (16, 16))
    state = initial_state(tuned, digits, "cpu")
    assert state.model.training
    ours, theirs = state.model.state_dict(), start.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    renamed = replace(digits, classes=tuple("abcdefghij"))
    fresh = initial_state(tuned, renamed, "cpu").model.state_dict()
    changed = {name for name, value in theirs.items() if not torch.equal(fresh[name], value)}
    assert changed == {"head.linear.weight"}  # biases start at 0 in every head
    with pytest.raises(CheckpointError, match="no run directory or checkpoint at"):
        intended_config(replace(tuned, init=str(tmp_path / "absent")))


def test_teachers_come_from_runs_checkpoints_and_functions(tmp_path: Path, recipe: Recipe, digits: Dataset) -> None:
    fit(recipe, out=tmp_path / "run", epochs=1)
    for teacher in (str(tmp_path / "run"), str(tmp_path / "run" / "best.safetensors")):
        assert sum(p.numel() for p in load_teacher(DistillationWords(teacher=teacher)).parameters()) > 1000
    here = "tests.train.test_assembly"
    assert isinstance(load_teacher(DistillationWords(teacher=f"{here}:teacher_for_tests")), nn.Sequential)
    with pytest.raises(ConfigError, match="must return a torch module, got str"):
        load_teacher(DistillationWords(teacher=f"{here}:no_teacher"))
    with pytest.raises(ConfigError, match="cannot be found"):
        load_teacher(DistillationWords(teacher="no.such.module:teacher"))
    with pytest.raises(CheckpointError, match="no run directory or checkpoint"):
        load_teacher(DistillationWords(teacher="runs/absent"))


def test_a_teacher_must_fit_what_the_student_sees(tmp_path: Path, recipe: Recipe, digits: Dataset) -> None:
    fit(recipe, out=tmp_path / "run", epochs=1)
    taught = replace(recipe, distillation=DistillationWords(teacher=str(tmp_path / "run")))
    assert goal_of(taught, "cpu", dataset=digits).teacher is not None
    with pytest.raises(ConfigError, match=r"trained with other mean \(\[0\.3059\]\) than the student \(\[0\.0\]\)"):
        goal_of(taught, "cpu", dataset=replace(digits, mean=(0.0,), std=(1.0,)))
    with pytest.raises(ConfigError, match="trained with other classes"):
        goal_of(taught, "cpu", dataset=replace(digits, classes=tuple("abcdefghij")))


def test_a_recipe_that_starts_from_a_checkpoint_bears_its_name(tmp_path: Path, recipe: Recipe) -> None:
    fit(recipe, out=tmp_path / "run", epochs=1)
    other = replace(recipe.model, name="spikingformer_2_64.digits")
    named = with_true_name(replace(recipe, model=other, init=str(tmp_path / "run")))
    assert named.model.name == "spikformer_2_64.digits"
    assert with_true_name(recipe) == recipe


def test_a_teacher_is_frozen_and_needs_a_recipe_that_asks_for_one(recipe: Recipe) -> None:
    words = DistillationWords(teacher="elsewhere", alpha=0.3)
    goal = goal_of(replace(recipe, distillation=words), "cpu", teacher_for_tests())
    assert goal.teacher is not None
    assert goal.distillation is not None
    assert goal.distillation.alpha == 0.3
    assert not any(parameter.requires_grad for parameter in goal.teacher.parameters())
    with pytest.raises(ConfigError, match=r"no \[distillation\]"):
        goal_of(recipe, "cpu", teacher_for_tests())


def test_a_student_learns_what_its_teacher_says(tmp_path: Path, recipe: Recipe, digits: Dataset) -> None:
    """The teacher calls everything a 3; with alpha 1 so does the student, whatever the labels are."""

    class Three(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.eye(10)[3].expand(len(x), 10) * 10

    words = DistillationWords(teacher="three", kind="hard", alpha=1.0)
    fit(replace(recipe, distillation=words), out=tmp_path, teacher=Three())
    images = read_all(digits.test).images
    answers = load_run(tmp_path).model(normalise(images, digits.mean, digits.std)).argmax(1)
    assert (answers == 3).float().mean() > 0.95
