"""Every unit and golden vector the published neurons are specified by: spikes, potentials, gradients.

Vectors marked "by hand" are worked out from the neuron's equations; all others are published or were taken from the
original implementations.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.ops import Dynamics, Surrogate, lif
from spikeformers.ops.integer import to_sub_steps
from spikeformers.ops.lif.dynamics import Output

STEP_CURRENTS = [0.9, 1.3, 2.0, 0.5, 1.6, 3.0, -1.0, 2.5]
NEURONS = {
    "spikformer": Dynamics(),
    "pliaf": Dynamics(output="membrane"),
    "sltt": Dynamics(decay_input=False, v_reset=None),
    "hardware": Dynamics(tau=4 / 3, decay_input=False, v_threshold=0.5),
    "dsr": Dynamics(tau=math.inf, v_threshold=0.5, v_reset=None, reset_by=1.0),
    "ilif": Dynamics(tau=4 / 3, decay_input=False, v_reset=None, fire="integer", levels=4),
    "ilif_gen1": Dynamics(v_reset=None, fire="integer", levels=4),
    "if": Dynamics(tau=math.inf),
    "if_soft": Dynamics(tau=math.inf, v_reset=None),
    "ternary": Dynamics(fire="ternary"),
    "neg_if": Dynamics(tau=math.inf, fire="ternary", v_reset=None),
}


def row(values: list[float], **options: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, **options)


def potentials(x: Tensor, dynamics: Dynamics, inverse_tau: Tensor | None = None) -> Tensor:
    """V after every step, by running every beginning of x."""
    return torch.stack([lif(x[: t + 1], None, dynamics, inverse_tau=inverse_tau)[1] for t in range(len(x))])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("dynamics", "x", "spikes", "after", "gradient"),
    [
        (
            Dynamics(),
            STEP_CURRENTS,
            [0, 0, 1, 0, 0, 1, 0, 1],
            [0.45, 0.875, 0, 0.25, 0.925, 0, -0.5, 0],
            [0.477669, 0.596137, 0.252259, 0.345013, 0.509319, 0.040804, 0.254933, 0.5],
        ),
        (
            Dynamics(tau=1.5),
            STEP_CURRENTS,
            [0, 1, 1, 0, 1, 1, 0, 1],
            [0.6, 0, 0, 1 / 3, 0, 0, -2 / 3, 0],
            [0.591021, 0.654954, 0.440243, 0.358333, 0.589013, 0.047101, 0.113318, 0.3298],
        ),
        (
            Dynamics(v_threshold=0.5),
            [0.25, 0.75, 1.0, 0.375, 0.5, 0.0, 2.0, 0.125],
            [0, 0, 1, 0, 0, 0, 1, 0],
            [0.125, 0.4375, 0, 0.1875, 0.34375, 0.171875, 0, 0.0625],
            [0.648253, 0.699921, 0.415305, 0.676823, 0.661227, 0.414088, 0.159793, 0.252258],
        ),
    ],
    ids=["tau 2", "tau 1.5", "threshold 0.5, tie"],
)
def test_lif_unit_vectors(
    dynamics: Dynamics, x: list[float], spikes: list[int], after: list[float], gradient: list[float], dtype: torch.dtype
) -> None:
    """The three unit vectors of Spikformer's neuron; the loss is the sum of the spikes."""
    current = torch.tensor(x, dtype=dtype, requires_grad=True)
    out, last = lif(current, None, dynamics)
    assert out.tolist() == spikes
    assert potentials(current, dynamics).tolist() == pytest.approx(after, abs=1e-6)
    assert last.item() == pytest.approx(after[-1], abs=1e-6)
    out.sum().backward()
    assert current.grad is not None
    assert current.grad.tolist() == pytest.approx(gradient, abs=1e-6)


