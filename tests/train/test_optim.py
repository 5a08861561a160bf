"""Which parameters are decayed."""

from __future__ import annotations

import torch
from torch import nn

from spikeformers.models import create_model
from spikeformers.train.optim import adamw, parameter_groups, set_rate
from spikeformers.train.recipe import OptimizerWords


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


def names_in(model: nn.Module, parameters: list[nn.Parameter]) -> set[str]:
    wanted = {id(parameter) for parameter in parameters}
    return {name for name, parameter in model.named_parameters() if id(parameter) in wanted}


def test_only_matrices_and_kernels_are_decayed() -> None:
    model = Parts()
    decayed, spared = parameter_groups(model, 0.06)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.06, 0.0)
    assert names_in(model, decayed["params"]) == {"conv.weight", "head.weight"}
    assert names_in(model, spared["params"]) == {"conv.bias", "norm.weight", "norm.bias", "tau", "head.bias", "bias"}


def test_every_parameter_of_a_real_model_is_in_one_group() -> None:
    model = create_model("spikformer_2_64.digits", dim=32)
    decayed, spared = parameter_groups(model, 0.06)
    together = [id(parameter) for parameter in decayed["params"] + spared["params"]]
    assert sorted(together) == sorted(id(parameter) for parameter in model.parameters())
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert all(parameter.ndim <= 1 for parameter in spared["params"])


def test_spared_parameters_do_not_shrink_without_a_gradient() -> None:
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)
    nn.init.ones_(model.bias)
    optimizer = adamw(model, OptimizerWords(lr=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    set_rate(optimizer, 0.2)
    optimizer.step()
    torch.testing.assert_close(model.weight.detach(), torch.full((2, 2), 1 - 0.2 * 0.5))
    torch.testing.assert_close(model.bias.detach(), torch.ones(2))
