"""Agreement with an independent implementation, SpikingJelly 2.0, in spikes and gradients; skips where it is absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.ops import Surrogate
from tests.layers.neurons.made import T, assert_fires_now_and_then, build, current

reason = "SpikingJelly is not installed: pip install -e '.[interop-tests]' -c constraints.txt"
pytest.importorskip("spikingjelly", reason=reason)

from spikingjelly.activation_based import neuron as sj  # noqa: E402
from spikingjelly.activation_based import surrogate as sj_surrogate  # noqa: E402


def assert_same(ours: Any, theirs: Any, parameters: list[tuple[Tensor, Tensor]], x: Tensor) -> None:
    """Equal spikes, and gradients to rounding, of x and of each pair of parameters."""
    theirs.step_mode = "m"
    weights = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(7))
    pairs = []
    for run, chosen in ((ours, [a for a, _ in parameters]), (theirs, [b for _, b in parameters])):
        leaf = x.clone().requires_grad_()
        out = run(leaf).view(x.shape)
        grads = torch.autograd.grad((out * weights).sum(), [leaf, *chosen])
        pairs.append((out.detach(), [g.flatten() for g in grads]))
    assert_fires_now_and_then(pairs[0][0])
    assert torch.equal(pairs[0][0], pairs[1][0])
    torch.testing.assert_close(pairs[0][1], pairs[1][1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("v_reset", [0.0, -0.3, None])
@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("scale_reset", [True, False])
def test_klif(scale_reset: bool, decay_input: bool, v_reset: float | None, detach_reset: bool) -> None:
    words: dict[str, Any] = {"v_reset": v_reset, "decay_input": decay_input, "detach_reset": detach_reset, "tau": 1.7}
    ours = build(f"klif(scale_reset={str(scale_reset).lower()})", **words)
    theirs = sj.KLIFNode(scale_reset=scale_reset, **words).double()
    with torch.no_grad():
        ours.k.fill_(1.3)
        theirs.k.fill_(1.3)
    assert_same(ours, theirs, [(ours.k, theirs.k)], current())


@pytest.mark.parametrize("tau", [1.5, 4.0])
def test_clif(tau: float) -> None:
    theirs = sj.ComplementaryLIFNode(tau=tau, v_threshold=0.8, surrogate_function=sj_surrogate.Sigmoid()).double()
    assert_same(build("clif", tau=tau, v_threshold=0.8, detach_reset=False), theirs, [], current())


def test_glif() -> None:
    """Their threshold, linear leak and soft reset are sigmoids, ours exponentials: values alike, gradients of gates."""
    ours, theirs = build("glif", v_threshold=0.8, detach_reset=False), sj.GatedLIFNode(T=T).double()
    gates = [(ours.leak_gate, theirs.alpha), (ours.input_gate, theirs.beta), (ours.reset_gate, theirs.gamma)]
    same = [*gates, (ours.leak, theirs.tau), (ours.conductance, theirs.conduct)]
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        ours.log_linear_leak.copy_(-torch.tensor(2.0 * T, dtype=torch.float64).log())  # was made in float32
        for one, other in same:
            other.copy_(torch.randn(other.shape, generator=generator, dtype=other.dtype))
            one.copy_(other.view(one.shape))
        for other, value in ((theirs.v_threshold, 0.8), (theirs.v_subreset, 0.8), (theirs.linear_decay, 0.8 / 2 / T)):
            other.fill_(torch.tensor(value, dtype=torch.float64).logit())
    # Theirs takes maps.
    assert_same(ours, theirs, same, current(2, 3, 4, 5))


@pytest.mark.parametrize(
    ("word", "make"),
    [
        ("psn", lambda: sj.PSN(T=T)),
        ("psn(causal=true)", lambda: sj.MaskedPSN(k=T, T=T, lambda_init=1.0, step_mode="m")),
        ("sliding_psn(order=3)", lambda: sj.SlidingPSN(k=3, step_mode="m")),
    ],
)
def test_psn(word: str, make: Callable[[], Any]) -> None:
    ours, theirs = build(word, surrogate=Surrogate("atan")), make().double()
    thresholds = ours.threshold if word.startswith("sliding") else ours.thresholds
    with torch.no_grad():
        ours.weight.copy_(theirs.weight + 0.2)
        theirs.weight.add_(0.2)
        thresholds.copy_(torch.linspace(0.6, 1.2, thresholds.numel(), dtype=torch.float64).view(thresholds.shape))
        theirs.bias.copy_(-thresholds.view(theirs.bias.shape))
    assert_same(ours, theirs, [(ours.weight, theirs.weight)], current())
