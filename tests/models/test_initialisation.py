"""Fresh weights are those of the papers' code, form by form: statistics of wide layers, constants exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import spikeformers
from spikeformers.layers import Classifier, Conv2d, Linear
from spikeformers.layers.norms import BatchNorm
from spikeformers.models import SpikingModel

# The form of every paper, and whether its projections are linears (truncated normal) or 1x1 convolutions (PyTorch's).
FORMS = [
    ("spikformer_4_384.cifar10", "trunc_normal"),
    ("spikformer_8_512.imagenet", "kaiming_uniform"),
    ("spikformer_2_256.cifar10dvs", "kaiming_uniform"),
    ("spikformer_cml_4_384.cifar10", "trunc_normal"),
    ("spikingformer_4_384.cifar10", "kaiming_uniform"),
    ("spikingformer_cml_8_512.imagenet", "kaiming_uniform"),
]


def build(name: str) -> SpikingModel:
    torch.manual_seed(0)
    return spikeformers.create_model(name, depth=1, dim=256, heads=8, num_classes=200)


def check_truncated_normal(weight: torch.Tensor) -> None:
    count = weight.numel()
    assert abs(float(weight.mean())) < 5 * 0.02 / math.sqrt(count)
    assert float(weight.std()) == pytest.approx(0.02, rel=5 / math.sqrt(2 * count))
    assert 3.5 * 0.02 < float(weight.abs().max()) < 8 * 0.02  # tails: no uniform, and nothing near the cut at +-2


def check_uniform(values: torch.Tensor, bound: float) -> None:
    count = values.numel()
    assert float(values.abs().max()) <= bound
    assert float(values.max() - values.min()) > 2 * bound * (1 - 20 / count)
    assert float(values.var()) == pytest.approx(bound**2 / 3, rel=5 / math.sqrt(count))


@pytest.mark.parametrize(("name", "init"), FORMS)
def test_every_layer_starts_as_the_paper_says(name: str, init: str) -> None:
    seen = set()
    for path, module in build(name).named_modules():
        if isinstance(module, Conv2d):
            seen.add("convolution")
            check_uniform(module.weight.detach(), 1 / math.sqrt(math.prod(module.weight.shape[1:])))
            assert module.bias is None, path
        elif isinstance(module, Classifier) or (isinstance(module, Linear) and init == "trunc_normal"):
            seen.add("linear")
            check_truncated_normal(module.weight.detach())
            assert not module.bias.any(), path
        elif isinstance(module, Linear):
            seen.add("1x1 convolution")
            bound = 1 / math.sqrt(module.in_features)
            check_uniform(module.weight.detach(), bound)
            if module.bias is not None:
                check_uniform(module.bias.detach(), bound)
        elif isinstance(module, BatchNorm):
            seen.add("norm")
            check_norm(module)
        else:
            assert not list(module.parameters(recurse=False)), path
    expected = {"convolution", "linear", "norm"}
    assert seen == (expected if init == "trunc_normal" else expected | {"1x1 convolution"})


def check_norm(norm: nn.Module) -> None:
    constants = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1, "num_batches_tracked": 0}
    state = norm.state_dict()
    assert set(state) == set(constants)
    for name, value in constants.items():
        assert (state[name] == value).all()


@pytest.mark.parametrize(
    ("name", "biased"),
    [
        ("spikformer_4_384.cifar10", {"q", "k", "v", "projection", "expand", "contract"}),
        ("spikformer_8_512.imagenet", {"projection", "expand", "contract"}),
        ("spikingformer_4_384.cifar10", {"projection", "expand", "contract"}),
    ],
)
def test_which_projections_have_a_bias(name: str, biased: set[str]) -> None:
    names = [path for path, _ in build(name).named_parameters() if path.endswith("linear.bias")]
    assert {path.split(".")[-3] for path in names if path.startswith("blocks")} == biased
    assert "head.linear.bias" in names


def test_no_two_layers_start_alike() -> None:
    weights = [p.detach().flatten() for _, p in build("spikformer_4_384.cifar10").named_parameters() if p.dim() == 2]
    pairs = [(a, b) for i, a in enumerate(weights) for b in weights[:i] if a.shape == b.shape]
    assert pairs
    assert not any(torch.equal(a, b) for a, b in pairs)
