"""Where a neuron or its surrogate gradient jumps, rounding decides the side; elsewhere gradients are compared."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.ops import potentials
from spikeformers.ops.lif.dynamics import fire, step_derivative
from spikeformers.ops.lif.reference import lif_reference
from tests.ops.drawing import Run


def sides(run: Run, dtype: torch.dtype, stored: torch.dtype) -> Tensor:
    """On which side of each jump of the neuron and its derivatives the potentials of every step lie.

    Args:
        dtype: that of the arithmetic.
        stored: that potentials are rounded to between steps, as the kernels do.
    """
    d, k = run.dynamics, None if run.inverse_tau is None else run.inverse_tau.to(dtype)
    v, found = run.v, []
    for x in run.x.to(dtype).split(1):
        v = None if v is None else v.to(stored).to(dtype)
        h = potentials(x, v, d, inverse_tau=k)
        found += [fire(h, d), h > 0, step_derivative(h, d) > 0, step_derivative(-h, d) > 0]
        v = lif_reference(x, v, d, k)[1]
    return torch.cat([each.double() for each in found])


def alike(run: Run, ways: list[tuple[torch.dtype, torch.dtype]]) -> Tensor:
    """The elements that all ways of computing put where exact arithmetic does; elsewhere each is right by itself."""
    exact = sides(run, torch.float64, torch.float64)
    return torch.stack([(sides(run, *way) == exact).all(0) for way in ways]).all(0)
