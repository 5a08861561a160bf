"""Parts that are built for one number of time steps, with weights of their own for each."""

from __future__ import annotations

import torch
from torch import nn

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers.memory import Memory, streaming


def checked_time_steps(word: str, time_steps: int) -> int:
    """The number, or a ConfigError that names the part if it is no whole number of at least 1."""
    if not isinstance(time_steps, int) or time_steps < 1:
        raise ConfigError(f"{word} has weights for each time step and needs time_steps >= 1, got {time_steps!r}.")
    return time_steps


def steps_of(module: nn.Module, given: int, time_steps: int, memory: Memory | None) -> slice:
    """Which of its time steps a module is at: all of them, or those behind the last ones of the stream.

    Args:
        module: whose place in the stream is kept in the memory, as "step".
        given: number of time steps of this call.
        time_steps: what the module was built for.
        memory: of a stream, or None.

    Raises:
        InputError: another number of time steps, or a stream that goes on beyond them.
    """
    if memory is None or not streaming(memory):
        if given != time_steps:
            raise InputError(wrong_time_steps(module, given, time_steps))
        return slice(0, given)
    before = memory.recall(module, "step")
    start = 0 if before is None else int(before)
    if start + given > time_steps:
        raise InputError(wrong_time_steps(module, start + given, time_steps))
    memory.keep(module, torch.tensor(start + given), "step")
    return slice(start, start + given)


def wrong_time_steps(module: nn.Module, given: int, time_steps: int) -> str:
    """The message about a number of time steps that a module was not built for."""
    return (
        f"{type(module).__name__} has weights for each of time_steps = {time_steps} steps and got {given}. Give it "
        f"{time_steps}, or build the model with time_steps = {given} and train it."
    )
