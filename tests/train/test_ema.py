"""The average of the weights against its closed form and against timm's."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import CheckpointError
from spikeformers.train.ema import Ema
from tests.oracles import library


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))


def change(model: nn.Module, seed: int) -> None:
    """Move weights and running statistics as a training step would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        model(torch.randn(8, 4, generator=generator).to(parameter.dtype))


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_equals_the_closed_form_in_float64() -> None:
    model = network().double()
    ema, decay, history = Ema(model, 0.9), 0.9, [copied(model)]
    for seed in range(5):
        change(model, seed)
        ema.update(model)
        history.append(copied(model))
    for name, average in ema.state_dict().items():
        if average.is_floating_point():
            terms = [(1 - decay) * decay ** (5 - n) * history[n][name] for n in range(1, 6)]
            torch.testing.assert_close(average, decay**5 * history[0][name] + sum(terms), rtol=1e-13, atol=1e-13)
    assert int(ema.state_dict()["1.num_batches_tracked"]) == 5


def test_equals_timm_to_the_last_bit() -> None:
    model = network()
    oracle = library("timm.utils").ModelEmaV3(model, decay=0.99)
    ema = Ema(model, 0.99)
    for seed in range(5):
        change(model, seed)
        oracle.update(model)
        ema.update(model)
    assert same(ema.state_dict(), oracle.module.state_dict())


def test_starts_as_a_copy_and_is_moved_by_updates_only() -> None:
    model = network()
    before = copied(model)
    ema = Ema(model, 0.5)
    change(model, 0)
    assert same(ema.state_dict(), before)


def test_half_precision_weights_are_averaged_in_float32() -> None:
    model = nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    nn.init.ones_(model.weight)
    ema = Ema(model, 0.999)
    nn.init.constant_(model.weight, 2.0)
    for _ in range(100):
        ema.update(model)
    average = ema.state_dict()["weight"]
    assert average.dtype == torch.float32
    # One step of 0.001 is below the resolution of bfloat16 at 1.
    assert float(average) == pytest.approx(2 - 0.999**100, rel=1e-5)
    with ema.applied(model):
        assert torch.equal(model.weight.detach(), average.to(torch.bfloat16))


def test_applied_swaps_in_the_average_and_gives_every_bit_back() -> None:
    model = network()
    ema = Ema(model, 0.9)
    change(model, 0)
    ema.update(model)
    with torch.no_grad():
        model[0].weight[0, 0] = -0.0
    before, identities = copied(model), [id(parameter) for parameter in model.parameters()]
    with ema.applied(model):
        assert same(copied(model), ema.state_dict())
    assert same(copied(model), before)
    assert bool(model[0].weight[0, 0].signbit())
    assert [id(parameter) for parameter in model.parameters()] == identities


def test_applied_gives_the_weights_back_after_an_error() -> None:
    model = network()
    ema = Ema(model, 0.9)
    change(model, 0)
    before = copied(model)

    def interrupted() -> None:
        with ema.applied(model):
            change(model, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert same(copied(model), before)
    other = nn.Sequential(*network(), nn.Linear(2, 2))
    before = copied(other)
    with pytest.raises(KeyError):
        with ema.applied(other):
            pass
    assert same(copied(other), before)


def test_applied_leaves_the_average_alone_even_where_the_model_moves_inside() -> None:
    model = network()
    ema = Ema(model, 0.9)
    average = copy.deepcopy(ema.state_dict())
    with ema.applied(model):
        change(model, 0)
    assert same(ema.state_dict(), average)


def test_a_saved_average_goes_on_like_the_first() -> None:
    model = network()
    ema = Ema(model, 0.9)
    change(model, 0)
    ema.update(model)
    resumed = Ema(network(seed=1), 0.9)
    resumed.load_state_dict(copy.deepcopy(ema.state_dict()))
    change(model, 1)
    ema.update(model)
    resumed.update(model)
    assert same(ema.state_dict(), resumed.state_dict())


def test_an_average_of_another_model_is_refused_and_changes_nothing() -> None:
    ema = Ema(network(), 0.9)
    before = copy.deepcopy(ema.state_dict())
    longer = nn.Sequential(*network(seed=1), nn.Linear(2, 2))
    wider = network(seed=1)
    wider[2] = nn.Linear(6, 3)
    for other, count, first in ((longer, 2, "3.bias"), (wider, 2, "2.bias")):
        with pytest.raises(CheckpointError, match=rf"another model: {count} entries differ .* the first is '{first}'"):
            ema.load_state_dict(other.state_dict())
    assert same(ema.state_dict(), before)
