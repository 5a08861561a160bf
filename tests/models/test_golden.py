"""Our models against figures measured on the papers' published code, through the public face only."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import spikeformers
from spikeformers.measure import Firing
from spikeformers.models import SpikingModel
from tests.golden_rules import (
    checksums,
    fill_state,
    golden,
    golden_input,
    golden_loss,
    golden_names,
    relative_difference,
    uniform,
)

FILES = golden_names("")


def build(file: dict[str, Any], dtype: torch.dtype) -> SpikingModel:
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    model = spikeformers.convert.load_official(state, file["system"], file["variant"], file["config"])
    return model.to(dtype)


def outputs(model: SpikingModel, x: torch.Tensor, file: dict[str, Any]) -> list[torch.Tensor]:
    """What the authors' model returns: logits, those of each time step, or in training also the distillation head's."""
    if file["config"].get("output", "").startswith("per_step"):
        return [model.forward_steps(x)]
    if model.training and file["config"].get("distillation_head"):
        heads = model.forward_heads(x)
        return [heads["logits"], heads["distillation"]]
    return [model(x)]


def test_the_fill_rule_gives_the_published_check_values() -> None:
    assert uniform("head.weight", "", 8).tolist() == [32874, 7841, 48345, 23312, 63816, 38783, 13751, 54254]
    assert uniform("input", "p1", 8).tolist() == [60328, 35296, 10263, 50766, 25734, 701, 41205, 16172]


def test_every_golden_file_is_tested() -> None:
    assert len(FILES) == 47


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)], ids=["float64", "float32"]
)
def test_evaluation(name: str, dtype: torch.dtype, tolerance: float) -> None:
    file = golden(name)
    model = build(file, dtype)
    x = golden_input(file, dtype)
    assert not model.training
    _compare_spikes(spikeformers.measure.firing(model, x), file["eval"])
    with torch.no_grad():
        (logits,) = outputs(model, x, file)
    expected = file["eval"]["logits_fp64" if dtype == torch.float64 else "logits_fp32"]
    assert relative_difference(logits, expected) <= tolerance


def _compare_spikes(rows: list[Firing], expected: dict[str, Any]) -> None:
    """Spikes are counted, so they are equal; sums of an analog neuron's outputs were recorded in float32."""
    found = [[row.official_name, row.spikes, row.elements, row.reset_spikes] for row in rows]
    # The first row that differs names the faulty layer.
    for got, (name, spikes, elements, *resets) in zip(found, expected["spikes"], strict=True):
        analog = bool(resets)
        assert got == [
            name,
            pytest.approx(spikes, rel=1e-6, abs=0) if analog else spikes,
            elements,
            *(resets or [None]),
        ]
    counted = [row.spikes if row.reset_spikes is None else row.reset_spikes for row in rows]
    assert sum(counted) == expected["spikes_total"]


@pytest.mark.parametrize("name", FILES)
def test_training_step(name: str) -> None:
    file = golden(name)
    salt, train = file["fill"]["salt"], file["train"]
    model = build(file, torch.float64).train()
    x = golden_input(file, torch.float64)
    found = outputs(model, x, file)
    loss = sum(golden_loss(logits, salt, name) for logits, name in zip(found, ("loss", "loss_kd"), strict=False))
    loss.backward()
    expected = train["logits_fp64"] if len(found) > 1 else [train["logits_fp64"]]
    assert max(map(relative_difference, found, expected)) <= 1e-9
    assert abs(loss.item() - train["loss"]) <= 1e-9 * max(1, abs(train["loss"]))
    _compare_gradients(spikeformers.convert.to_official(model, what="gradients"), train["gradients"], salt)
    buffers = spikeformers.convert.to_official(model, what="buffers")
    for key, norm, total in train["buffers_after"]:
        found = buffers[key].double()
        assert float(found.norm()) == pytest.approx(norm, rel=1e-9, abs=1e-9), key
        assert float(found.sum()) == pytest.approx(total, rel=1e-9, abs=1e-9 * math.sqrt(found.numel())), key


def _compare_gradients(found: dict[str, torch.Tensor], rows: list[list[Any]], salt: str) -> None:
    """The golden rule made 100 times tighter: L2 within 1e-8 of itself plus 1e-11 of the model's largest."""
    live = {name: figures for name, *figures in rows if figures[0] is not None}
    assert set(found) == set(live)
    largest = max(norm for norm, _, _ in live.values())
    for name, (norm, total, dot) in live.items():
        limit = 1e-8 * norm + 1e-11 * largest
        count = found[name].numel()
        got = checksums(name, found[name], salt)
        assert abs(got[0] - norm) <= limit, name
        assert abs(got[1] - total) <= limit * math.sqrt(count), name
        assert abs(got[2] - dot) <= limit * 3 * math.sqrt(count), name


@pytest.mark.parametrize("name", FILES)
def test_parameters(name: str) -> None:
    file = golden(name)
    model = build(file, torch.float32)
    parameters = file["parameters"]
    assert sum(p.numel() for p in model.parameters()) == parameters.get("published", parameters["all"])
