"""The operation under PyTorch's own tools: opcheck, compile, export, autocast."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, library, nn

from spikeformers.ops import Dynamics, Surrogate, lif
from spikeformers.ops.lif.operator import lif_operator

NEURONS = {
    "lif": Dynamics(),
    "if": Dynamics(tau=math.inf, detach_reset=False),
    "ternary": Dynamics(fire="ternary", decay_input=False, v_reset=None),
    "integer": Dynamics(fire="integer", v_reset=None, output="normalised"),
    "membrane": Dynamics(output="membrane", v_reset=-0.1, surrogate=Surrogate("atan", 3.0)),
}


class Layer(nn.Module):
    """A linear layer and a neuron, whose time constant may be learned."""

    def __init__(self, neuron: Dynamics | None, learned: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(6, 5, generator=generator))
        self.w = nn.Parameter(torch.tensor(0.3)) if learned else None
        self.neuron = neuron

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        current = nn.functional.linear(x, self.weight)
        return lif(current, None, self.neuron, inverse_tau=None if self.w is None else self.w.sigmoid())


@pytest.fixture(params=[(name, learned) for name in NEURONS for learned in (False, True)], ids=str)
def layer(request: pytest.FixtureRequest) -> Layer:
    name, learned = request.param
    return Layer(NEURONS[name], learned)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 2, 5, generator=torch.Generator().manual_seed(1))


def grads(model: nn.Module, outputs: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(outputs[0].sum() + outputs[1].square().sum(), list(model.parameters()))


def channels_last(*shape: int) -> Tensor:
    return torch.randn(*shape).movedim(-1, -3)


@pytest.mark.parametrize(
    ("neuron", "arguments"),
    [
        ("integer", lambda: (torch.randn(3, 2, 4, requires_grad=True), None, None, True)),
        (
            "membrane",
            lambda: (torch.randn(3, 2, requires_grad=True), None, torch.tensor(0.3, requires_grad=True), True),
        ),
        # The state laid out unlike the current, as a zero state is before a channels-last convolution.
        ("if", lambda: (channels_last(2, 1, 4, 4, 3), torch.randn(1, 3, 4, 4, requires_grad=True), None, True)),
        ("ternary", lambda: (torch.randn(2, 3), torch.randn(3), None, False)),
    ],
    ids=["current", "learned tau", "other layout", "no gradient"],
)
def test_opcheck(neuron: str, arguments: Callable[[], tuple[Any, ...]]) -> None:
    library.opcheck(lif_operator, (*arguments(), NEURONS[neuron].words))


def test_compile(layer: Layer, x: Tensor) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    got, expected = compiled(x), layer(x)
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])
    torch.testing.assert_close(grads(layer, got), grads(layer, expected))


def test_compile_without_words_and_with_a_state_in_another_layout() -> None:
    torch._dynamo.reset()

    def run(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        out, last = lif(x, v)
        return out, last.movedim(1, -1).reshape(-1)

    arguments = channels_last(3, 2, 4, 5, 3), torch.randn(2, 3, 4, 5)
    got, expected = torch.compile(run, fullgraph=True, backend="aot_eager")(*arguments), run(*arguments)
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])


def test_export_needs_nothing_of_ours(layer: Layer, x: Tensor) -> None:
    program = torch.export.export(layer, (x,))
    called = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert called
    assert not [name for name in called if not name.startswith("aten.") and "getitem" not in name]
    got, expected = program.module()(x), layer(x)
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])


def test_autocast_to_bfloat16(layer: Layer, x: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        out, last = layer(x)
        loss = out.float().square().sum() + last.float().square().sum()
    assert out.dtype == last.dtype == torch.bfloat16
    assert out.isfinite().all()
    loss.backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().sum() > 0


def test_the_gradient_of_a_learned_tau_is_summed_in_its_own_precision() -> None:
    """Its terms fit float16, as a loss scaler wants them; their sum does not."""
    x = torch.full((1, 70_000), 3.0, dtype=torch.float16)
    inverse_tau = torch.tensor(0.25, requires_grad=True)
    out, _ = lif(x, None, Dynamics(output="membrane", v_reset=None), inverse_tau=inverse_tau)
    out.backward(torch.full_like(out, 4.0))
    assert inverse_tau.grad is not None
    assert inverse_tau.grad.dtype == torch.float32
    assert float(inverse_tau.grad) == 70_000 * 3.0 * 4.0  # dH/dk = X


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_compile_under_autocast(dtype: torch.dtype, x: Tensor) -> None:
    torch._dynamo.reset()
    layer = Layer(Dynamics(), learned=True)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    with torch.autocast("cpu", dtype):
        got, expected = compiled(x), layer(x)
    assert got[0].dtype == dtype
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])


def test_autocast_fires_as_bfloat16_does() -> None:
    """No part of the neuron leaves the precision its current came in."""
    x = torch.randn(4, 2, 5, generator=torch.Generator().manual_seed(1))
    layer = Layer(Dynamics(), learned=False)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = layer(x)
    current = nn.functional.linear(x.bfloat16(), layer.weight.bfloat16())
    assert torch.equal(out, lif(current)[0])


def test_checkpointing_runs_the_neuron_twice_and_alike(x: Tensor) -> None:
    from torch.utils.checkpoint import checkpoint

    layer = Layer(Dynamics(), learned=True)
    plain = grads(layer, layer(x))
    again = grads(layer, checkpoint(layer, x, use_reentrant=False))
    torch.testing.assert_close(again, plain, rtol=0, atol=0)
