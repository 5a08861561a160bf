"""A model and its catalogue entry in under 60 lines, and what a user then has for nothing.

`toy.py` and `toy.toml` are complete, and CONTRIBUTING shows exactly them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import spikeformers
from spikeformers import catalog, measure
from spikeformers.catalog.shelf import packaged
from spikeformers.models import SpikingModel
from tests.test_readme import CONTRIBUTING, blocks

HERE = Path(__file__).parent
MODULE, ENTRY = HERE / "toy.py", HERE / "toy.toml"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpikingModel]:
    """The model as a user adds it; the catalogue forgets it afterwards."""
    monkeypatch.syspath_prepend(HERE)
    torch.manual_seed(0)
    try:
        catalog.add(ENTRY)
        yield spikeformers.create_model("toy_1_32.digits")
    finally:
        packaged.cache_clear()
        sys.modules.pop("toy", None)


def test_it_is_short_and_what_contributing_shows() -> None:
    module, entry = MODULE.read_text(), ENTRY.read_text()
    assert len(module.splitlines()) + len(entry.splitlines()) < 60
    assert blocks(CONTRIBUTING, "python")[0] == module
    assert blocks(CONTRIBUTING, "toml") == [entry]


def test_create_train_a_step_save_load_and_stream(toy: SpikingModel, tmp_path: Path) -> None:
    digits = spikeformers.data.load_dataset("digits")
    x, y = digits.train.images[:32].float() / 16, digits.train.labels[:32]
    optimizer = torch.optim.AdamW(toy.parameters(), lr=1e-2)
    losses = []
    for _ in range(2):
        loss = F.cross_entropy(toy(x), y)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in toy.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]

    spikeformers.save(toy, tmp_path / "toy.safetensors", provenance={"steps": 2})
    loaded = spikeformers.load(tmp_path / "toy.safetensors")
    assert type(loaded) is type(toy)
    assert torch.equal(loaded(x), toy.eval()(x))

    state, steps = loaded.initial_state(32), []
    for _ in range(loaded.config.time_steps):
        logits, state = loaded.step(x, state)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps), loaded.forward_steps(x), rtol=0, atol=1e-5)


def test_its_record_is_true(toy: SpikingModel) -> None:
    record = catalog.get("toy_1_32.digits")
    assert record.parameters == sum(p.numel() for p in toy.parameters())
    assert (record.input, record.time_steps, record.builds) == ((1, 8, 8), 4, "toy:Toy")
    assert spikeformers.list_models("toy*") == [toy.name]
    assert [row.name for row in measure.firing(toy, torch.rand(2, 1, 8, 8))] == [
        name for name, _ in toy.named_neurons()
    ]


def test_its_neuron_is_swapped_by_a_word(toy: SpikingModel) -> None:
    plif = spikeformers.create_model("toy_1_32.digits", neuron="plif")
    neurons = len(list(plif.named_neurons()))
    assert sum(p.numel() for p in plif.parameters()) == sum(p.numel() for p in toy.parameters()) + neurons
