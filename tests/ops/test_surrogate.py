"""Surrogate gradients: each derivative belongs to its primitive, and each primitive is a step from 0 to 1."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.ops import SURROGATES, Surrogate

ALPHAS = [None, 0.5, 3.0]
# Where a derivative jumps or bends, in units of alpha; a finite difference must not reach across.
KINKS = {"sigmoid": [], "atan": [], "rectangular": [-0.5, 0.5], "triangle": [-1.0, 0.0, 1.0]}


@pytest.fixture(params=[(name, alpha) for name in SURROGATES for alpha in ALPHAS], ids=str)
def surrogate(request: pytest.FixtureRequest) -> Surrogate:
    return Surrogate(*request.param)


def away_from_kinks(surrogate: Surrogate, margin: float = 1e-3) -> Tensor:
    u = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    for kink in KINKS[surrogate.name]:
        u = u[(u - kink * surrogate.slope).abs() > margin]
    return u


def test_the_derivative_is_that_of_the_primitive(surrogate: Surrogate) -> None:
    u, step = away_from_kinks(surrogate), 1e-5
    numeric = (surrogate.primitive(u + step) - surrogate.primitive(u - step)) / (2 * step)
    torch.testing.assert_close(surrogate.derivative(u), numeric, rtol=0, atol=1e-8)


def test_autograd_agrees_with_the_derivative(surrogate: Surrogate) -> None:
    u = away_from_kinks(surrogate).requires_grad_()
    surrogate.primitive(u).sum().backward()
    torch.testing.assert_close(u.grad, surrogate.derivative(u.detach()), rtol=1e-12, atol=1e-12)


def test_the_primitive_rises_from_0_to_1(surrogate: Surrogate) -> None:
    far = 1e9 / min(surrogate.slope, 1)
    ends = surrogate.primitive(torch.tensor([-far, 0.0, far], dtype=torch.float64))
    torch.testing.assert_close(ends, torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64), rtol=0, atol=1e-8)
    assert (surrogate.primitive(torch.linspace(-9, 9, 999, dtype=torch.float64)).diff() >= 0).all()


def test_the_derivative_integrates_to_1(surrogate: Surrogate) -> None:
    # u = tan(phi) / alpha folds the whole line into an interval: atan has tails no finite window would hold.
    n, alpha = 200_000, surrogate.slope
    phi = (torch.arange(n, dtype=torch.float64) + 0.5) / n * math.pi - math.pi / 2
    area = surrogate.derivative(phi.tan() / alpha) * (1 + phi.tan().square()) / alpha * (math.pi / n)
    assert area.sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("surrogate", "peak"),
    [(Surrogate(), 1.0), (Surrogate("atan"), 1.0), (Surrogate("rectangular"), 1.0), (Surrogate("triangle", 2.0), 0.5)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_peak_lies_at_the_threshold(surrogate: Surrogate, peak: float) -> None:
    u = torch.linspace(-3, 3, 601)
    assert surrogate.derivative(torch.tensor(0.0)).item() == pytest.approx(peak)
    assert surrogate.derivative(u).max().item() == pytest.approx(peak)
    torch.testing.assert_close(surrogate.derivative(u), surrogate.derivative(-u))


def test_published_forms() -> None:
    """The formulas of the papers, written out once more (sigmoid alpha 4, atan alpha 2, rectangular width 1)."""
    u = torch.tensor([-0.7, -0.2, 0.0, 0.4, 1.5], dtype=torch.float64)
    s = 1 / (1 + torch.exp(-4 * u))
    torch.testing.assert_close(Surrogate("sigmoid").derivative(u), 4 * s * (1 - s))
    torch.testing.assert_close(Surrogate("atan").derivative(u), 1 / (1 + (math.pi * u) ** 2))
    assert Surrogate("rectangular").derivative(u).tolist() == [0, 1, 1, 1, 0]
    assert Surrogate("triangle").derivative(u).tolist() == pytest.approx([0.3, 0.8, 1.0, 0.6, 0.0])


def test_smoothed_changes_the_forward_step_only() -> None:
    plain = Surrogate("atan", 3.0)
    assert plain.smoothed() == Surrogate("atan", 3.0, smooth=True)
    assert not plain.smooth


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'sigmod'.*Did you mean 'sigmoid'\?.*Known: .*atan"):
        Surrogate("sigmod")


@pytest.mark.parametrize("alpha", [0.0, -1.0, math.nan, math.inf])
def test_alpha_must_be_positive_and_finite(alpha: float) -> None:
    with pytest.raises(ConfigError, match=rf"'atan' needs a positive alpha, got {alpha}"):
        Surrogate("atan", alpha)
