"""Units run their parts in the order they are given; adding is adding; frames are in time-major order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import (
    BINARY,
    REAL,
    Memory,
    Neuron,
    Shortcut,
    Unit,
    Values,
    Vocabulary,
    branch_unit,
    integers,
    unit_inputs,
)
from spikeformers.layers.frames import over_frames


class Plus(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1


class Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


class Remembers(Neuron):
    """Tells how often it was run."""

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        if memory is not None:
            before = memory.recall(self)
            memory.keep(self, torch.ones(()) if before is None else before + 1)
        return -x


def test_the_order_of_the_parts_is_the_order_they_are_given_in() -> None:
    x = torch.tensor(3.0)
    assert Unit(conv=Plus(), norm=Double(), neuron=Remembers())(x) == -8
    assert Unit(neuron=Remembers(), conv=Plus(), norm=Double())(x) == -4
    assert Unit(norm=Double(), conv=Plus())(x) == 7


def test_names_do_not_depend_on_the_order() -> None:
    one, other = Unit(conv=nn.Linear(2, 2), norm=Double()), Unit(norm=Double(), conv=nn.Linear(2, 2))
    assert list(one.state_dict()) == list(other.state_dict()) == ["conv.weight", "conv.bias"]


def test_only_neurons_get_the_memory() -> None:
    unit = Unit(conv=Plus(), neuron=Remembers())
    first = Memory({})
    unit(torch.tensor(0.0), first)
    second = Memory(first.after)
    unit(torch.tensor(0.0), second)
    assert second.after == {(unit.neuron, "v"): 2.0}


def test_frames_are_in_time_major_order() -> None:
    seen = []

    def number(frames: Tensor) -> Tensor:
        seen.append(frames.flatten().tolist())
        return frames.unsqueeze(-1).repeat(1, 1, 2)

    x = torch.arange(6).view(3, 2, 1)  # sample b of frame t is 2 t + b
    out = over_frames(number, x)
    assert seen == [[0, 1, 2, 3, 4, 5]]
    assert torch.equal(out, x.unsqueeze(-1).repeat(1, 1, 1, 2))
    # Also where time is not outermost in memory, as in a batch of event frames.
    over_frames(number, x.transpose(0, 1).contiguous().transpose(0, 1))
    assert seen[1] == seen[0]


@pytest.mark.parametrize(
    ("shortcut", "last", "order"),
    [
        ("membrane", False, ["neuron", "conv", "norm"]),
        ("membrane", True, ["neuron", "conv", "norm"]),
        ("sew", False, ["conv", "norm", "neuron"]),
        ("sew", True, ["conv", "norm", "neuron"]),
        ("vanilla", False, ["conv", "norm", "neuron"]),
        ("vanilla", True, ["conv", "norm"]),
    ],
)
def test_where_a_shortcut_has_the_neuron_of_a_unit(shortcut: Shortcut, last: bool, order: list[str]) -> None:
    conv = nn.Conv1d(2, 6, 1)
    unit = branch_unit(shortcut, Vocabulary(neuron="plif"), 6, {"conv": conv}, last=last)
    assert [name for name, _ in unit.named_children()] == order
    assert unit.get_submodule("conv") is conv
    assert unit.get_parameter("norm.weight").shape == (6,)


@pytest.mark.parametrize(
    ("shortcut", "stream", "arriving"),
    [
        ("membrane", REAL, BINARY),
        ("membrane", integers(3), BINARY),
        ("sew", integers(3), integers(3)),
        ("vanilla", BINARY, BINARY),
    ],
)
def test_what_arrives_at_the_first_operation(shortcut: Shortcut, stream: Values, arriving: Values) -> None:
    assert unit_inputs(shortcut, stream, Vocabulary()) == arriving
