"""Cells: resolved before anything is trained, one for what trains the same, and every slip told with its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.models import create_model
from spikeformers.train.ablation.cells import Ablation, resolve
from spikeformers.train.ablation.study import read_study, study_names
from tests.train.ablation.conftest import factor

Made = Callable[..., Ablation]
NAME, TINY = "spikformer_2_64.digits", {"dim": 16, "depth": 1, "heads": 2, "time_steps": 1}


def test_every_cell_is_the_recipe_that_the_study_says(made: Made) -> None:
    ablation = made(factor("rate", high={"optimizer.lr": 0.02}, low={"optimizer.lr": 0.001}))
    assert [(value.factor, value.label, value.is_base) for value in ablation.values] == [
        ("neuron", "base", True), ("neuron", "PLIF", False),
        ("rate", "base", True), ("rate", "high", False), ("rate", "low", False),
    ]  # fmt: skip
    assert [value.cell.recipe.optimizer.lr for value in ablation.values[2:]] == [0.01, 0.02, 0.001]
    assert all(value.cell.recipe.schedule.epochs == 1 for value in ablation.values)
    assert ablation.values[1].cell.recipe.model.config == {**TINY, "neuron": "plif"}
    assert ablation.base.parameters == sum(p.numel() for p in create_model(NAME, **TINY).parameters())
    plif = sum(p.numel() for p in create_model(NAME, neuron="plif", **TINY).parameters())
    assert ablation.values[1].cell.parameters == plif > ablation.base.parameters


def test_a_run_of_what_trains_the_same_is_there_once(made: Made) -> None:
    same = factor("same", twin={"model.config.neuron": '"plif"'}, own={"model.config.time_steps": 1})
    ablation = made(same)
    assert [(job.title, job.seed) for job in ablation.jobs()] == [
        ("base", 0), ("neuron: PLIF", 0), ("base", 1), ("neuron: PLIF", 1)
    ]  # fmt: skip
    assert [(value.label, value.is_base) for value in ablation.values[2:]] == [("twin", False), ("own", True)]
    assert len({job.key for job in ablation.jobs()}) == 4
    assert [job.recipe.seed for job in ablation.jobs()] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "said", ['"model.config.neuron" = "lif"', '"accumulate" = 1', '"model.config.neuron" = " lif ( )"', '"ema" = 0']
)
def test_saying_a_default_changes_nothing(said: str, made: Made) -> None:
    # A word that a later version adds has its default in every older cell: what was trained must stay trained.
    assert made(**{'"schedule.epochs" = 1': f'"schedule.epochs" = 1\n{said}'}).base.identity == made().base.identity


@pytest.mark.parametrize("said", ['"model.config.tau" = 3.0', '"batch_size" = 16', '"model.name" = "sdt_2_64.digits"'])
def test_saying_something_else_is_another_cell(said: str, made: Made) -> None:
    assert made(**{'"schedule.epochs" = 1': f'"schedule.epochs" = 1\n{said}'}).base.identity != made().base.identity


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"model.config.neurn": '"plif"'}, r"last, 'slip': .* no word 'neurn'\. Did you mean 'neuron'"),
        ({"model.neuron": '"plif"'}, r"last, 'slip': .*\[model\]: unknown key 'neuron'"),
        ({"schedule.epoch": "1"}, r"last, 'slip': .*unknown key 'epoch'\. Did you mean 'epochs'"),
        ({"model.config.neuron": '"pliff"'}, r"last, 'slip': no neuron 'pliff'\. Did you mean 'plif'"),
        ({"model.config.heads": "3"}, r"last, 'slip': dim must be a multiple of heads"),
        ({"augment.policy": '"rand-x"'}, r"last, 'slip': "),
        ({"freeze": '["blokcs"]'}, r"last, 'slip': .*blocks"),
        ({"images.size": "12"}, r"last, 'slip': .*size"),
        ({"model.config.dim": "64"}, r"max_parameters is 8,000, but last: slip has"),
    ],
)
def test_a_slip_in_the_last_cell_is_told_before_anything_is_trained(
    words: dict[str, str], message: str, made: Made
) -> None:
    with pytest.raises(ConfigError, match=message):
        made(factor("last", slip=words))


def test_some_of_the_factors(made: Made) -> None:
    study = made(factor("rate", high={"optimizer.lr": 0.02}))
    chosen = study.only(["rate"])
    assert [job.title for job in chosen.jobs()] == ["base", "rate: high"] * 2
    assert {job.key for job in chosen.jobs()} < {job.key for job in study.jobs()}
    assert study.only([]) == study
    with pytest.raises(UnknownNameError, match=r"no factor 'rates'\. Did you mean 'rate'"):
        study.only(["rates"])


@pytest.mark.parametrize("name", study_names())
def test_packaged_studies_fit_together(name: str) -> None:
    ablation = resolve(read_study(name))
    assert len(ablation.jobs()) > len(ablation.study.seeds)
