"""From a recipe to the parts of a run: model, optimizer, loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikeformers import catalog
from spikeformers.data import Dataset
from spikeformers.data.streams import seeded
from spikeformers.errors import ConfigError
from spikeformers.models import (
    ModelConfig,
    SpikingModel,
    adapt,
    build_module,
    create_model,
    freeze,
    load,
    model_class,
    read_header,
)
from spikeformers.train.distillation import Distillation
from spikeformers.train.ema import Ema
from spikeformers.train.goal import DTYPES, Goal
from spikeformers.train.gradients import GradientWatch
from spikeformers.train.optim import build_optimizer
from spikeformers.train.recipe import Recipe
from spikeformers.train.run import find_checkpoint
from spikeformers.train.state import TrainingState
from spikeformers.train.words import DistillationWords


def intended_config(recipe: Recipe) -> ModelConfig:
    """Return the configuration the model will have, without building it; its classes may follow the data.

    Raises:
        UnknownNameError, ConfigError, CheckpointError: there is no such model or checkpoint, or a word it refuses.
    """
    kind, words = _intended(recipe)
    return kind.Config.from_words(words)


def intended_model(recipe: Recipe, classes: int | None = None) -> SpikingModel:
    """Return the model a recipe asks for on the meta device: all its shapes, and no numbers.

    Args:
        classes: of the data set, where they are known; the recipe's own number counts before it.

    Raises:
        UnknownNameError, ConfigError, CheckpointError: as `intended_config`, or its parts do not fit together.
    """
    kind, words = _intended(recipe)
    if classes is not None:
        words = {**words, "num_classes": classes, **recipe.model.config}
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return kind.from_words(words)


def _intended(recipe: Recipe) -> tuple[type[SpikingModel], dict[str, Any]]:
    if recipe.init:
        header = read_header(find_checkpoint(Path(recipe.init)))
        builds, words = header.builds, header.config
    else:
        record = catalog.get(recipe.model.name)
        builds, words = record.builds, dict(record.config)
    return model_class(builds), {**words, **recipe.model.config}


def initial_state(recipe: Recipe, dataset: Dataset, device: str | torch.device) -> TrainingState:
    """Return the state before the first update; fresh weights depend on the recipe's seed only.

    The model has as many classes as the data set, unless the recipe names another number.

    Raises:
        UnknownNameError, ConfigError, CheckpointError: as `intended_config`, or the classes do not fit the data.
    """
    words = {"num_classes": len(dataset.classes), **recipe.model.config}
    _check_classes(words["num_classes"], dataset)
    with seeded(recipe.seed, "weights"):
        if recipe.init:
            model = _starting_from(Path(recipe.init), dataset, words)
        else:
            model = create_model(recipe.model.name, **words)
    model = model.to(device)
    model.recompute_blocks = recipe.recompute
    model.keep_pre_activations = recipe.keep_pre_activations
    if recipe.freeze:
        freeze(model, recipe.freeze)
    return TrainingState(
        model=model,
        optimizer=build_optimizer(model, recipe.optimizer),
        scaler=torch.amp.GradScaler(torch.device(device).type, enabled=recipe.precision == "float16"),
        gradients=GradientWatch(model),
        ema=Ema(model, recipe.ema) if recipe.ema else None,
    )


def with_true_name(recipe: Recipe) -> Recipe:
    """Return the recipe with the name of the model it starts from, where it starts from a checkpoint.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    if not recipe.init:
        return recipe
    name = read_header(find_checkpoint(Path(recipe.init))).name or ""
    return replace(recipe, model=replace(recipe.model, name=name))


def goal_of(
    recipe: Recipe, device: str | torch.device, teacher: nn.Module | None = None, dataset: Dataset | None = None
) -> Goal:
    """Return the loss of a recipe.

    Args:
        teacher: takes the place of the one the recipe names.
        dataset: what the student learns from; a teacher that says what it learned from must fit it.

    Raises:
        ConfigError, CheckpointError: a teacher is given that the recipe does not ask for, does not fit, or cannot be
            loaded.
    """
    words, dtype = recipe.distillation, DTYPES[recipe.precision]
    if words is None:
        if teacher is not None:
            raise ConfigError("A teacher was given, but the recipe has no [distillation]. Add it, or leave it out.")
        return Goal(words=recipe.loss, dtype=dtype)
    if teacher is None and dataset is not None:
        _check_teacher(words, dataset)
    module = load_teacher(words) if teacher is None else teacher
    distillation = Distillation(kind=words.kind, alpha=words.alpha, temperature=words.temperature, output=words.output)
    return Goal(
        words=recipe.loss,
        dtype=dtype,
        distillation=distillation,
        teacher=module.to(device).eval().requires_grad_(False),
    )


def load_teacher(words: DistillationWords) -> nn.Module:
    """Load the teacher: from a run or checkpoint, or by calling "module:function".

    Raises:
        CheckpointError: no run or checkpoint there.
        ConfigError: the function cannot be found, or returns no torch module.
    """
    if ":" in words.teacher and not Path(words.teacher).exists():
        return build_module(words.teacher)
    return load(find_checkpoint(Path(words.teacher)))


def _check_teacher(words: DistillationWords, dataset: Dataset) -> None:
    """Compare what a teacher's checkpoint says of its inputs with those it will see."""
    path = Path(words.teacher)
    known = read_header(find_checkpoint(path)).provenance if path.exists() else {}
    for word in ("classes", "mean", "std"):
        theirs, ours = known.get(word), list(getattr(dataset, word))
        if theirs is not None and list(theirs) != ours:
            raise ConfigError(
                f"The teacher {words.teacher} was trained with other {word} ({theirs}) than the student ({ours}), so "
                "its answers would mean something else. Train it on the same data with the same images.normalise."
            )


def _starting_from(init: Path, dataset: Dataset, words: dict[str, Any]) -> SpikingModel:
    """The model of a checkpoint with other words; its head is fresh where its classes are not those of the data."""
    checkpoint = find_checkpoint(init)
    known = read_header(checkpoint).provenance.get("classes")
    model, _ = adapt(checkpoint, fresh_head=known is not None and list(known) != list(dataset.classes), **words)
    return model.train()


def _check_classes(given: int, dataset: Dataset) -> None:
    needed = len(dataset.classes)
    if given != needed:
        raise ConfigError(
            f"The model has {given} classes, the data set {dataset.name!r} has {needed}. "
            f"Set num_classes = {needed} under [model.config] of the recipe, or leave it out."
        )
