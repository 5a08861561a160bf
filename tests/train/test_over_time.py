"""Accuracy over time steps is that of models with these numbers of time steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from spikeformers.data import Dataset
from spikeformers.errors import ConfigError
from spikeformers.models import Spikformer, create_model, load, save
from spikeformers.train import evaluate, evaluate_over_time


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = create_model("spikformer_2_64.digits", dim=32, depth=1, heads=2, time_steps=2)
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):
            torch.nn.init.constant_(parameter, 30.0)  # or no neuron of an untrained model would fire
    save(model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_each_row_is_the_evaluation_of_a_model_with_as_many_time_steps(checkpoint: Path, digits: Dataset) -> None:
    words = {"batch_size": 60, "mean": digits.mean, "std": digits.std}
    before = torch.get_rng_state()
    rows = evaluate_over_time(checkpoint, digits.test, (1, 4, 2), **words)
    assert torch.equal(torch.get_rng_state(), before)
    assert [row.time_steps for row in rows] == [1, 4, 2]
    trained = load(checkpoint)
    for row in rows:
        model = Spikformer.from_words({**trained.config.to_dict(), "time_steps": row.time_steps})
        model.load_state_dict(trained.state_dict())
        assert row.result == evaluate(model, digits.test, **words)
        assert row.to_dict() == {"time_steps": row.time_steps, **row.result.to_dict()}
    assert len({row.result.loss for row in rows}) == 3


def test_a_number_that_no_model_can_have_is_an_error(checkpoint: Path, digits: Dataset) -> None:
    with pytest.raises(ConfigError, match="time_steps"):
        evaluate_over_time(checkpoint, digits.test, [0], batch_size=9, mean=digits.mean, std=digits.std)