@pytest.mark.parametrize(
    ("neuron", "x", "expected"),
    [
        ("spikformer", [1.5, 1.5, 1.5, 1.5], [0, 1, 0, 1]),
        ("spikformer", [0.9, 1.6, -0.4, 2.4], [0, 1, 0, 1]),
        ("pliaf", [1.5, 1.5, 1.5, 1.5], [0.75, 1.125, 0.75, 1.125]),
        ("pliaf", [0.9, 1.6, -0.4, 2.4], [0.45, 1.025, 0, 1.1]),
        ("sltt", [0.6, 0.6, 0.6, 0.6], [0, 0, 1, 0]),
        ("hardware", [0.45, 0.45, 0.45, 0.1], [0, 1, 0, 0]),
        ("dsr", [0.6, 0.6, 0.6], [1, 0, 1]),
        # By hand. I-LIF: 2.6 -> 3; -0.4/4 + 1 -> 1; -0.1/4 + 5 -> 4; 0.975/4 - 1 -> 0; -0.75625/4 + 0.5 -> 0.
        ("ilif", [2.6, 1.0, 5.0, -1.0, 0.5], [3, 1, 4, 0, 0]),
        # By hand. H = 1.5 -> 2 (half to even), (-0.5 + 3)/2 = 1.25 -> 1, (0.25 + 3)/2 = 1.625 -> 2.
        ("ilif_gen1", [3.0, 3.0, 3.0], [2, 1, 2]),
        # By hand. Hard: 1.25 fires and is gone; 0.75, then 1 exactly. Soft: the 0.25 above the threshold stays.
        ("if", [1.25, 0.75, 0.25, -2.0], [1, 0, 1, 0]),
        ("if_soft", [1.25, 0.75, 0.25, -2.0], [1, 1, 0, 0]),
        # By hand. H = 1 -> 1, -1 -> -1 (both ties), -0.5 -> 0, (-0.5 - 1.5)/2 = -1 -> -1.
        ("ternary", [2.0, -2.0, -1.0, -1.5], [1, -1, 0, -1]),
        # By hand. H = 0.6, 1.2, 0.2 - 1.5, -0.3 - 0.9; the last V is -0.2.
        ("neg_if", [0.6, 0.6, -1.5, -0.9], [0, 1, -1, -1]),
    ],
)  # fmt: skip
def test_outputs(neuron: str, x: list[float], expected: list[float]) -> None:
    out, _ = lif(row(x), None, NEURONS[neuron])
    assert out.tolist() == pytest.approx(expected, abs=1e-6)


def test_dsr_keeps_the_debt_of_a_low_threshold() -> None:
    assert lif(row([0.6, 0.6, 0.6]), None, NEURONS["dsr"])[1].item() == pytest.approx(-0.2)


def test_ternary_soft_reset_goes_both_ways() -> None:
    after = potentials(row([0.6, 0.6, -1.5, -0.9]), NEURONS["neg_if"])
    assert after.tolist() == pytest.approx([0.6, 0.2, -0.3, -0.2])


def test_sfa_is_a_rounded_clipped_current() -> None:
    """SFA of E-SpikeFormer: round(clip(x, 0, 4)) / 4, halves to even, gradient 1/4 on the closed interval [0, 4]."""
    sfa = Dynamics(tau=math.inf, v_reset=None, fire="integer", levels=4, output="normalised")
    x = row([2.6, -1.0, 0.5, 1.5, 2.5, 3.5, 4.0, 9.0, 0.0]).requires_grad_()
    out, _ = lif(x.unsqueeze(0), None, sfa)
    assert out[0].tolist() == [0.75, 0, 0, 0.5, 0.5, 1, 1, 1, 0]
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.25, 0, 0.25, 0.25, 0.25, 0.25, 0.25, 0, 0.25]
    assert to_sub_steps(out.detach()[0, 0] * 4, 4).tolist() == [1, 1, 1, 0]


