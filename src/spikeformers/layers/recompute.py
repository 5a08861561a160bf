"""Gradient checkpointing: forget a block's activations after the forward pass, compute them again for the gradient."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class _BuffersAsFound:
    """While entered, a module has copies of the buffers it had when this was made.

    Running statistics move in the forward pass; the recomputation starts where that started, and what it moves is
    thrown away. May be entered again: a graph that is kept can be recomputed more than once.
    """

    def __init__(self, module: nn.Module) -> None:
        self._found = [
            (owner, name, buffer.clone())
            for owner in module.modules()
            for name, buffer in owner.named_buffers(recurse=False)
        ]

    def __enter__(self) -> None:
        self._current = [getattr(owner, name) for owner, name, _ in self._found]
        for owner, name, buffer in self._found:
            setattr(owner, name, buffer.clone())

    def __exit__(self, *error: object) -> None:
        for (owner, name, _), buffer in zip(self._found, self._current, strict=True):
            setattr(owner, name, buffer)


def recomputed(module: nn.Module, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """function(x), whose intermediate tensors are computed again in the backward pass in place of being kept.

    Outputs, gradients and buffers are those of the plain call: the recomputation draws the same random numbers, runs
    under the same autocast, and moves no buffer. Forward hooks inside run a second time.

    Args:
        module: whose buffers the function moves.
        function: of one tensor.
        x: its argument.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _BuffersAsFound(module)

    if torch.compiler.is_compiling():
        # A compiled program writes each buffer once, however often it computes what it writes.
        out: Tensor = checkpoint(function, x, use_reentrant=False)
    else:
        out = checkpoint(function, x, use_reentrant=False, context_fn=contexts)
    return out
