"""Ordinary modules of PyTorch as people bring them: pruned, parametrised, derived, partly in training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from spikeformers.measure import Count, accelerator, count, energy, size


def only_row(module: nn.Module, x: Tensor) -> Count:
    (row,) = count(nn.Sequential(module), x).rows
    return row


def test_pruned_weights_are_zeros() -> None:
    torch.manual_seed(0)
    linear, conv = nn.Linear(20, 10), nn.Conv2d(2, 4, 3, padding=1)
    prune.l1_unstructured(linear, "weight", 0.5)
    prune.random_unstructured(conv, "weight", 0.5)
    assert only_row(linear, torch.ones(4, 20)).nonzero == 4 * 100
    ones = torch.ones(1, 2, 5, 5)
    assert only_row(conv, ones).nonzero == int(F.conv2d(ones, conv.weight.ne(0).float(), padding=1).sum())
    assert (size(linear).weights, size(linear).connection_sparsity) == (200, 0.5)


def test_parametrised_weights_are_those_computed_with() -> None:
    linear = parametrizations.weight_norm(nn.Linear(6, 5))
    with torch.no_grad():
        linear.parametrizations.weight.original1[:, :2] = 0
    assert only_row(linear, torch.ones(3, 6)).nonzero == 3 * 5 * 4
    assert size(linear).zero_weights == 10


class Routed(nn.Module):
    """Experts, each of which sees what is on its side of zero."""

    def __init__(self) -> None:
        super().__init__()
        self.below, self.above = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        below, above = x[x[:, 0] < 0], x[x[:, 0] >= 0]
        return torch.cat([self.below(below) @ self.below(below).t(), self.above(above) @ x.t()[:, : len(below)]])


def test_an_expert_that_sees_nothing_costs_nothing() -> None:
    counts = count(Routed(), torch.ones(3, 4))
    assert [row.dense for row in counts.rows] == [0, 0, 0, 3 * 4 * 4, 0]
    assert all(row.shape is None for row in counts.rows if not row.dense)
    for convention in ("neurobench", "paper", "exact"):
        assert [row.picojoules > 0 for row in energy(counts, convention).rows] == [False, False, False, True, False]
    assert [row.name for row in accelerator(counts, "vesta").rows] == ["above"]


def test_no_hook_stays_where_one_cannot_be_registered() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))

    def refuse(*args: object, **words: object) -> None:
        raise RuntimeError("not supported")

    net[2].register_forward_pre_hook = refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(RuntimeError, match="not supported"):
        count(net, torch.ones(1, 3))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


class Blur(nn.AvgPool2d):
    """Called otherwise than what it is."""


@pytest.mark.parametrize("pool", [Blur(2), nn.AvgPool2d([2, 2]), nn.MaxPool2d((2,), stride=[2, 2])])
def test_pools_by_any_name_and_size(pool: nn.Module) -> None:
    row = only_row(pool, torch.ones(1, 3, 6, 4))
    assert (row.kind, row.dense, row.nonzero, row.outputs) == ("pool", 72, 72, 18)


def test_a_pool_with_indices_is_not_counted() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.MaxPool2d(2, return_indices=True)

        def forward(self, x: Tensor) -> Tensor:
            pooled: Tensor = self.pool(x)[0]
            return pooled

    assert count(Net(), torch.ones(1, 1, 4, 4)).rows == ()


@pytest.mark.parametrize("value", [2.0**25, 1e19, 1e30])
def test_numbers_too_large_to_have_a_fraction_are_real(value: float) -> None:
    row = only_row(nn.Linear(3, 2), torch.tensor([[value, 0, -1]]))
    assert (row.seen[0].kind, row.events, row.nonzero) == ("real", None, 4)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_no_number_is_real(value: float) -> None:
    row = only_row(nn.Linear(3, 2), torch.tensor([[value, 0, -1]]))
    assert (row.seen[0].kind, row.events, row.nonzero) == ("real", None, 4)


def test_large_whole_numbers_are_exact() -> None:
    row = only_row(nn.Linear(8, 4096, bias=False), torch.full((3, 8), 2.0**20 + 1))
    assert row.events == 3 * 8 * 4096 * (2**20 + 1)  # beyond 2^32, and no float32


class Steps(nn.Module):
    """Remembers how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        moved: Tensor = self.linear(x)
        return moved


@pytest.mark.parametrize("part", [lambda: nn.BatchNorm1d(3).train(), lambda: Steps().eval()])
def test_buffers_stay_whichever_module_moves_them(part: Callable[[], nn.Module]) -> None:
    net = nn.Sequential(nn.Linear(3, 3)).eval().append(part())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    count(net, torch.randn(4, 3))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
