"""Another surrogate gradient for a model, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import nn

from spikeformers.ops import Dynamics, Surrogate

OWN = "own"


@contextmanager
def using_surrogate(model: nn.Module, word: str) -> Iterator[None]:
    """Let all neurons of a model have this surrogate gradient; at the end they have their own again.

    What the neurons emit does not change. Neurons without a surrogate, analog ones and those that emit integers
    (straight-through), keep the gradient they have.

    Args:
        model: changed while this lasts.
        word: of a surrogate with its default alpha; "own" changes nothing.

    Raises:
        UnknownNameError: no surrogate of that word.
    """
    before = [] if word == OWN else _with_surrogate(model)
    try:
        for module, dynamics in before:
            module.dynamics = replace(dynamics, surrogate=Surrogate(word))
        yield
    finally:
        for module, dynamics in before:
            module.dynamics = dynamics


def has_surrogate(model: nn.Module) -> bool:
    """Whether another surrogate would change anything."""
    return bool(_with_surrogate(model))


def _with_surrogate(model: nn.Module) -> list[tuple[Any, Dynamics]]:
    # A smooth surrogate is what the neuron emits, too.
    return [
        (module, dynamics)
        for module in model.modules()
        if isinstance(dynamics := getattr(module, "dynamics", None), Dynamics)
        and dynamics.fire != "integer"
        and not dynamics.surrogate.smooth
    ]
