"""Batch normalisation over time, batch and positions together: torch's own, whatever the memory layout."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.layers import Vocabulary, register_norm
from spikeformers.layers.norms import BatchNorm

T, B, C, H, W = 3, 4, 6, 2, 5


def tokens(layout: str) -> Tensor:
    """Tokens [T, B, C, N], channels outer or innermost in memory."""
    x = torch.randn(T, B, C, H * W, dtype=torch.float64)
    return x if layout == "channels outer" else x.transpose(-1, -2).contiguous().transpose(-1, -2)


def maps(layout: str) -> Tensor:
    """Maps [T, B, C, H, W], channels outer or innermost in memory."""
    x = torch.randn(T * B, C, H, W, dtype=torch.float64)
    if layout == "channels innermost":
        x = x.contiguous(memory_format=torch.channels_last)
    return x.view(T, B, C, H, W)


def trained(norm: nn.Module) -> nn.Module:
    """With weights and statistics that are not the initial ones."""
    generator = torch.Generator().manual_seed(1)
    for tensor in norm.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(C, generator=generator, dtype=tensor.dtype) + 0.5)
    return norm


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layout", ["channels outer", "channels innermost"])
@pytest.mark.parametrize(("make", "reference"), [(tokens, nn.BatchNorm1d), (maps, nn.BatchNorm2d)], ids=["1d", "2d"])
def test_it_is_torchs(make: Any, reference: type[nn.Module], layout: str, training: bool) -> None:
    torch.manual_seed(0)
    x = make(layout).requires_grad_()
    ours = trained(BatchNorm(C).double()).train(training)
    theirs = trained(reference(C).double()).train(training)
    y = x.detach().flatten(0, 1).contiguous().requires_grad_()
    weights = torch.randn(x.shape, dtype=torch.float64)

    out, expected = ours(x), theirs(y).view(x.shape)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    assert x.grad is not None
    assert y.grad is not None
    torch.testing.assert_close(x.grad, y.grad.view(x.shape), rtol=0, atol=1e-12)
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, parameter.grad, rtol=0, atol=1e-12)
    for name, buffer in theirs.named_buffers():
        torch.testing.assert_close(ours.get_buffer(name), buffer, rtol=0, atol=1e-12)
    assert ours.get_buffer("num_batches_tracked") == (1 if training else 0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("make", "shape"), [(tokens, (T, B, 1, 7)), (tokens, (T, B, C, 1)), (maps, (1, 2, C, 1, 1))])
def test_layouts_that_say_little(make: Any, shape: tuple[int, ...], training: bool) -> None:
    # Where a dimension has size 1, outer and innermost channels cannot be told apart by their strides.
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64)
    norm = BatchNorm(shape[2]).double().train(training)
    dims = [0, 1, *range(3, x.dim())]
    mean = x.mean(dims, keepdim=True) if training else torch.zeros(1, dtype=torch.float64)
    variance = x.var(dims, correction=0, keepdim=True) if training else torch.ones(1, dtype=torch.float64)
    torch.testing.assert_close(norm(x), (x - mean) / (variance + 1e-5).sqrt(), rtol=0, atol=1e-12)


def test_it_starts_as_the_identity_with_the_papers_constants() -> None:
    norm = BatchNorm(C)
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)
    assert torch.equal(norm.weight, torch.ones(C))
    assert torch.equal(norm.bias, torch.zeros(C))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert torch.equal(norm.running_mean, torch.zeros(C))
    assert torch.equal(norm.running_var, torch.ones(C))


def test_an_unknown_norm() -> None:
    with pytest.raises(UnknownNameError, match=r"no norm 'batchnorm'\. Did you mean 'batch_norm'\? Known: batch_norm"):
        Vocabulary(norm="batchnorm").build_norm(C)


def test_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    register_norm("none", lambda channels: nn.Identity())
    assert isinstance(Vocabulary(norm="none").build_norm(C), nn.Identity)
    with pytest.raises(ConfigError, match="norm 'batch_norm' is registered already; choose another word"):
        register_norm("batch_norm", lambda channels: nn.Identity())
