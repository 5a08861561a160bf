"""Gates over time, channels and space behind a batch norm."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError, NotStreamable
from spikeformers.layers import BatchNorm, Memory
from spikeformers.layers.gates import ChannelGate, Gates, SpatialGate, TemporalGate
from spikeformers.layers.norms import GatedBatchNorm, build_norm

T, B, C, H, W = 4, 2, 8, 5, 3


def maps() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(T, B, C, H, W)


def perceptron(gate: Any, pooled: Tensor) -> Tensor:
    """[..., n] -> [..., n], written with the bare weights."""
    hidden = torch.relu(pooled @ gate.expand.weight.t() + gate.expand.bias)
    out: Tensor = hidden @ gate.contract.weight.t() + gate.contract.bias
    return out


def test_each_gate_is_the_formula() -> None:
    x = maps()
    time, channels, space = TemporalGate(T, 2), ChannelGate(C, 4), SpatialGate()
    by_time = x.flatten(2)  # [T, B, C H W]
    expected = torch.sigmoid(
        perceptron(time, by_time.mean(2).transpose(0, 1)) + perceptron(time, by_time.amax(2).transpose(0, 1))
    )
    torch.testing.assert_close(time(x), expected.transpose(0, 1)[:, :, None, None, None])
    by_channel = x.flatten(3)
    expected = torch.sigmoid(perceptron(channels, by_channel.mean(3)) + perceptron(channels, by_channel.amax(3)))
    torch.testing.assert_close(channels(x), expected[..., None, None])
    pooled = torch.stack([x.mean(2), x.amax(2)], 2).flatten(0, 1)
    expected = torch.sigmoid(nn.functional.conv2d(pooled, space.conv.weight, padding=3))
    torch.testing.assert_close(space(x), expected.view(T, B, 1, H, W))


def test_gates_lie_between_zero_and_one() -> None:
    x = 10 * maps()
    for gate in (TemporalGate(T, 2), ChannelGate(C, 4), SpatialGate()):
        assert (gate(x) > 0).all()
        assert (gate(x) < 1).all()


def test_they_follow_each_other_and_each_sees_what_the_one_before_let_pass() -> None:
    x, gates = maps(), Gates(C, T, time=True, channels_too=True, space=True, ratio=4)
    out = x
    for name in ("time", "channels", "space"):
        out = out * gates.gates[name](out)
    torch.testing.assert_close(gates(x), out)


class One(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


def test_with_gates_of_one_it_is_the_batch_norm_bit_for_bit() -> None:
    x = maps()
    norm = build_norm("gated(ratio=2)", C, v_threshold=1.0, time_steps=T)
    assert isinstance(norm, GatedBatchNorm)
    for name in norm.gates.gates:
        norm.gates.gates[name] = One()
    assert torch.equal(norm(x), BatchNorm(C)(x))


@pytest.mark.parametrize(
    ("word", "names"),
    [("gated", ["time", "channels", "space"]), ("gated(time=false)", ["channels", "space"]),
     ("gated(space=false, channels=false)", ["time"])],
)  # fmt: skip
def test_options_leave_gates_out(word: str, names: list[str]) -> None:
    norm = build_norm(word, C, v_threshold=1.0, time_steps=T)
    assert isinstance(norm, GatedBatchNorm)
    assert list(norm.gates.gates) == names


def test_a_gate_over_time_needs_its_time_steps_all_at_once() -> None:
    norm = build_norm("gated", C, v_threshold=1.0, time_steps=T)
    with pytest.raises(InputError, match="time_steps = 4 steps and got 3"):
        norm(maps()[:3])
    with pytest.raises(NotStreamable, match="all time steps"):
        norm(maps()[:1], Memory({}))
    without = build_norm("gated(time=false)", C, v_threshold=1.0, time_steps=T).eval()
    torch.testing.assert_close(without(maps()[:1], Memory({})), without(maps())[:1])


def test_tokens_need_no_gate_over_space() -> None:
    tokens = maps().flatten(3)
    with pytest.raises(InputError, match="space=false"):
        build_norm("gated", C, v_threshold=1.0, time_steps=T)(tokens)
    assert build_norm("gated(space=false)", C, v_threshold=1.0, time_steps=T)(tokens).shape == tokens.shape


@pytest.mark.parametrize("word", ["gated(time=false, channels=false, space=false)", "gated(ratio=0)"])
def test_senseless_options_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="gates"):
        build_norm(word, C, v_threshold=1.0, time_steps=T)
