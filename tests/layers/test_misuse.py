"""Fused operations in the place of parts: what does not fit is refused as the parts refuse it, and who looks, sees."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.flop_counter import FlopCounterMode

from spikeformers.errors import InputError
from spikeformers.layers import BINARY, LIF, REAL, BatchNorm, Conv2d, Linear, Unit
from spikeformers.ops import Dynamics
from spikeformers.ops.attention import product_attention
from spikeformers.ops.backend import VARIABLE
from spikeformers.ops.linear import linear
from spikeformers.ops.norm_lif import norm_lif
from spikeformers.ops.pool import max_pool
from spikeformers.ops.saving import compact_saving


def spikes(*size: int) -> Tensor:
    return (torch.rand(size) < 0.3).float()


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (Conv2d(32, 32, inputs=BINARY), spikes(2, 2, 16, 16, 16)),
        (Conv2d(16, 32, inputs=BINARY, kernel=5, padding=0), spikes(8, 8, 16, 1, 1)),
        (Linear(256, 32, inputs=BINARY), spikes(2, 2, 128, 16, 16)),
        (Conv2d(32, 32, inputs=REAL, groups=32), torch.randn(2, 2, 16, 8, 8)),
        (Unit(norm=BatchNorm(32), neuron=LIF()), torch.randn(2, 2, 64, 8, 8)),
        (Unit(norm=BatchNorm(32), neuron=LIF()), torch.randn(2, 2, 1, 8, 8)),
        (Unit(norm=BatchNorm(32), neuron=LIF()).eval(), torch.randn(2, 2, 64, 8, 8)),
    ],
    ids=["conv", "large kernel", "linear", "depthwise", "norm", "norm of one", "norm in eval"],
)
def test_channels_that_do_not_fit_are_refused(layer: nn.Module, x: Tensor) -> None:
    with pytest.raises(RuntimeError):
        layer(x)


def test_operations_refuse_them_themselves() -> None:
    y, two = torch.randn(2, 2, 4, 8), torch.ones(2)
    with pytest.raises(InputError, match="one element for each channel"):
        norm_lif(y, two, two, Dynamics())
    q, k = torch.randn(2, 2, 8, 12), torch.randn(2, 2, 4, 12)
    with pytest.raises(InputError, match="heads"):
        product_attention(q, k, q, 3, Dynamics())
    with pytest.raises(InputError, match="heads"):
        product_attention(q, q, q, 5, Dynamics())


def test_a_norm_without_parameters_runs_in_parts() -> None:
    unit = Unit(norm=BatchNorm(32, affine=False), neuron=LIF())
    assert unit(torch.randn(2, 2, 32, 8, 8)).shape == (2, 2, 32, 8, 8)


def test_gradients_of_gradients_go_through_a_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = [torch.randn(size, requires_grad=True) for size in ((2, 2, 5, 8), (6, 8), (6,))]
    found = []
    for backend in ("", "reference"):
        monkeypatch.setenv(VARIABLE, backend)
        (gradient,) = torch.autograd.grad(linear(*leaves).square().sum(), leaves[0], create_graph=True)
        found.append(torch.autograd.grad(gradient.square().sum(), leaves))
    for mine, plain in zip(*found, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-3)  # sums of squares, near 1e4
        assert mine.norm() > 1


# PyTorch compiles its own rules for this by what it has deprecated.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", ["linear", "pool", "conv"])
def test_tangents_are_those_of_plain_operations(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    conv, weight = Conv2d(32, 32, inputs=BINARY), torch.randn(6, 8)
    works: dict[str, tuple[Callable[[Tensor], Tensor], Tensor]] = {
        "linear": (lambda x: linear(x, weight), torch.randn(2, 2, 5, 8)),
        "pool": (lambda x: max_pool(x, 2), torch.randn(2, 16, 6, 6)),
        "conv": (conv, spikes(2, 2, 32, 16, 16)),
    }
    work, x = works[name]
    found = []
    for backend in ("", "reference"):
        monkeypatch.setenv(VARIABLE, backend)
        found.append(torch.func.jvp(work, (x,), (torch.ones_like(x),))[1])
    assert found[0].norm() > 0
    torch.testing.assert_close(found[0], found[1])


class Noisy(Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0.5 * torch.randn(2, 2, 32, 16, 16)


class Dropped(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return nn.functional.dropout(weight, 0.5)


def dropped() -> nn.Module:
    conv = Conv2d(32, 32, inputs=BINARY)
    parametrize.register_parametrization(conv, "weight", Dropped())
    return conv


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noisy(32, 32, inputs=BINARY),
        dropped,
        lambda: parametrizations.spectral_norm(Conv2d(32, 32, inputs=BINARY)),
    ],
    ids=["noise", "dropped weights", "spectral norm"],
)
def test_what_may_not_repeat_is_not_computed_again(make: Callable[[], nn.Module]) -> None:
    x, grad = spikes(2, 2, 32, 16, 16), torch.rand(2, 2, 32, 16, 16)
    found = []
    for word in ("exact", "recompute"):
        torch.manual_seed(0)
        unit = Unit(conv=make(), norm=BatchNorm(32), neuron=LIF())
        torch.manual_seed(5)
        with compact_saving(word):  # type: ignore[arg-type]
            out = unit(x)
        out.backward(grad)
        found.append([p.grad for name, p in unit.named_parameters() if "conv" in name])
    for exact, again in zip(*found, strict=True):
        # The way past "recompute" is bfloat16: a relative error of 2^-8 in what is kept.
        assert exact is not None
        assert again is not None
        assert (again - exact).norm() <= 0.02 * exact.norm() + 1e-6


class Nothing(Conv2d):
    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(input, weight, bias) * 0


@pytest.mark.parametrize("words", [{"inputs": BINARY}, {"inputs": REAL, "groups": 32}], ids=["spikes", "depthwise"])
def test_a_convolution_of_somebodys_own_is_run(words: dict[str, object]) -> None:
    assert not Nothing(32, 32, **words)(spikes(2, 2, 32, 16, 16)).any()  # type: ignore[arg-type]


def test_an_output_may_be_changed_in_place() -> None:
    Conv2d(32, 32, inputs=BINARY)(spikes(2, 2, 32, 16, 16)).relu_().sum().backward()


def test_operations_of_a_linear_are_counted() -> None:
    layer = Linear(32, 32, inputs=REAL)
    with FlopCounterMode(display=False) as counter:
        layer(torch.randn(2, 2, 32, 16, 16))
    assert counter.get_total_flops() == 2 * 32 * 32 * 4 * 256


@pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_trace_runs_on_another_input() -> None:
    unit = Unit(conv=Conv2d(32, 32, inputs=BINARY), norm=BatchNorm(32), neuron=LIF()).eval()
    traced = torch.jit.trace(unit, spikes(2, 2, 32, 16, 16), check_trace=False)
    x = spikes(2, 2, 32, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(traced(x), unit(x))
