"""Surrogate gradients: the derivative used in place of the Heaviside step's, and its primitive.

The primitive is a smooth step from 0 to 1 whose derivative is exactly the surrogate gradient. Replacing the Heaviside
step by it (`Surrogate(..., smooth=True)`) turns a spiking network into a differentiable one, on which hand-written
gradients can be compared with finite differences.

With u = membrane potential - threshold and the parameter alpha:

| name        | derivative                                | alpha means          | default |
|-------------|-------------------------------------------|----------------------|---------|
| sigmoid     | alpha s(alpha u) (1 - s(alpha u))         | slope                | 4       |
| atan        | alpha/2 / (1 + (pi/2 alpha u)^2)          | slope                | 2       |
| rectangular | 1[abs(u) < alpha/2] / alpha               | width of the window  | 1       |
| triangle    | max(0, 1 - abs(u)/alpha) / alpha          | half width           | 1       |

Sigmoid and atan are those of SpikingJelly (Fang et al., Science Advances 2023), rectangular and triangle those of
Wu et al. (STBP, 2018) and Esser et al. (2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, UnknownNameError, suggest


@dataclass(frozen=True)
class SurrogateLaw:
    """A surrogate gradient as two functions of (u, alpha), any shape in, the same shape out."""

    derivative: Callable[[Tensor, float], Tensor]
    primitive: Callable[[Tensor, float], Tensor]
    default_alpha: float


def _sigmoid_derivative(u: Tensor, alpha: float) -> Tensor:
    s = torch.sigmoid(alpha * u)
    return torch.addcmul(s, s, s, value=-1).mul_(alpha)


def _sigmoid_primitive(u: Tensor, alpha: float) -> Tensor:
    return torch.sigmoid(alpha * u)


def _atan_derivative(u: Tensor, alpha: float) -> Tensor:
    return (alpha / 2) / (1 + (math.pi / 2 * alpha * u).square())


def _atan_primitive(u: Tensor, alpha: float) -> Tensor:
    return torch.atan(math.pi / 2 * alpha * u) / math.pi + 0.5


def _rectangular_derivative(u: Tensor, alpha: float) -> Tensor:
    return (u.abs() < alpha / 2).to(u.dtype) / alpha


def _rectangular_primitive(u: Tensor, alpha: float) -> Tensor:
    return (u / alpha + 0.5).clamp(0, 1)


def _triangle_derivative(u: Tensor, alpha: float) -> Tensor:
    return (1 - u.abs() / alpha).clamp_min(0) / alpha


def _triangle_primitive(u: Tensor, alpha: float) -> Tensor:
    w = (u / alpha).clamp(-1, 1)
    return 0.5 + w - 0.5 * w * w.abs()


SURROGATES: dict[str, SurrogateLaw] = {
    "sigmoid": SurrogateLaw(_sigmoid_derivative, _sigmoid_primitive, 4.0),
    "atan": SurrogateLaw(_atan_derivative, _atan_primitive, 2.0),
    "rectangular": SurrogateLaw(_rectangular_derivative, _rectangular_primitive, 1.0),
    "triangle": SurrogateLaw(_triangle_derivative, _triangle_primitive, 1.0),
}


def register_surrogate(name: str, law: SurrogateLaw) -> None:
    """Make a surrogate gradient available to every neuron as the config word `surrogate`.

    Raises:
        ConfigError: the name is taken.
    """
    if name in SURROGATES:
        raise ConfigError(f"a surrogate gradient {name!r} is registered already; choose another name.")
    SURROGATES[name] = law


@dataclass(frozen=True)
class Surrogate:
    """A surrogate gradient chosen by word.

    Args:
        name: a key of `SURROGATES`.
        alpha: its parameter (see the module's table); None takes the default.
        smooth: use the primitive instead of the Heaviside step in the forward pass too.

    Raises:
        UnknownNameError: no surrogate of that name.
        ConfigError: alpha is not a positive number.
    """

    name: str = "sigmoid"
    alpha: float | None = None
    smooth: bool = False

    def __post_init__(self) -> None:
        if self.name not in SURROGATES:
            known = ", ".join(SURROGATES)
            raise UnknownNameError(
                f"no surrogate gradient {self.name!r}.{suggest(self.name, SURROGATES)} Known: {known}."
            )
        if self.alpha is None:
            object.__setattr__(self, "alpha", SURROGATES[self.name].default_alpha)
        elif not (self.alpha > 0 and math.isfinite(self.alpha)):
            raise ConfigError(f"surrogate {self.name!r} needs a positive alpha, got {self.alpha}.")

    @property
    def slope(self) -> float:
        """The parameter alpha, default filled in."""
        assert self.alpha is not None
        return self.alpha

    def derivative(self, u: Tensor) -> Tensor:
        """Surrogate gradient at u (membrane potential - threshold), elementwise."""
        return SURROGATES[self.name].derivative(u, self.slope)

    def primitive(self, u: Tensor) -> Tensor:
        """Smooth step whose derivative is `derivative`, elementwise, from 0 to 1."""
        return SURROGATES[self.name].primitive(u, self.slope)

    def smoothed(self) -> Surrogate:
        """The same surrogate with its primitive as the forward step."""
        return replace(self, smooth=True)


def heaviside(u: Tensor, surrogate: Surrogate) -> Tensor:
    """1 where u >= 0, else 0, in u's dtype, with the surrogate gradient; of a smooth surrogate its primitive.

    Args:
        u: membrane potential - threshold, any shape.
        surrogate: the gradient.
    """
    result: Tensor = _Heaviside.apply(u, surrogate)  # type: ignore[no-untyped-call]
    return result


class _Heaviside(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(u)
        ctx.surrogate = surrogate
        return surrogate.primitive(u) if surrogate.smooth else (u >= 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (u,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.derivative(u), None
