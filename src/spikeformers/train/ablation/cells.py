"""From a study to its cells: every recipe resolved, every model built without numbers, before anything is trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from typing import Any

from spikeformers.errors import ConfigError, SpikeformersError, UnknownNameError, suggest
from spikeformers.models import freeze
from spikeformers.train.ablation.study import BASE, Study
from spikeformers.train.assembly import intended_config, intended_model, with_true_name
from spikeformers.train.augmenting import augmentation, frame_augmentation
from spikeformers.train.official import holds_events, official_samples
from spikeformers.train.optim import build_optimizer
from spikeformers.train.overrides import tables
from spikeformers.train.recipe import Recipe, flat, load_recipe


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A recipe of the study, without regard to its seed, and the parameters of its model."""

    identity: str  # two cells share it only if they train the same
    recipe: Recipe
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value of a factor: a line of the study's table."""

    factor: str
    label: str
    overrides: dict[str, Any]  # against the base, with dotted keys
    cell: Cell
    is_base: bool

    @property
    def title(self) -> str:
        """What the line is called outside its factor."""
        return f"{self.factor}: {self.label}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A cell with a seed: one run."""

    title: str
    cell: Cell
    seed: int
    value: Value | None  # the first line of the table it belongs to; None: it is the base

    @property
    def key(self) -> str:
        """The name of its files."""
        return f"{self.cell.identity}-{self.seed}"

    @property
    def recipe(self) -> Recipe:
        """What is trained."""
        return self.cell.recipe.adjusted(seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A study whose every cell is known to fit together."""

    study: Study
    base: Cell
    values: tuple[Value, ...]

    @property
    def factors(self) -> list[str]:
        """The factors in the order of the study."""
        return list(dict.fromkeys(value.factor for value in self.values))

    def only(self, factors: Sequence[str]) -> Ablation:
        """Return the study without its other factors; none means all.

        Raises:
            UnknownNameError: the study has no such factor.
        """
        for factor in factors:
            if factor not in self.factors:
                known = ", ".join(self.factors)
                raise UnknownNameError(f"There is no factor {factor!r}.{suggest(factor, self.factors)} Known: {known}.")
        chosen = tuple(value for value in self.values if value.factor in factors)
        return replace(self, values=chosen) if factors else self

    def jobs(self) -> list[Job]:
        """Every run once: all cells with the first seed, the base first, then all with the next."""
        named: dict[str, Value | None] = {self.base.identity: None}
        cells = {self.base.identity: self.base}
        for value in self.values:
            cells.setdefault(value.cell.identity, value.cell)
            named.setdefault(value.cell.identity, value)
        return [
            Job(title=value.title if value else BASE, cell=cells[identity], seed=seed, value=value)
            for seed in self.study.seeds
            for identity, value in named.items()
        ]


def resolve(study: Study) -> Ablation:
    """Resolve the recipe of every cell and build its model on the meta device.

    Raises:
        ConfigError: a cell changes an unknown word, its model cannot be built, or has too many parameters.
    """
    base = _cell(study, BASE, {})
    values = [value for factor in study.factors for value in _values(study, factor, base)]
    ablation = Ablation(study=study, base=base, values=tuple(values))
    _check_size(ablation)
    return ablation


def _values(study: Study, factor: str, base: Cell) -> list[Value]:
    """The lines of a factor; the base's own comes first, unless one of the others is the base."""
    found = []
    for label, changes in study.factors[factor].items():
        overrides = flat(changes)
        cell = _cell(study, f"{factor}, {label!r}", overrides)
        is_base = cell.identity == base.identity
        found.append(Value(factor=factor, label=label, overrides=overrides, cell=cell, is_base=is_base))
    if any(value.is_base for value in found):
        return found
    own = Value(factor=factor, label=study.label_of_base(factor), overrides={}, cell=base, is_base=True)
    return [own, *found]


def _cell(study: Study, place: str, overrides: Mapping[str, Any]) -> Cell:
    try:
        changes = tables([*flat(study.set).items(), *overrides.items()])
        recipe = _canonical(with_true_name(replace(load_recipe(study.recipe, **changes), paper=None)))
        parameters = _parameters(recipe)
    except SpikeformersError as error:
        raise ConfigError(f"Study {study.name}: {place}: {error}") from error
    said = json.dumps([_said(replace(recipe, name="", description="", seed=0)), parameters], sort_keys=True)
    return Cell(identity=hashlib.sha256(said.encode()).hexdigest()[:16], recipe=recipe, parameters=parameters)


def _canonical(recipe: Recipe) -> Recipe:
    """The recipe without words of the model that say what its catalogue entry says, and those left in one spelling."""
    words, plain = recipe.model.config, replace(recipe.model, config={})
    own, resolved = (intended_config(each).to_dict() for each in (replace(recipe, model=plain), recipe))
    # The classes follow the data where they are not said, so saying them is never saying nothing.
    kept = {word: resolved[word] for word in words if resolved[word] != own[word] or word == "num_classes"}
    return replace(recipe, model=replace(plain, config=kept))


def _said(words: Any) -> dict[str, Any]:
    """What a recipe says beyond its defaults: a word that a later version adds leaves it alone."""
    said = {}
    for field in fields(words):
        value = getattr(words, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if value != default:
            said[field.name] = _said(value) if is_dataclass(value) else value
    return said


def _parameters(recipe: Recipe) -> int:
    """Build the parts of a run that need no data, to see that they fit; return the parameters of the model."""
    samples = official_samples(recipe.dataset, recipe.validation)
    model = intended_model(recipe, None if samples is None else samples.classes)
    if recipe.freeze:
        freeze(model, recipe.freeze)
    build_optimizer(model, recipe.optimizer)
    if holds_events(recipe.dataset):
        frame_augmentation(recipe.augment)
    else:
        augmentation(recipe.augment, mean=(0.5,) * intended_config(recipe).in_channels)
    return sum(parameter.numel() for parameter in model.parameters())


def _check_size(ablation: Ablation) -> None:
    most = ablation.study.max_parameters
    sizes = {BASE: ablation.base.parameters} | {value.title: value.cell.parameters for value in ablation.values}
    large = [f"{title} has {size:,}" for title, size in sizes.items() if size > most]
    if most and large:
        raise ConfigError(
            f"Study {ablation.study.name}: max_parameters is {most:,}, but {'; '.join(large)}. Make them smaller, or "
            "raise max_parameters."
        )
