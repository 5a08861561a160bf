"""Folding a norm into an operation, and a RepConv into one convolution: the same numbers in eval mode."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import (
    BINARY,
    REAL,
    Conv2d,
    DescribesItself,
    Linear,
    OverFrames,
    RepConv,
    Unit,
    Vocabulary,
    integers,
)
from spikeformers.layers.folding import Affine, affine, chained, last_operation, one_convolution, take_on
from spikeformers.layers.norms import BatchNorm

T, B, C, K = 2, 3, 4, 6


def trained(channels: int, seed: int = 1) -> BatchNorm:
    """A norm whose numbers are none of 0 and 1."""
    norm, generator = BatchNorm(channels).double().eval(), torch.Generator().manual_seed(seed)
    for name in ("weight", "bias", "running_mean", "running_var"):
        low = 0.3 if name == "running_var" else -2
        getattr(norm, name).data.uniform_(low, 2, generator=generator)
    return norm


def maps(channels: int = C) -> Tensor:
    return torch.randn(T, B, channels, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["dense", "grouped", "depthwise", "linear"])
def test_an_operation_takes_on_the_norm_behind_it(kind: str, bias: bool) -> None:
    torch.manual_seed(0)
    operation: Conv2d | Linear
    if kind == "linear":
        operation = Linear(C, K, inputs=integers(2), bias=bias, init="kaiming_uniform")
    else:
        groups, out = {"dense": (1, K), "grouped": (2, K), "depthwise": (C, C)}[kind]
        operation = Conv2d(C, out, inputs=integers(2), groups=groups, stride=2, bias=bias)
    operation = operation.double()
    norm, x = trained(operation.weight.shape[0]), maps()
    expected = norm(operation(x))
    described = operation.op_spec()
    behind = affine(norm)
    assert behind is not None
    take_on(operation, behind)
    # Numbers up to about ten, rounded a few times.
    torch.testing.assert_close(operation(x), expected, rtol=0, atol=1e-13)
    assert operation.op_spec().bias
    assert operation.op_spec().inputs == described.inputs
    assert [name for name, _ in operation.named_parameters()] == ["weight", "bias"]


@pytest.mark.parametrize("frozen", [False, True])
def test_what_is_folded_trains_as_the_weight_did(frozen: bool) -> None:
    operation = Conv2d(C, K, inputs=REAL).requires_grad_(not frozen)
    take_on(operation, Affine(torch.ones(K), torch.ones(K)))
    assert [parameter.requires_grad for parameter in operation.parameters()] == [not frozen] * 2
    assert all(parameter.is_leaf for parameter in operation.parameters())


@pytest.mark.parametrize("norm", [nn.Identity(), OverFrames(nn.GroupNorm(1, C)), nn.LayerNorm(C), nn.ReLU()])
def test_other_norms_are_no_fixed_map(norm: nn.Module) -> None:
    assert affine(norm) is None


def test_which_parts_follow_each_other() -> None:
    unit = Unit(neuron=Vocabulary().build_neuron(), conv=Conv2d(C, K, inputs=BINARY), norm=BatchNorm(K))
    assert list(chained(unit)) == [("neuron", "conv"), ("conv", "norm")]
    assert not list(chained(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))))
    assert last_operation(unit.get_submodule("conv")) is unit.get_submodule("conv")
    assert last_operation(unit.get_submodule("neuron")) is None


# ---- RepConv ---------------------------------------------------------------------------------------------------------


def rep_conv(channels_out: int = K) -> RepConv:
    torch.manual_seed(0)
    module = RepConv(C, channels_out, inputs=BINARY, vocabulary=Vocabulary()).double().eval()
    module.norm, module.out_norm = trained(C), trained(channels_out, seed=3)
    return module


def fold_inside(module: RepConv) -> RepConv:
    for operation, norm in chained(module):
        part, behind = module.get_submodule(operation), affine(module.get_submodule(norm))
        assert isinstance(part, Conv2d)
        assert behind is not None
        take_on(part, behind)
        setattr(module, norm, nn.Identity())
    return module


@pytest.mark.parametrize("size", [(5, 4), (1, 1), (2, 7)])
@pytest.mark.parametrize("channels_out", [C, K])
def test_a_rep_conv_folds_its_norms_and_keeps_its_border(channels_out: int, size: tuple[int, int]) -> None:
    module, x = rep_conv(channels_out), torch.randint(0, 2, (T, B, C, *size)).double()
    expected = module(x)
    fold_inside(module)
    torch.testing.assert_close(module(x), expected, rtol=0, atol=1e-12)
    assert all(isinstance(norm, nn.Identity) for norm in (module.norm, module.out_norm))
    # The border is not what padding with zeros would give.
    bias = module.expand.bias
    assert bias is not None
    module.expand.bias = nn.Parameter(torch.zeros_like(bias))
    assert not torch.allclose(module(x), expected)


@pytest.mark.parametrize("size", [(5, 4), (1, 1), (2, 7)])
@pytest.mark.parametrize("channels_out", [C, K])
def test_a_rep_conv_is_one_convolution(channels_out: int, size: tuple[int, int]) -> None:
    module, x = rep_conv(channels_out), torch.randint(0, 2, (T, B, C, *size)).double()
    expected = module(x)
    state = torch.get_rng_state()
    dense = one_convolution(fold_inside(module))
    assert torch.equal(torch.get_rng_state(), state)
    assert dense is not None
    torch.testing.assert_close(dense(x), expected, rtol=0, atol=1e-12)
    assert isinstance(dense, DescribesItself)
    spec = dense.op_spec()
    assert (spec.weight_shape, spec.padding, spec.stride) == ((channels_out, C, 3, 3), (1, 1), (1, 1))
    assert (spec.inputs, spec.bias, spec.groups) == ((BINARY,), True, 1)


def test_a_rep_conv_with_a_norm_left_is_no_convolution() -> None:
    module = rep_conv()
    assert one_convolution(module) is None
    assert last_operation(module) is None
    fold_inside(module)
    assert last_operation(module) is module.contract
    module.norm = OverFrames(nn.GroupNorm(1, C))
    assert one_convolution(module) is None


def test_without_norms_from_the_start_it_is_a_convolution_too() -> None:
    module, x = rep_conv(), maps()
    module.norm, module.out_norm = nn.Identity(), nn.Identity()
    dense = one_convolution(module)
    assert dense is not None
    torch.testing.assert_close(dense(x), module(x), rtol=0, atol=1e-12)
    assert not dense.get_parameter("bias").any()
