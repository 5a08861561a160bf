"""A run before it starts: what a recipe amounts to, found out without its data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from spikeformers.data import Dataset, Images
from spikeformers.models import ModelConfig
from spikeformers.train.assembly import goal_of, initial_state, intended_config
from spikeformers.train.augmenting import augmentation, frame_augmentation
from spikeformers.train.official import Samples, official_samples
from spikeformers.train.plan import schedule_of
from spikeformers.train.probe import Memory, Probe, Speed
from spikeformers.train.recipe import Recipe
from spikeformers.train.state import TrainingState

POINTS = 120  # of the learning-rate curve


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Learning rates over a run; every point is (epochs done, rate).

    Attributes:
        warmed_up: the first update after the warm-up.
        curve: evenly spaced, first and last update included.
    """

    start: tuple[float, float]
    warmed_up: tuple[float, float]
    middle: tuple[float, float]
    end: tuple[float, float]
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parameters that learn in the same way."""

    parameters: int
    weight_decay: float
    lr_scale: float  # factor on the learning rate


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The model of a recipe and what an update of it needs, found out on the device."""

    model: str  # its name in the catalogue, or its class
    input: tuple[int, int, int]  # (C, H, W)
    time_steps: int
    classes: int
    parameters: int
    learning: int  # parameters that are not frozen
    groups: tuple[Group, ...]
    memory: Memory
    speed: Speed


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A run before it starts.

    Attributes:
        samples, steps_per_epoch: None where the data set has no official size and was not read.
        missing: the checkpoint to start from and the teacher, where the recipe names them and they are not there.
        cost: None where only the checkpoint names the model, and is not there.
    """

    recipe: Recipe
    device: str
    samples: Samples | None
    steps_per_epoch: int | None
    rates: Rates
    missing: tuple[str, ...]
    cost: Cost | None

    @property
    def total_steps(self) -> int | None:
        """Updates of the whole run."""
        return None if self.steps_per_epoch is None else self.steps_per_epoch * self.recipe.schedule.total_epochs

    @property
    def seconds(self) -> float | None:
        """Estimated time of all updates; see `Speed` for what is left out."""
        return None if self.total_steps is None or self.cost is None else self.total_steps * self.cost.speed.seconds

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        table = {**asdict(self), "recipe": self.recipe.to_dict()}
        if self.cost is not None:
            table["cost"]["memory"]["total"] = self.cost.memory.total
            table["cost"]["speed"]["dtype"] = str(self.cost.speed.dtype).removeprefix("torch.")
        return {**table, "total_steps": self.total_steps, "seconds": self.seconds}


def preview(recipe: Recipe, *, device: str | torch.device = "cpu", dataset: Dataset | None = None) -> Preview:
    """Find out what a recipe amounts to: its steps, learning rates, memory and time.

    A few forward and backward passes are done on synthetic images, a few seconds of work also for large models.

    Args:
        device: where to measure.
        dataset: the recipe's, where it was loaded; otherwise the official sizes count.

    Raises:
        SpikeformersError: the recipe's model, checkpoint, teacher or augmentation does not exist or does not fit.
    """
    samples = official_samples(recipe.dataset, recipe.validation) if dataset is None else Samples.of(dataset)
    steps = None if samples is None else max(1, samples.train // recipe.batch_size)
    missing = _missing(recipe)
    known = _without(recipe, missing)
    return Preview(
        recipe=recipe,
        device=str(device),
        samples=samples,
        steps_per_epoch=steps,
        rates=_rates(recipe, steps or POINTS),
        missing=missing,
        cost=_cost(known, samples, torch.device(device)) if known else None,
    )


def _missing(recipe: Recipe) -> tuple[str, ...]:
    """What the recipe names and is not there: files, and the module of a teacher that is a function."""
    teacher = recipe.distillation.teacher if recipe.distillation else ""
    return tuple(name for name in (recipe.init, teacher) if name and not _is_there(name))


def _is_there(name: str) -> bool:
    module, function, _ = name.partition(":")
    if Path(name).exists() or not function:
        return Path(name).exists()
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # its package cannot be imported, or this is no module's name
        return False


def _without(recipe: Recipe, missing: tuple[str, ...]) -> Recipe | None:
    """The recipe as far as it can be measured; None where only a missing checkpoint names the model."""
    if recipe.distillation is not None and recipe.distillation.teacher in missing:
        recipe = replace(recipe, distillation=None)
    if recipe.init not in missing:
        return recipe
    return replace(recipe, init="") if recipe.model.name else None


def _rates(recipe: Recipe, steps_per_epoch: int) -> Rates:
    schedule = schedule_of(recipe, steps_per_epoch)
    last = schedule.total_steps - 1

    def at(step: int) -> tuple[float, float]:
        return step / steps_per_epoch, schedule.rate(step)

    warm = recipe.schedule.warmup_epochs
    first_warm = math.ceil(warm) * steps_per_epoch if recipe.schedule.per_epoch else round(warm * steps_per_epoch)
    return Rates(
        start=at(0),
        warmed_up=at(min(first_warm, last)),
        middle=at(schedule.total_steps // 2),
        end=at(last),
        curve=tuple(at(round(last * point / (POINTS - 1))) for point in range(POINTS)),
    )


def _cost(recipe: Recipe, samples: Samples | None, device: torch.device) -> Cost:
    config = intended_config(recipe)
    classes = config.num_classes if samples is None else samples.classes
    events = samples is not None and samples.events
    if events:
        frame_augmentation(recipe.augment)
    else:
        augmentation(recipe.augment, mean=(0.5,) * config.in_channels)
    state = initial_state(recipe, _synthetic(recipe, config, classes), device)
    image = (config.in_channels, *config.image_size)
    shape = (config.time_steps, *image) if events else image
    probe = Probe(state, goal_of(recipe, device), shape=shape, classes=classes)
    part = recipe.batch_size // recipe.accumulate
    parameters = list(state.model.parameters())
    return Cost(
        model=state.model.name or type(state.model).__name__,
        input=image,
        time_steps=config.time_steps,
        classes=classes,
        parameters=sum(parameter.numel() for parameter in parameters),
        learning=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        groups=_groups(state),
        memory=probe.memory(part),
        speed=probe.speed(recipe.batch_size, part),
    )


def _groups(state: TrainingState) -> tuple[Group, ...]:
    return tuple(
        Group(
            parameters=sum(parameter.numel() for parameter in group["params"]),
            weight_decay=group["weight_decay"],
            lr_scale=group["lr_scale"],
        )
        for group in state.optimizer.param_groups
        if group["params"]
    )


def _synthetic(recipe: Recipe, config: ModelConfig, classes: int) -> Dataset:
    """One grey image of every class, so that what needs a data set has one."""
    image = torch.full((classes, config.in_channels, *config.image_size), 128, dtype=torch.uint8)
    images = Images(image, torch.arange(classes))
    return Dataset(
        name=recipe.dataset,
        train=images,
        test=images,
        classes=tuple(map(str, range(classes))),
        mean=(0.5,) * config.in_channels,
        std=(1.0,) * config.in_channels,
        licence="",
        citation="",
    )
