"""The oracle: the LIF family written step by step under autograd, with nothing clever in it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikeformers.ops.lif.dynamics import Dynamics, charge, count, emit, fire, reset, step, step_derivative


class _Step(torch.autograd.Function):
    """The step at a threshold with the surrogate gradient as its derivative."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, dynamics: Dynamics) -> Tensor:
        ctx.save_for_backward(h)
        ctx.dynamics = dynamics
        return step(h, dynamics)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (h,) = ctx.saved_tensors
        return grads[0] * step_derivative(h, ctx.dynamics), None


def _step(h: Tensor, dynamics: Dynamics) -> Tensor:
    result: Tensor = _Step.apply(h, dynamics)  # type: ignore[no-untyped-call]
    return result


def lif_reference(
    x: Tensor, v: Tensor | None, dynamics: Dynamics, inverse_tau: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Run the neuron over the leading axis of x, step by step, every step under autograd.

    Args:
        x: input current [T, ...].
        v: membrane potential [...] before the first step; None is the potential at rest.
        dynamics: the neuron.
        inverse_tau: learned 1/tau, a scalar tensor, in place of dynamics.tau (PLIF, Fang et al. 2021).

    Returns:
        Output [T, ...] and the membrane potential [...] after the last step.
    """
    potential: Tensor | float = dynamics.rest if v is None else v
    outputs = []
    for x_t in x:
        if dynamics.detach_membrane and isinstance(potential, Tensor):
            potential = potential.detach()
        h = charge(x_t, potential, dynamics, inverse_tau)
        spikes = fire(h, dynamics, _step)
        outputs.append(emit(h, spikes, dynamics))
        counted = count(h, spikes, dynamics, _step)
        potential = reset(h, counted.detach() if dynamics.detach_reset else counted, dynamics)
    assert isinstance(potential, Tensor)
    return torch.stack(outputs), potential
