"""Frozen parts stay as they are: no gradient, no moving statistics, no dropped branch, whatever the model's mode."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

import spikeformers
from spikeformers.errors import ConfigError
from spikeformers.models import SpikingModel, freeze
from tests.models.tiny import SMALLEST, random_input, tiny_model


@pytest.fixture
def model() -> SpikingModel:
    return tiny_model(SMALLEST, drop_path=0.5, attention_scale=1.0).train()


def under(model: SpikingModel, prefix: str) -> dict[str, Tensor]:
    """Copies of the tensors whose names lie under a module's."""
    return {name: t.detach().clone() for name, t in model.state_dict().items() if name.startswith(prefix + ".")}


def train_a_step(model: SpikingModel) -> None:
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(random_input(model, 4)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("switch", ["as it is", "train", "eval and train", "deepcopy", "compile's wrapper"])
def test_a_frozen_part_does_not_move(model: SpikingModel, switch: str) -> None:
    freeze(model, ["tokenizer", "blocks.0"])
    if switch == "train":
        model.train()
    elif switch == "eval and train":
        model.eval().train()
    elif switch == "deepcopy":
        model = copy.deepcopy(model).train()
    elif switch == "compile's wrapper":
        torch.compile(model, backend="eager").train()
    before = {prefix: under(model, prefix) for prefix in ("tokenizer", "blocks.0", "blocks.1", "head")}
    train_a_step(model)
    for prefix in ("tokenizer", "blocks.0"):
        assert all(torch.equal(t, under(model, prefix)[name]) for name, t in before[prefix].items())
    for prefix in ("blocks.1", "head"):
        assert not all(torch.equal(t, under(model, prefix)[name]) for name, t in before[prefix].items())
    statistics = "blocks.1.mlp.expand.norm.running_mean"
    assert not torch.equal(model.get_buffer(statistics), before["blocks.1"][statistics])
    assert model.training
    assert model.blocks[1].training  # type: ignore[index, union-attr]
    assert not any(module.training for module in model.get_submodule("tokenizer").modules())


def test_a_frozen_part_computes_as_in_evaluation(model: SpikingModel) -> None:
    x = random_input(model, 4)
    expected = model.eval().forward_features(x)
    freeze(model, ["tokenizer", "blocks"])
    model.train()
    assert torch.equal(model.forward_features(x), expected)  # no dropped branch, no batch statistics
    assert not model.forward_features(x).requires_grad


def test_names_are_whole_names() -> None:
    model = spikeformers.create_model(SMALLEST, dim=16, heads=2, depth=11)
    freeze(model, ["blocks.1"])
    frozen = {name.rsplit(".", 1)[0] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(name.startswith("blocks.1.") for name in frozen)
    assert model.blocks[10].training  # type: ignore[index, union-attr]


def test_freezing_adds_up(model: SpikingModel) -> None:
    freeze(model, ["tokenizer"])
    freeze(model, ["blocks.0", "tokenizer"])
    assert model.frozen == ("tokenizer", "blocks.0")
    model.train()
    assert not model.get_submodule("tokenizer").training
    assert not model.get_submodule("blocks.0").training
    freeze(model, [])
    assert model.frozen == ("tokenizer", "blocks.0")


def test_in_eval_mode_it_stays_in_eval_mode(model: SpikingModel) -> None:
    freeze(model.eval(), ["tokenizer"])
    assert not any(module.training for module in model.modules())


def test_it_is_no_part_of_a_checkpoint(model: SpikingModel, tmp_path: Path) -> None:
    keys = list(model.state_dict())
    freeze(model, ["tokenizer"])
    assert list(model.state_dict()) == keys
    spikeformers.save(model, tmp_path / "model.safetensors")
    again = spikeformers.load(tmp_path / "model.safetensors").train()
    assert again.frozen == ()
    assert all(p.requires_grad for p in again.parameters())
    assert all(module.training for module in again.modules())


def test_with_recomputed_blocks(model: SpikingModel) -> None:
    freeze(model, ["tokenizer", "blocks.0"])
    again = copy.deepcopy(model)
    again.recompute_blocks = True
    x = random_input(model, 4)
    for one in (model, again):
        torch.manual_seed(0)
        one(x).square().sum().backward()
    for (name, p), q in zip(model.named_parameters(), again.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None) == name.startswith(("tokenizer", "blocks.0"))
        assert p.grad is None or torch.equal(p.grad, q.grad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("tokeniser", r"cannot freeze 'tokeniser': Spikformer has no module of that name .* Did you mean 'tokenizer'"),
        ("blocks.2", r"cannot freeze 'blocks\.2': .* Did you mean 'blocks"),
        ("blocks.0.", r"cannot freeze 'blocks\.0\.'"),
        ("blocks.0.joins", r"cannot freeze 'blocks\.0\.joins': Spikformer has no module of that name with parameters"),
        ("", r"cannot freeze ''"),
    ],
)
def test_names_of_nothing(model: SpikingModel, prefix: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        freeze(model, ["head", prefix])
    assert model.frozen == ()
    assert all(p.requires_grad for p in model.parameters())


def test_something_is_left_to_train(model: SpikingModel) -> None:
    freeze(model, ["blocks"])
    with pytest.raises(ConfigError, match=r"freezing blocks, tokenizer, head leaves no parameter to train; leave out"):
        freeze(model, ["tokenizer", "head"])
    assert model.frozen == ("blocks",)
    assert model.get_parameter("head.linear.weight").requires_grad