def test_ilif_gradient() -> None:
    """By hand: straight-through 1 inside [0, 4], and 1/4 from each step to the one before (the reset is detached)."""
    x = row([2.6, 1.0, 5.0, -1.0, 0.5]).requires_grad_()
    out, last = lif(x, None, NEURONS["ilif"])
    out.sum().backward()
    # H = 2.6, 0.9, 4.975, -0.756, 0.311: the third and fourth pass nothing of their own.
    expected = [1 + (1 + 0.0625 / 4) / 4, 1 + 0.0625 / 4, 0.25 / 4, 1 / 4, 1]
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx(expected)
    assert last.item() == pytest.approx(-0.75625 / 4 + 0.5)


def test_pliaf_gradient() -> None:
    """dout/dH = 1[H > 0], and (1 - s) H goes on to the next step; no surrogate anywhere."""
    x = row([1.5, 1.5, 1.5, 1.5]).requires_grad_()
    out, _ = lif(x, None, NEURONS["pliaf"])
    out.sum().backward()
    # s = 0, 1, 0, 1. dL/dH backwards: 1, 1 + 1/2, 1 (its spike cuts the path), 1 + 1/2; each halved on the way to x.
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx([0.75, 0.5, 0.75, 0.5])


def test_ternary_gradient_has_both_thresholds() -> None:
    x = row([[0.5, -0.9, 3.0]]).requires_grad_()  # type: ignore[list-item]
    lif(x, None, NEURONS["neg_if"])[0].sum().backward()
    law, u = Surrogate(), x.detach()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, law.derivative(u - 1) + law.derivative(-u - 1))


@pytest.mark.parametrize("output", ["spikes", "membrane"])
@pytest.mark.parametrize("tau", [1.5, 2.0, 4.0])
def test_plif_starts_as_the_lif_of_its_tau(tau: float, output: Output) -> None:
    """1/tau = sigmoid(w) with w = -ln(tau - 1)."""
    x = row(STEP_CURRENTS)
    k = row(-math.log(tau - 1)).sigmoid()  # type: ignore[arg-type]
    plain, learned = Dynamics(tau=tau, output=output), Dynamics(tau=77.0, output=output)
    expected, learnt = lif(x, None, plain), lif(x, None, learned, inverse_tau=k)
    torch.testing.assert_close(learnt, expected, rtol=1e-12, atol=1e-12)


def test_plif_learns_its_tau() -> None:
    """By hand, over two steps without a spike: H1 = k x1, H2 = H1 + k (x2 - H1), loss S1 + S2."""
    w = row(0.3).requires_grad_()  # type: ignore[arg-type]
    x1, x2, k = 0.9, 1.1, 1 / (1 + math.exp(-0.3))
    out, _ = lif(row([x1, x2]), None, Dynamics(), inverse_tau=w.sigmoid())
    out.sum().backward()
    h1 = k * x1
    h2 = h1 + k * (x2 - h1)
    slope = Surrogate().derivative(row([h1 - 1, h2 - 1])).tolist()
    by_k = slope[0] * x1 + slope[1] * (x2 - h1 + (1 - k) * x1)
    assert out.tolist() == [0, 0]
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(by_k * k * (1 - k))


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("v_reset", [None, 0.0, 0.3])
@pytest.mark.parametrize("x1", [0.8, 1.4], ids=["silent", "fires"])
def test_detach_reset_cuts_exactly_the_reset_path(detached: bool, v_reset: float | None, x1: float) -> None:
    """By hand for IF over two steps, loss S2: dL/dx1 = g(H2) dV1/dH1, and the reset adds its part to dV1/dH1."""
    x = row([x1, 0.5]).requires_grad_()
    rest = v_reset or 0.0
    out, _ = lif(x, None, Dynamics(tau=math.inf, v_reset=v_reset, detach_reset=detached))
    out[1].backward()
    h1 = rest + x1
    s1 = float(h1 >= 1)
    v1 = h1 - s1 if v_reset is None else (1 - s1) * h1 + s1 * rest
    g1, g2 = Surrogate().derivative(row([h1 - 1, v1 + 0.5 - 1])).tolist()
    kept = 1.0 if v_reset is None else 1 - s1
    through_reset = -g1 if v_reset is None else (rest - h1) * g1
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx([g2 * (kept + (0 if detached else through_reset)), g2])
