"""The gradient of the LIF recurrence, derived by hand.

With o the derivative of the output, r that of the reset and k = 1/tau, backwards in time:

    dL/dH[t] = dL/dout[t] o[t] + dL/dV[t] r[t]          dL/dV[t-1] = dL/dH[t] (1 - k)
    dL/dX[t] = dL/dH[t] k   (dL/dH[t] without decay_input)
    dL/dk    = sum of dL/dH[t] (X[t] - (V[t-1] - v_reset))   (without X[t] when the input does not decay)

With detach_membrane V[t-1] is a constant: dL/dV[t-1] = 0, and dL/dk is what it was.

Only H is kept from the forward pass: the spikes, o and r follow from it. H is an output of the operator too, so that a
gradient can come to it; it does when this gradient is itself differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from spikeformers.ops.lif.dynamics import Dynamics, count, count_derivative, fire, fire_derivative, reset


def lif_adjoint(
    grad_out: Tensor | None,
    grad_v: Tensor | None,
    grad_h: Sequence[Tensor | None],
    x: Tensor | None,
    v: Tensor | None,
    h: list[Tensor],
    dynamics: Dynamics,
    inverse_tau: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Gradients with respect to x, v and inverse_tau, from those of the output and the last potential.

    Args:
        grad_out: [T, ...] or None for zero.
        grad_v: [...] or None for zero.
        grad_h: T times [...] or None for zero.
        x, v, inverse_tau: as the forward pass took them (x is only read where there is an inverse_tau).
        h: the T membrane potentials [...] before firing.

    Returns:
        Gradients of x [T, ...], v [...] and inverse_tau (None where there is none).
    """
    decays = dynamics.decay_input and not (inverse_tau is None and math.isinf(dynamics.tau))
    k = inverse_tau if inverse_tau is not None else (0.0 if math.isinf(dynamics.tau) else 1 / dynamics.tau)
    grad_x: list[Tensor] = []
    grad_k = None if inverse_tau is None else torch.zeros_like(inverse_tau)
    summed = None if grad_k is None else torch.promote_types(h[0].dtype, grad_k.dtype)
    carried = torch.zeros_like(h[0]) if grad_v is None else grad_v
    # Step by step, not for all T at once: one step's tensors stay in the cache and are not paged in anew each time.
    for t in reversed(range(len(h))):
        slope = fire_derivative(h[t], dynamics)
        grad = _through_reset(carried, h[t], slope, dynamics)
        if grad_out is not None:
            grad = torch.addcmul(grad, grad_out[t], _output_derivative(h[t], slope, dynamics))
        if (grad_of_h := grad_h[t]) is not None:
            grad = grad + grad_of_h
        if grad_k is not None and x is not None:
            # One number for all of them: half precision could overflow where each of them does not.
            grad_k += (grad * _leak_drive(t, x, v, h, dynamics)).sum(dtype=summed)
        grad_x.append(grad * k if decays else grad)
        carried = torch.zeros_like(grad) if dynamics.detach_membrane else grad * (1 - k)
    return torch.stack(grad_x[::-1]), carried, grad_k


def _output_derivative(h: Tensor, slope: Tensor, dynamics: Dynamics) -> Tensor:
    if dynamics.output == "membrane":
        return (h > 0).to(h.dtype)
    return slope / dynamics.levels if dynamics.output == "normalised" else slope


def _counted(h: Tensor, dynamics: Dynamics) -> Tensor:
    counted = count(h, fire(h, dynamics), dynamics)
    return counted.detach() if dynamics.detach_reset else counted


def _through_reset(grad_v: Tensor, h: Tensor, slope: Tensor, dynamics: Dynamics) -> Tensor:
    """dL/dV dV/dH of one step."""
    if dynamics.v_reset is None:
        return grad_v if dynamics.detach_reset else grad_v * (1 - dynamics.reset_amount * slope)
    through = torch.addcmul(grad_v, grad_v, _counted(h, dynamics), value=-1)
    if dynamics.detach_reset:
        return through
    return through + grad_v * (dynamics.v_reset - h) * count_derivative(h, slope, dynamics)


def _leak_drive(t: int, x: Tensor, v: Tensor | None, h: list[Tensor], dynamics: Dynamics) -> Tensor | float:
    """dH[t]/dk: what the leak multiplies."""
    if t > 0:
        before: Tensor | float = reset(h[t - 1], _counted(h[t - 1], dynamics), dynamics)
    else:
        before = dynamics.rest if v is None else v
    if dynamics.detach_membrane and isinstance(before, Tensor):
        before = before.detach()
    return dynamics.rest - before + x[t] if dynamics.decay_input else dynamics.rest - before
