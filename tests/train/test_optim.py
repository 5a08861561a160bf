"""Which parameters are decayed, how fast each part learns, and whether the optimizers are torch's."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import nn

from spikeformers.errors import ConfigError
from spikeformers.models import create_model
from spikeformers.train.lamb import Lamb
from spikeformers.train.optim import build_optimizer, parameter_groups, set_rate
from spikeformers.train.words import OptimizerWords
from tests.oracles import library


class Parts(nn.Module):
    """One parameter of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.tau = nn.Parameter(torch.tensor(0.5))
        self.head = nn.Linear(2, 3)
        self.frozen = nn.Linear(2, 2)
        self.frozen.requires_grad_(False)
        self.bias = nn.Parameter(torch.zeros(1, 2, 1, 1))


Name = Literal["adamw", "adam", "sgd", "lamb"]


def build(model: nn.Module, name: Name = "adamw", **words: Any) -> torch.optim.Optimizer:
    usual: dict[str, Any] = {
        "lr": 0.1,
        "weight_decay": 0.5,
        "betas": (0.8, 0.95),
        "eps": 1e-7,
        "momentum": 0.7,
        "nesterov": True,
        "trust_clip": True,
    }
    return build_optimizer(model, OptimizerWords(name=name, **(usual | words)))


def names_in(model: nn.Module, parameters: list[nn.Parameter]) -> set[str]:
    wanted = {id(parameter) for parameter in parameters}
    return {name for name, parameter in model.named_parameters() if id(parameter) in wanted}


def scales(model: nn.Module, layer_decay: float) -> dict[str, float]:
    """The factor of each parameter by name."""
    groups = parameter_groups(model, 0.06, layer_decay=layer_decay)
    return {name: group["lr_scale"] for group in groups for name in names_in(model, group["params"])}


def step(model: nn.Module, optimizer: torch.optim.Optimizer, *, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


def test_only_matrices_and_kernels_are_decayed() -> None:
    model = Parts()
    decayed, spared = parameter_groups(model, 0.06)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.06, 0.0)
    assert names_in(model, decayed["params"]) == {"conv.weight", "head.weight"}
    assert names_in(model, spared["params"]) == {"conv.bias", "norm.weight", "norm.bias", "tau", "head.bias", "bias"}


@pytest.mark.parametrize("layer_decay", [1.0, 0.75])
def test_every_parameter_of_a_real_model_is_in_one_group(layer_decay: float) -> None:
    model = create_model("spikformer_2_64.digits", dim=32)
    groups = parameter_groups(model, 0.06, layer_decay=layer_decay)
    together = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(together) == sorted(id(parameter) for parameter in model.parameters())
    assert all((parameter.ndim > 1) == (group["weight_decay"] > 0) for group in groups for parameter in group["params"])


def test_spared_parameters_do_not_shrink_without_a_gradient() -> None:
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)
    nn.init.ones_(model.bias)
    optimizer = build(model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    set_rate(optimizer, 0.2)
    optimizer.step()
    torch.testing.assert_close(model.weight.detach(), torch.full((2, 2), 1 - 0.2 * 0.5))
    torch.testing.assert_close(model.bias.detach(), torch.ones(2))


def test_the_optimizers_are_those_of_torch_with_the_given_words() -> None:
    names: tuple[Name, ...] = ("adamw", "adam", "sgd", "lamb")
    made = {name: build(nn.Linear(2, 2), name) for name in names}
    assert type(made["adamw"]) is torch.optim.AdamW
    assert type(made["adam"]) is torch.optim.Adam
    assert type(made["sgd"]) is torch.optim.SGD
    assert type(made["lamb"]) is Lamb
    for name, words in {
        "adamw": {"betas": (0.8, 0.95), "eps": 1e-7},
        "adam": {"betas": (0.8, 0.95), "eps": 1e-7},
        "sgd": {"momentum": 0.7, "nesterov": True},
        "lamb": {"betas": (0.8, 0.95), "eps": 1e-7, "trust_clip": True},
    }.items():
        for group, decay in zip(made[name].param_groups, (0.5, 0.0), strict=True):
            assert {word: group[word] for word in words} == words
            assert (group["lr"], group["weight_decay"]) == (0.1, decay)


def test_the_decay_of_adam_is_part_of_its_gradient() -> None:
    model = nn.Linear(2, 2, bias=False)
    nn.init.constant_(model.weight, 3.0)
    optimizer = build(model, "adam")
    model.weight.grad = torch.full((2, 2), 1.0)
    optimizer.step()
    # The first step of Adam is the sign of gradient + decay x weight, whatever their size; AdamW's would shrink by 5 %.
    torch.testing.assert_close(model.weight.detach(), torch.full((2, 2), 3.0 - 0.1))


def test_without_layer_decay_a_step_is_that_of_plain_adamw_to_the_last_bit() -> None:
    torch.manual_seed(0)
    model, twin = Parts(), Parts()
    twin.load_state_dict(model.state_dict())
    decayed = [twin.conv.weight, twin.head.weight]
    spared = [p for p in twin.parameters() if p.requires_grad and not any(p is q for q in decayed)]
    plain = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.5}, {"params": spared, "weight_decay": 0.0}],
        lr=0.03,
        betas=(0.8, 0.95),
        eps=1e-7,
    )
    optimizer = build(model)
    set_rate(optimizer, 0.03)
    for seed in range(3):
        step(model, optimizer, seed=seed)
        step(twin, plain, seed=seed)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def test_the_rate_falls_from_the_head_block_by_block_to_the_tokenizer() -> None:
    model = create_model("spikformer_2_64.digits", dim=32, depth=3)
    found = scales(model, 0.75)
    expected = {"head.": 1.0, "blocks.2.": 0.75, "blocks.1.": 0.75**2, "blocks.0.": 0.75**3, "tokenizer.": 0.75**4}
    assert found == {
        name: next(scale for start, scale in expected.items() if name.startswith(start))
        for name, _ in model.named_parameters()
    }


