"""RepConv against plain operations, and its border in either mode."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.layers import BINARY, REAL, Conv2d, RepConv, Vocabulary
from spikeformers.layers.norms import BatchNorm
from spikeformers.layers.rep_conv import with_border

EXACT = {"rtol": 0, "atol": 1e-12}


def rep_conv(channels_in: int = 3, channels_out: int = 4) -> RepConv:
    """Random weights and statistics, in float64 and eval mode."""
    torch.manual_seed(0)
    module = RepConv(channels_in, channels_out, inputs=BINARY, vocabulary=Vocabulary()).double()
    for norm in (module.norm, module.out_norm):
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            nn.init.normal_(tensor)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    return module.eval()


def plain(module: RepConv, x: Tensor) -> Tensor:
    """The specification's four steps on frames [B, C, H, W], in eval mode."""

    def normalise(norm: BatchNorm, y: Tensor) -> Tensor:
        c = (slice(None), None, None)
        root = torch.sqrt(norm.running_var + 1e-5)
        return (y - norm.running_mean[c]) / root[c] * norm.weight[c] + norm.bias[c]

    y = F.conv2d(x, module.expand.weight)
    zero = normalise(module.norm, torch.zeros_like(y[:, :, :1, :1]))  # what the norm makes of zero
    B, C, H, W = y.shape
    padded = zero.expand(B, C, H + 2, W + 2).clone()
    padded[:, :, 1:-1, 1:-1] = normalise(module.norm, y)
    y = F.conv2d(padded, module.depthwise.weight, groups=C)
    return normalise(module.out_norm, F.conv2d(y, module.contract.weight))


def test_against_the_steps_written_out() -> None:
    module = rep_conv()
    x = torch.randn(2, 3, 3, 5, 4, dtype=torch.float64)
    expected = torch.stack([plain(module, frames) for frames in x])
    torch.testing.assert_close(module(x), expected, **EXACT)


def test_it_is_one_convolution_of_a_zero_padded_map() -> None:
    """Linear in its input up to a constant, the same everywhere: only a border of norm(zero) makes it so."""
    module = rep_conv()
    nothing = module(torch.zeros(1, 1, 3, 6, 6, dtype=torch.float64))
    torch.testing.assert_close(nothing, nothing[..., :1, :1].expand_as(nothing), **EXACT)


def test_in_training_the_border_follows_the_updated_statistics_and_the_map_the_batch() -> None:
    module = rep_conv().train()
    x = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64)
    seen: list[Tensor] = []
    module.depthwise.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    y = F.conv2d(x.flatten(0, 1), module.expand.weight)
    mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3))
    norm = module.norm
    after_mean = 0.9 * norm.running_mean + 0.1 * mean
    after_variance = 0.9 * norm.running_var + 0.1 * variance
    module(x)
    torch.testing.assert_close(norm.running_mean, after_mean, **EXACT)
    border = norm.bias - after_mean * norm.weight / torch.sqrt(after_variance + 1e-5)
    torch.testing.assert_close(seen[0][:, :, :, 0, 0], border.expand(2, 2, 3), **EXACT)
    inside = F.batch_norm(y, None, None, norm.weight, norm.bias, training=True)
    torch.testing.assert_close(seen[0][..., 1:-1, 1:-1], inside.unflatten(0, (2, 2)), **EXACT)


def test_no_gradient_flows_through_the_border() -> None:
    module = rep_conv()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    border = module.norm.at_zero()
    assert not border.requires_grad
    x = torch.zeros(1, 1, 2, 3, 3, requires_grad=True)
    padded = with_border(x, torch.tensor([7.0, -7.0]))
    assert padded[0, 0, :, 0, 0].tolist() == [7.0, -7.0]
    padded.sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))


def test_a_norm_that_is_no_batch_norm_has_a_border_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeformers.layers import register_norm

    register_norm("none", lambda channels: nn.Identity())
    module = RepConv(2, 2, inputs=BINARY, vocabulary=Vocabulary(norm="none"))
    x = torch.randn(1, 1, 2, 4, 4)
    y = F.conv2d(F.conv2d(x[0], module.expand.weight), module.depthwise.weight, padding=1, groups=2)
    torch.testing.assert_close(module(x)[0], F.conv2d(y, module.contract.weight))


def test_declared_values() -> None:
    module = rep_conv()
    operations = [part for part in module.children() if isinstance(part, Conv2d)]
    assert [operation.op_spec().inputs for operation in operations] == [(BINARY,), (REAL,), (REAL,)]
    assert [operation.op_spec().groups for operation in operations] == [1, 3, 1]
