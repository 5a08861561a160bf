"""The faces of the operations run the Triton kernels where these are chosen, gradients included."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.ops import Dynamics, lif
from spikeformers.ops.backend import VARIABLE, choose
from spikeformers.ops.lif.reference import lif_reference
from spikeformers.ops.norm_lif import norm_lif, norm_lif_reference
from spikeformers.ops.norm_lif import serves as serves_norm
from spikeformers.ops.packing import pack, unpack
from tests.ops.triton.running import DEVICE, require_triton

require_triton()


@pytest.fixture(autouse=True)
def _chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "triton")
    assert {choose(name, DEVICE).backend for name in ("lif", "norm_lif", "packing")} == {"triton"}


def leaves(*tensors: Tensor, device: str) -> list[Tensor]:
    return [t.detach().to(device).requires_grad_() for t in tensors]


def grads(outputs: tuple[Tensor, Tensor], inputs: list[Tensor]) -> list[Tensor]:
    weighted = sum((o * torch.arange(o.numel(), device=o.device).view(o.shape) / o.numel()).sum() for o in outputs)
    return [g.cpu() for g in torch.autograd.grad(weighted, inputs)]  # type: ignore[arg-type]


def test_lif() -> None:
    values = torch.randn(3, 2, 5), torch.randn(2, 5), torch.tensor(0.4)
    mine, theirs = leaves(*values, device=DEVICE), leaves(*values, device="cpu")
    out, last = lif(mine[0], mine[1], inverse_tau=mine[2])
    assert last is not None
    expected = lif_reference(theirs[0], theirs[1], Dynamics(), theirs[2])
    assert torch.equal(out.cpu(), expected[0])
    for got, wanted in zip(grads((out, last), mine), grads(expected, theirs), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("of_batch", [True, False])
@pytest.mark.parametrize("repeated", [False, True])
def test_norm_and_lif(of_batch: bool, repeated: bool) -> None:
    torch.manual_seed(0)
    values = torch.randn(1 if repeated else 3, 2, 3, 16), torch.rand(3) + 0.5, torch.randn(3), torch.randn(2, 3, 16)
    mine, theirs = leaves(*values, device=DEVICE), leaves(*(t.double() for t in values), device="cpu")
    statistics = None if of_batch else (torch.zeros(3), torch.ones(3))
    y = mine[0].expand(3, -1, -1, -1)
    assert serves_norm(y, Dynamics())
    there = None if statistics is None else (statistics[0].to(DEVICE), statistics[1].to(DEVICE))
    result = norm_lif(y, mine[1], mine[2], Dynamics(), statistics=there, v=mine[3], keep_last=True)
    mean, variance = (None, None) if statistics is None else (t.double() for t in statistics)
    expected = norm_lif_reference(
        theirs[0].expand(3, -1, -1, -1), theirs[1], theirs[2], mean, variance, 1e-5, theirs[3], None, Dynamics()
    )
    assert torch.equal(result.out.cpu().double(), expected[0])
    assert result.last is not None
    for got, wanted in zip(grads((result.out, result.last), mine), grads(expected, theirs), strict=True):
        # Sums of some hundred terms in float32.
        torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-5)


def test_packing() -> None:
    x = (torch.rand(1001) < 0.3).float().to(DEVICE)
    packed = pack(x)
    assert packed is not None
    assert packed.form == "bits"
    assert torch.equal(unpack(packed), x)