def test_layer_decay_agrees_with_timm() -> None:
    model = create_model("spikformer_2_64.digits", dim=32, depth=3)
    # A bias of more than one dimension would be the one difference; this model has none.
    model.group_matcher = lambda coarse: {  # type: ignore[assignment]
        "stem": r"^tokenizer",
        "blocks": r"^blocks\.(\d+)",
    }
    oracle = library("timm.optim").param_groups_layer_decay(model, weight_decay=0.06, layer_decay=0.75)
    ours = parameter_groups(model, 0.06, layer_decay=0.75)

    def table(groups: list[dict[str, Any]]) -> dict[int, tuple[float, float]]:
        return {id(p): (group["lr_scale"], group["weight_decay"]) for group in groups for p in group["params"]}

    assert table(ours) == table(oracle)


def test_other_models_are_staged_in_the_order_of_registration() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.BatchNorm1d(2), nn.Linear(2, 2))
    found = scales(model, 0.5)
    assert (found["0.weight"], found["2.weight"], found["3.bias"]) == (0.25, 0.5, 1.0)
    assert set(scales(nn.Linear(2, 2), 0.5).values()) == {1.0}


def test_nested_lists_are_opened_and_heads_learn_with_the_full_rate() -> None:
    model = nn.Module()
    model.head = nn.Linear(2, 2)
    model.position = nn.Parameter(torch.zeros(1, 2, 2))
    model.stages = nn.ModuleList([nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]), nn.Linear(2, 2)])
    model.head_distillation = nn.Linear(2, 2)
    assert {name: scale for name, scale in scales(model, 0.5).items() if not name.endswith("bias")} == {
        "position": 0.125,
        "stages.0.0.weight": 0.125,
        "stages.0.1.weight": 0.25,
        "stages.1.weight": 0.5,
        "head.weight": 1.0,
        "head_distillation.weight": 1.0,
    }


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "lamb"])
def test_the_factor_of_a_group_reaches_the_step(name: Name) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    optimizer = build(model, name, layer_decay=0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.1, 0.05}
    set_rate(optimizer, 0.02)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    plain = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    plain.load_state_dict(model.state_dict())
    full = build(plain, name)
    set_rate(full, 0.02)
    step(model, optimizer)
    step(plain, full)
    for index, (old, slow, fast) in enumerate(zip(before, model.parameters(), plain.parameters(), strict=True)):
        torch.testing.assert_close(slow - old, (fast - old) * (0.5 if index < 2 else 1.0), rtol=1e-4, atol=1e-7)


def test_a_wholly_frozen_model_is_refused() -> None:
    model = nn.Linear(2, 2)
    model.requires_grad_(False)
    with pytest.raises(ConfigError, match="everything is frozen"):
        build(model)


def test_frozen_parts_keep_their_place_in_the_layer_decay() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].requires_grad_(False)
    assert scales(model, 0.5)["0.weight"] == 0.25
