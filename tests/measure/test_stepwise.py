"""Calls that run once for each time step are shown as one, in order, and every other as it comes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeformers.layers import BINARY, Conv1d, Memory, StepByStep, Unit
from spikeformers.measure.stepwise import calls_a_step, watch


class Loop(StepByStep):
    def __init__(self, repeats: int = 1) -> None:
        super().__init__()
        self.conv = Conv1d(2, 2, inputs=BINARY, kernel=3)
        self.conv.sub_steps = (repeats,) if repeats > 1 else ()
        self.after = nn.Tanh()
        self.repeats = repeats

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        outputs = []
        for x_t in x.split(1):
            for turn in range(self.repeats):
                y = self.conv(x_t + 10 * turn)
            outputs.append(self.after(y))
        return torch.cat(outputs)


def shown(model: nn.Module, x: Tensor) -> list[tuple[nn.Module, list[Tensor], Tensor]]:
    seen: list[tuple[nn.Module, list[Tensor], Tensor]] = []
    modules = [module for module in model.modules() if not list(module.children())]
    handles = list(watch(model, modules, lambda *call: seen.append(call)))
    model(x)
    for handle in handles:
        handle.remove()
    model(x)  # which nobody watches any more
    return seen


def test_steps_are_joined_where_a_loop_ends() -> None:
    model = Unit(before=nn.ReLU(), loop=Loop(), behind=nn.ReLU())
    x = torch.randn(4, 3, 2, 5)
    before, conv, after, behind = shown(model, x)
    assert [call[0] for call in (before, conv, after, behind)] == [
        model.before,
        model.loop.conv,
        model.loop.after,
        model.behind,
    ]
    assert torch.equal(conv[1][0], before[2])
    assert torch.equal(after[1][0], conv[2])
    assert torch.equal(behind[1][0], after[2])
    assert conv[2].shape == x.shape


def test_every_loop_by_itself() -> None:
    model = Unit(first=Loop(), second=Loop())
    calls = shown(model, torch.randn(3, 1, 2, 4))
    assert [call[0] for call in calls] == [
        *(model.first.conv, model.first.after),
        *(model.second.conv, model.second.after),
    ]
    assert all(len(call[2]) == 3 for call in calls)


def test_sub_steps_stay_apart() -> None:
    loop = Loop(repeats=2)
    assert calls_a_step(loop) == {loop.conv: 2, loop.after: 1}
    x = torch.randn(3, 1, 2, 4)
    first, second, after = shown(loop, x)
    assert first[0] is second[0] is loop.conv
    assert torch.equal(first[1][0], x)
    assert torch.equal(second[1][0], x + 10)
    assert torch.equal(after[1][0], second[2])
