"""Agreement with an independent implementation, SpikingJelly 2.0, in spikes, potentials and gradients.

Optional: `pip install -e '.[interop-tests]' -c constraints.txt`, then `pytest tests/ops/lif/test_spikingjelly.py`.

Float64 throughout: the two write the charge in different but equal ways, so that they differ in the last place and a
single precision potential may come to lie on the other side of the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.ops import Dynamics, Surrogate, lif
from spikeformers.ops.st_bif import st_bif

reason = "SpikingJelly is not installed: pip install -e '.[interop-tests]' -c constraints.txt"
pytest.importorskip("spikingjelly", reason=reason)

from spikingjelly.activation_based import neuron as sj  # noqa: E402
from spikingjelly.activation_based import surrogate as sj_surrogate  # noqa: E402

# Ours and theirs, which take 1/alpha as the width of the last two.
SURROGATES: list[tuple[Surrogate, Callable[[], Any]]] = [
    (Surrogate("sigmoid"), sj_surrogate.Sigmoid),
    (Surrogate("sigmoid", 2.5), lambda: sj_surrogate.Sigmoid(alpha=2.5)),
    (Surrogate("atan"), sj_surrogate.ATan),
    (Surrogate("atan", 3.0), lambda: sj_surrogate.ATan(alpha=3.0)),
    (Surrogate("rectangular", 0.8), lambda: sj_surrogate.Rect(alpha=1 / 0.8)),
    (Surrogate("triangle", 0.8), lambda: sj_surrogate.PiecewiseQuadratic(alpha=1 / 0.8)),
]
RESETS = [0.0, -0.3, None]


def current(steps: int = 6) -> Tensor:
    values = torch.randn(steps, 4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (1.5 * values + 0.3).requires_grad_()


def run_theirs(node: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    node.step_mode = "m"
    return node(x), node.v


def assert_same(
    ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor], our_leaves: list[Tensor], their_leaves: list[Tensor]
) -> None:
    """Equal spikes, and potentials and gradients to 1e-11, the gradient coming in through both."""
    assert ours[0].unique().numel() > 1, "a neuron that never fires, or always, proves nothing"
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(ours[0], theirs[0], rtol=0, atol=0)
    weights = [torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(7)) for y in ours]
    torch.testing.assert_close(
        torch.autograd.grad(ours, our_leaves, weights),
        torch.autograd.grad(theirs, their_leaves, weights),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("v_reset", RESETS)
@pytest.mark.parametrize(
    ("ours", "theirs"), SURROGATES, ids=lambda s: f"{s.name} {s.alpha}" if isinstance(s, Surrogate) else ""
)
def test_if(ours: Surrogate, theirs: Callable[[], Any], v_reset: float | None, detach: bool) -> None:
    x, y = current(), current()
    node = sj.IFNode(v_reset=v_reset, detach_reset=detach, surrogate_function=theirs())
    dynamics = Dynamics(tau=math.inf, v_reset=v_reset, detach_reset=detach, surrogate=ours)
    assert_same(lif(x, None, dynamics), run_theirs(node, y), [x], [y])


@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("v_reset", RESETS)
@pytest.mark.parametrize("tau", [1.5, 2.0, 4.0])
def test_lif(tau: float, v_reset: float | None, detach: bool, decay_input: bool) -> None:
    x, y = current(), current()
    words: dict[str, Any] = {
        "tau": tau, "v_threshold": 0.7, "v_reset": v_reset, "detach_reset": detach, "decay_input": decay_input,
    }  # fmt: skip
    assert_same(lif(x, None, Dynamics(**words)), run_theirs(sj.LIFNode(**words), y), [x], [y])


@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("v_reset", RESETS)
@pytest.mark.parametrize("init_tau", [1.5, 2.0, 4.0])
def test_plif(init_tau: float, v_reset: float | None, detach: bool, decay_input: bool) -> None:
    x, y = current(), current()
    words: dict[str, Any] = {"v_reset": v_reset, "detach_reset": detach, "decay_input": decay_input}
    node = sj.ParametricLIFNode(init_tau=init_tau, **words).double()
    w = torch.tensor(-math.log(init_tau - 1), dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        node.w.copy_(w)  # it starts as a single precision number
    ours = lif(x, None, Dynamics(**words), inverse_tau=w.sigmoid())
    assert_same(ours, run_theirs(node, y), [x, w], [y, node.w])


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("v_reset", RESETS)
@pytest.mark.parametrize("decay_input", [True, False])
def test_ternary(decay_input: bool, v_reset: float | None, detach: bool) -> None:
    x, y = current(), current()
    words: dict[str, Any] = {"v_threshold": 0.7, "v_reset": v_reset, "detach_reset": detach}
    dynamics = Dynamics(fire="ternary", decay_input=decay_input, **words)
    node = sj.TernaryLIFNode(decay_input=decay_input, **words)
    assert_same(lif(x, None, dynamics), run_theirs(node, y), [x], [y])
    integrate_and_fire = Dynamics(fire="ternary", tau=math.inf, **words)
    assert_same(lif(x, None, integrate_and_fire), run_theirs(sj.TernaryIFNode(**words), y), [x], [y])


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("v_threshold", [1.0, 0.5])
def test_ilif(v_threshold: float, detach: bool) -> None:
    """The integer neuron of SpikeYOLO (leak 1/4, integers 0..4)."""
    x, y = current(), current()
    node = sj.ILIFNode(v_threshold=v_threshold, detach_reset=detach)
    dynamics = Dynamics(
        tau=4 / 3, decay_input=False, v_threshold=v_threshold, v_reset=None, detach_reset=detach,
        fire="integer", levels=4,
    )  # fmt: skip
    assert_same(lif(x, None, dynamics), run_theirs(node, y), [x], [y])


def test_dsr_forward() -> None:
    """Forward only: their node trains by DSR's own rule, not by a surrogate."""
    x = current()
    spikes, _ = lif(x, None, Dynamics(tau=math.inf, v_threshold=0.5, v_reset=None, reset_by=1.0))
    node = sj.DSRIFNode(T=len(x), v_threshold=1.0, alpha=0.5).double()
    assert torch.equal(spikes, node(x))


