"""Units run their parts in the order they are given; adding is adding; frames are in time-major order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeformers.layers import Memory, Neuron, Unit
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
