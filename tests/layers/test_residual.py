"""How branches join the stream by each word, and stochastic depth: who survives, how often, and with which factor."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from spikeformers.layers import (
    BINARY,
    REAL,
    TERNARY,
    Add,
    Memory,
    Neuron,
    Shortcut,
    Values,
    Vocabulary,
    branch_values,
    build_join,
    integers,
    joined_values,
)


def ones(T: int = 3, B: int = 5) -> tuple[Tensor, Tensor]:
    return torch.zeros(T, B, 2, 4), torch.ones(T, B, 2, 4)


def test_a_branch_is_added_to_the_stream() -> None:
    stream, branch = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    assert torch.equal(Add()(stream, branch), stream + branch)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_a_sample_keeps_or_loses_the_whole_branch(p: float) -> None:
    torch.manual_seed(0)
    B = 20_000
    joined = Add(p)(*ones(B=B)).transpose(0, 1).flatten(1)  # [B, T C N]
    assert (joined == joined[:, :1]).all()  # the same for all time steps, channels and positions
    kept = joined[:, 0] > 0
    torch.testing.assert_close(joined[kept], torch.full_like(joined[kept], 1 / (1 - p)))
    assert (joined[~kept] == 0).all()
    rate = float(kept.float().mean())
    assert abs(rate - (1 - p)) < 5 * math.sqrt(p * (1 - p) / B)
    # The expectation is the plain sum.
    assert float(joined.mean()) == pytest.approx(1, abs=5 * math.sqrt(p / (1 - p) / B))


def test_samples_and_calls_are_independent() -> None:
    torch.manual_seed(0)
    join, B = Add(0.5), 10_000
    first, second = (join(*ones(T=1, B=B))[0, :, 0, 0] > 0 for _ in range(2))
    for one, other in ((first, second), (first[1:], first[:-1])):
        assert abs(float((one & other).float().mean()) - 0.25) < 5 * math.sqrt(0.1875 / B)


def test_the_stream_is_never_scaled_and_the_gradient_goes_where_the_branch_went() -> None:
    torch.manual_seed(0)
    stream = torch.randn(3, 64, 2, 4, requires_grad=True)
    branch = torch.randn(3, 64, 2, 4, requires_grad=True)
    joined = Add(0.25)(stream, branch)
    joined.sum().backward()
    assert stream.grad is not None
    assert branch.grad is not None
    assert (stream.grad == 1).all()
    survival = branch.grad[:1, :, :1, :1]
    assert torch.equal(branch.grad, survival.expand_as(branch))
    assert set(survival.unique().tolist()) == {0.0, float(torch.tensor(1 / 0.75))}
    torch.testing.assert_close(joined, stream + survival * branch)


@pytest.mark.parametrize("quiet", ["no rate", "eval mode", "streaming"])
def test_without_it_the_sum_is_exact_and_no_random_number_is_drawn(quiet: str) -> None:
    join = Add(0.0 if quiet == "no rate" else 0.5).train(quiet != "eval mode")
    stream, branch = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    before = torch.get_rng_state()
    joined = join(stream, branch, Memory({}) if quiet == "streaming" else None)
    assert torch.equal(joined, stream + branch)
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_loses_the_same_samples() -> None:
    stream, branch = ones(B=100)
    join = Add(0.5)
    torch.manual_seed(0)
    full = join(stream, branch)
    torch.manual_seed(0)
    half = join(stream.bfloat16(), branch.bfloat16())
    assert half.dtype == torch.bfloat16
    assert torch.equal(half.float(), full)


# ---- shortcuts by word ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shortcut", "neuron", "stream", "branch", "joined"),
    [
        ("membrane", "lif", REAL, REAL, REAL),
        ("membrane", "lif", integers(2), REAL, REAL),
        ("sew", "lif", BINARY, BINARY, integers(2)),
        ("sew", "lif", integers(5), BINARY, integers(6)),
        ("sew", "ternary", integers(2), TERNARY, integers(3, signed=True)),
        ("sew", "integer", integers(2), integers(4), integers(6)),
        ("sew", "relu", REAL, REAL, REAL),
        ("vanilla", "lif", BINARY, REAL, BINARY),
        ("vanilla", "lif", integers(9), REAL, BINARY),
        ("vanilla", "ternary", REAL, REAL, TERNARY),
    ],
)
def test_what_is_on_the_stream(shortcut: Shortcut, neuron: str, stream: Values, branch: Values, joined: Values) -> None:
    vocabulary = Vocabulary(neuron=neuron)
    assert branch_values(shortcut, vocabulary) == branch
    assert joined_values(shortcut, stream, vocabulary) == joined


@pytest.mark.parametrize("shortcut", ["membrane", "sew"])
def test_two_shortcuts_are_plain_sums(shortcut: Shortcut) -> None:
    join = build_join(shortcut, Vocabulary(), 0.25)
    assert not [module for module in join.modules() if isinstance(module, Neuron)]
    assert join.drop_path == 0.25
    stream, branch = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    assert torch.equal(join.eval()(stream, branch), stream + branch)


def test_a_vanilla_shortcut_has_a_neuron_behind_the_sum() -> None:
    join = build_join("vanilla", Vocabulary(neuron="if", v_threshold=1.5))
    stream, branch = torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.25, 0.5, 0.25])
    # An integrate-and-fire neuron: 1.25, then 1.25 + 1.5 fires and resets, then 0.25.
    assert torch.equal(join(stream, branch), torch.tensor([0.0, 1.0, 0.0]))


def test_the_neuron_behind_the_sum_remembers() -> None:
    join = build_join("vanilla", Vocabulary())
    stream, branch = torch.rand(6, 2, 3, 4), torch.rand(6, 2, 3, 4)
    expected = join(stream, branch)
    assert 0 < expected.mean() < 1
    memory = Memory({})
    for t in range(6):
        step = join(stream[t : t + 1], branch[t : t + 1], memory)
        assert torch.equal(step[0], expected[t])
        memory = Memory(memory.after)


def test_a_sample_that_loses_its_branch_still_fires() -> None:
    torch.manual_seed(0)
    join = build_join("vanilla", Vocabulary(neuron="if"), 0.5)
    B = 64
    fired = join(torch.full((1, B, 1, 1), 1.0), torch.full((1, B, 1, 1), -1.0)).flatten()
    # Without the branch the stream alone reaches the threshold; with it, doubled, it does not.
    assert set(fired.tolist()) == {0.0, 1.0}
