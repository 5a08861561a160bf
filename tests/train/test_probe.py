"""What an update costs: bytes against counts by hand, time only as far as it must hold everywhere."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.train import probe as module
from spikeformers.train.assembly import goal_of, initial_state
from spikeformers.train.goal import Goal
from spikeformers.train.gradients import GradientWatch
from spikeformers.train.previewing import _synthetic, intended_config, preview
from spikeformers.train.probe import Probe
from spikeformers.train.recipe import load_recipe
from spikeformers.train.words import LossWords

F, K = 8, 5


class Squares(nn.Module):
    """Logits (W (s x))^2, of which one can count by hand what the backward pass needs."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(time_steps=2)
        self.scale = nn.Parameter(torch.ones(F))
        self.weight = nn.Parameter(torch.randn(K, F))
        self.register_buffer("seen", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        y = (x * self.scale) @ self.weight.t()
        return y * y


def squares(**changes: Any) -> tuple[Any, Goal]:
    model = Squares()
    state = SimpleNamespace(
        model=model,
        optimizer=torch.optim.AdamW(model.parameters()),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        gradients=GradientWatch(model),
        ema=None,
    )
    return SimpleNamespace(**{**vars(state), **changes}), Goal(words=LossWords())


def test_bytes_of_a_model_counted_by_hand() -> None:
    state, goal = squares()
    probe = Probe(state, goal, shape=(F,), classes=K)
    few, many = probe.memory(part=1), probe.memory(part=101)
    assert few.weights == 4 * (K * F + F + 3)
    assert few.gradients == 4 * (K * F + F)
    assert few.optimizer == 2 * 4 * (K * F + F) + 2 * 4  # two moments, and a step count of each tensor
    assert few.average == 0
    # x, s x, y, the logarithm of the softmax, the label; the loss itself keeps a single number beside them
    per_sample = 4 * F + 4 * F + 4 * K + 4 * K + 8
    assert many.activations - few.activations == 100 * per_sample + 100 * (few.activations - per_sample)
    assert 0 <= few.activations - per_sample <= 4
    assert few.total == few.weights + few.gradients + few.optimizer + few.average + few.activations


def test_weights_in_another_type_are_counted_once() -> None:
    state, _ = squares()
    half = Goal(words=LossWords(), dtype=torch.bfloat16)
    probe = Probe(state, half, shape=(F,), classes=K)
    single, double = probe.memory(part=1).activations, probe.memory(part=2).activations
    per_sample = 4 * F + 2 * F + 2 * K + 4 * K + 8  # s x and y in two bytes, the rest in four
    assert 0 <= double - single - per_sample <= 4
    assert 2 * single - double == 2 * K * F  # what does not grow: the weights in two bytes


def test_two_samples_cost_twice_as_much_as_one_in_a_real_model() -> None:
    # A scale at which attention fires: what is 0 everywhere for two samples and not for three is kept in other ways.
    words = {"dim": 32, "depth": 1, "heads": 2, "time_steps": 2, "attention_scale": 1.0, "image_size": [32, 32]}
    recipe = load_recipe("digits_spikformer", model={"config": words})
    config = intended_config(recipe)
    dataset = _synthetic(recipe, config, 10)
    kept = []
    for least in (2, 3):
        state = initial_state(recipe, dataset, "cpu")
        probe = Probe(state, goal_of(recipe, "cpu"), shape=(1, 32, 32), classes=10)
        probe.least = least
        per_sample, fixed = probe._kept_bytes()
        kept.append(per_sample * least + fixed)
    assert kept[1] - kept[0] == pytest.approx(probe._per_sample, rel=0.02)  # norms keep a little per channel


def test_recomputing_keeps_less_but_not_nothing() -> None:
    bytes_kept = {}
    for recompute in (False, True):
        recipe = load_recipe("digits_spikformer", recompute=recompute)
        state = initial_state(recipe, _synthetic(recipe, intended_config(recipe), 10), "cpu")
        probe = Probe(state, goal_of(recipe, "cpu"), shape=(1, 8, 8), classes=10)
        bytes_kept[recompute] = probe.memory(part=32).activations
        if recompute:
            blocks = 2 * 4 * 64 * 16 * 32  # two blocks keep T x dim x tokens of every sample: sums of spikes, in bytes
    assert blocks < bytes_kept[True] < bytes_kept[False]


def test_the_probe_changes_no_weight() -> None:
    recipe = load_recipe("digits_spikformer", ema=0.9)
    state = initial_state(recipe, _synthetic(recipe, intended_config(recipe), 10), "cpu")
    before = {name: parameter.clone() for name, parameter in state.model.named_parameters()}
    probe = Probe(state, goal_of(recipe, "cpu"), shape=(1, 8, 8), classes=10)
    assert probe.memory(part=4).average == sum(
        4 * tensor.numel() for tensor in state.model.state_dict().values()
    ) + sum(4 for tensor in state.model.state_dict().values() if tensor.dtype == torch.int64)
    probe.speed(32, 32)
    assert all(torch.equal(before[name], parameter) for name, parameter in state.model.named_parameters())


@pytest.mark.parametrize(("first", "passes", "samples"), [(0.01, 3, 32), (0.05, 3, 13), (5.0, 1, 1)])
def test_slow_models_are_timed_less(monkeypatch: pytest.MonkeyPatch, first: float, passes: int, samples: int) -> None:
    """A clock that says every sample takes `first` seconds, and an update of the weights a hundred."""
    state, goal = squares()
    probe = Probe(state, goal, shape=(F,), classes=K)
    monkeypatch.setattr(probe, "_passes", lambda goal, samples, number: [first * samples] * number)
    monkeypatch.setattr(probe, "_timed", lambda work: 100.0)
    speed = probe.speed(batch_size=64, part=32)
    assert (speed.passes, speed.samples) == (passes, samples)
    assert speed.seconds == pytest.approx(64 * first + 100)


def test_memory_bounds_the_timed_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    state, goal = squares()
    probe = Probe(state, goal, shape=(F,), classes=K)
    monkeypatch.setattr(module, "BYTES", 3 * probe._per_sample)
    assert probe.speed(batch_size=64, part=32).samples == 3


def test_float16_is_timed_as_float32_on_a_cpu() -> None:
    state, _ = squares()
    probe = Probe(state, Goal(words=LossWords(), dtype=torch.float16), shape=(F,), classes=K)
    assert probe.speed(batch_size=8, part=8).dtype == torch.float32
    assert probe.speed(batch_size=8, part=8).seconds > 0


def test_nothing_stays_behind() -> None:
    """Counting what a forward pass keeps must not keep it for good: a graph that holds its outputs is never freed."""

    def graphs() -> int:
        gc.collect()
        # By type(): isinstance would ask every object, also those that warn when they are asked.
        tensors = (found for found in gc.get_objects() if issubclass(type(found), Tensor))
        return sum(tensor.grad_fn is not None for tensor in tensors)

    before = graphs()
    preview(load_recipe("digits_spikformer"))
    assert graphs() == before
