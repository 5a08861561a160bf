"""What the tests of the LIF operation draw: every combination of words, shapes, layouts and arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from spikeformers.ops import SURROGATES, Dynamics, Surrogate

SHAPES: list[tuple[int, ...]] = [(), (1,), (7,), (2, 3), (0, 3), (2, 3, 4, 2), (2, 4, 1, 3)]
LAYOUTS = ["contiguous", "channels last", "time innermost", "every other", "repeated over time", "repeated over batch"]


@st.composite
def dynamics(draw: st.DrawFn, smooth: bool | None = None) -> Dynamics:
    """Any neuron that can be said in the words of `Dynamics`."""
    rule = draw(st.sampled_from(["binary", "ternary", "integer"]))
    v_reset = None if rule == "integer" else draw(st.sampled_from([None, 0.0, -0.25, 0.2]))
    words: dict[str, Any] = {
        "tau": draw(st.sampled_from([1.0, 4 / 3, 1.5, 2.0, 5.0, math.inf])),
        "v_threshold": draw(st.sampled_from([0.25, 0.5, 1.0, 1.3])),
        "decay_input": draw(st.booleans()),
        "detach_reset": draw(st.booleans()),
        "detach_membrane": draw(st.booleans()),
        "surrogate": Surrogate(
            draw(st.sampled_from(sorted(SURROGATES))),
            draw(st.sampled_from([None, 0.7, 3.0])),
            draw(st.booleans()) if smooth is None else smooth,
        ),
        "levels": draw(st.integers(1, 5)),
        "output": draw(st.sampled_from(["spikes", "membrane"] + ["normalised"] * (rule == "integer"))),
        "reset_by": draw(st.sampled_from([None, 0.7])) if v_reset is None else None,
    }
    return Dynamics(fire=rule, v_reset=v_reset, **words)


@dataclass(frozen=True)
class Run:
    """The arguments of one call, leaves of autograd where asked for."""

    dynamics: Dynamics
    x: Tensor
    v: Tensor | None
    inverse_tau: Tensor | None

    def leaves(self) -> list[Tensor]:
        return [t for t in (self.x, self.v, self.inverse_tau) if t is not None]

    def fresh(self) -> Run:
        """The same values in the same layouts, with gradients asked for and none yet taken."""
        x, v, k = (None if t is None else t.detach().requires_grad_() for t in (self.x, self.v, self.inverse_tau))
        assert x is not None
        return replace(self, x=x, v=v, inverse_tau=k)


def laid_out(values: Tensor, layout: str) -> Tensor:
    """Values [T, ...] in another memory layout; the repeating ones keep only the first along that axis."""
    if layout == "channels last" and values.dim() >= 3:
        return values.movedim(2, -1).contiguous().movedim(-1, 2)
    if layout == "time innermost":
        return values.movedim(0, -1).contiguous().movedim(-1, 0)
    if layout == "every other" and values.dim() >= 2:
        return values.repeat_interleave(2, dim=-1)[..., ::2]
    if layout == "repeated over time":
        return values[:1].expand_as(values)
    if layout == "repeated over batch" and values.dim() >= 2 and values.shape[1] > 0:
        return values[:, :1].expand_as(values)
    return values.contiguous()


def currents(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> Tensor:
    """Currents about [-3, 3], half of them multiples of 1/4, so that thresholds are hit exactly."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.float64).clamp(-3, 3)
    on_grid = torch.rand(shape, generator=generator) < 0.5
    return torch.where(on_grid, (values * 4).round() / 4, values).to(dtype)


@st.composite
def runs(draw: st.DrawFn, smooth: bool | None = None, min_steps: int = 1, dtype: torch.dtype | None = None) -> Run:
    """Any neuron with any arguments."""
    if dtype is None:
        dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    shape, steps = draw(st.sampled_from(SHAPES)), draw(st.integers(min_steps, 5))
    seed = draw(st.integers(0, 2**31))
    v = None
    if draw(st.booleans()):
        # A layout of its own: the state need not be laid out as the current.
        v = laid_out(currents((1, *shape), seed + 1, dtype), draw(st.sampled_from(LAYOUTS[:4])))[0]
    k = torch.tensor(draw(st.sampled_from([0.25, 0.5, 0.8])), dtype=dtype) if draw(st.booleans()) else None
    x = laid_out(currents((steps, *shape), seed, dtype), draw(st.sampled_from(LAYOUTS)))
    return Run(draw(dynamics(smooth)), x, v, k)
