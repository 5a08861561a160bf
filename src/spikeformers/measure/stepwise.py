"""Watching modules through a pass, the calls of those that run once for each time step joined over time.

Without that a layer inside a `StepByStep` would look like as many layers of one time step as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from spikeformers.layers import DescribesItself, StepByStep

See = Callable[[nn.Module, list[Tensor], Tensor], None]
Called = tuple[list[Tensor], Tensor]


def calls_a_step(model: nn.Module) -> dict[nn.Module, int]:
    """The modules that run once for each time step, and how often they then do: once for each binary sub-step."""
    loops = [module for module in model.modules() if isinstance(module, StepByStep)]
    inner = [module for loop in loops for module in loop.modules() if module is not loop]
    return {module: prod(module.op_spec().sub_steps) if isinstance(module, DescribesItself) else 1 for module in inner}


def watch(model: nn.Module, modules: Iterable[nn.Module], see: See) -> Iterator[RemovableHandle]:
    """Have every call of some modules shown, in order of execution.

    Args:
        model: that they are a part of.
        modules: to be watched.
        see: called with the module, the tensors it was given [T, ...] and what it gave [T, ...]; for a module inside a
            `StepByStep` when that is done, with the calls of all its time steps as one.

    Yields:
        Hooks as they are registered, to be removed by the caller.
    """
    often, watched = calls_a_step(model), list(modules)
    waiting: dict[nn.Module, list[Called]] = {}

    def called(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        operands = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
        if module in often:
            waiting.setdefault(module, []).append((operands, output))
        else:
            see(module, operands, output)

    def done(loop: nn.Module, inputs: Any, output: Any) -> None:
        inside = set(loop.modules())
        for module in [module for module in waiting if module in inside]:
            for joined in _joined(waiting.pop(module), often[module]):
                see(module, *joined)

    for module in watched:
        yield module.register_forward_hook(called, with_kwargs=True)
    for loop in model.modules():
        if isinstance(loop, StepByStep):
            yield loop.register_forward_hook(done)


def _joined(calls: list[Called], often: int) -> Iterator[Called]:
    """The calls of all time steps as one, or as one for each sub-step."""
    for turn in range(often):
        operands, outputs = zip(*calls[turn::often], strict=True)
        yield [torch.cat(each) for each in zip(*operands, strict=True)], torch.cat(outputs)