@pytest.mark.parametrize("lowest", [0, -8])
def test_st_bif(lowest: int) -> None:
    x = torch.cat([current(2).detach(), torch.zeros(20, 4, 9, dtype=torch.float64)])
    node = sj.STBIFNode(0.25, 8, pos_max=torch.tensor(8.0), neg_min=torch.tensor(float(lowest)), step_mode="m").double()
    theirs = node(x)
    spikes, tracer = st_bif(x, v_threshold=0.25, highest=8, lowest=lowest)
    assert torch.equal(spikes * 0.25, theirs)
    assert torch.equal(tracer, node.acc_q)


def test_a_state_carried_on() -> None:
    x, y = current(), current()
    node = sj.LIFNode(detach_reset=True, step_mode="m")
    first, state = lif(x[:2])
    theirs = torch.cat([node(y[:2]), node(y[2:])])
    second, last = lif(x[2:], state)
    assert_same((torch.cat([first, second]), last), (theirs, node.v), [x], [y])


@pytest.mark.parametrize("v_threshold", [1.0, 0.5])
def test_spikformers_neuron_in_single_precision(v_threshold: float) -> None:
    """With tau 2 every operation but the sum is exact, and so the two are equal in float32 too, ties included."""
    x = (torch.randn(8, 64, generator=torch.Generator().manual_seed(0)) * 4).round() / 4
    out, last = lif(x, None, Dynamics(v_threshold=v_threshold))
    theirs, their_last = run_theirs(sj.LIFNode(v_threshold=v_threshold, detach_reset=True), x)
    assert torch.equal(out, theirs)
    assert torch.equal(last, their_last)
