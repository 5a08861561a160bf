"""tdBN: batch normalisation times alpha and the threshold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers import BatchNorm, RepConv, Vocabulary, integers
from spikeformers.layers.folding import affine, one_convolution
from spikeformers.models import fuse
from tests.models.tiny import random_input, smallest

T, B, C = 3, 4, 6


def maps(seed: int = 0) -> Tensor:
    return torch.randn(T, B, C, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 + 0.7


def build(word: str, v_threshold: float = 1.0) -> nn.Module:
    return Vocabulary(norm=word, v_threshold=v_threshold).build_norm(C).double()


def learned(norm: nn.Module) -> nn.Module:
    """Weights and running statistics that are not those it starts with."""
    generator = torch.Generator().manual_seed(1)
    for tensor in norm.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) + 0.5)
    return norm


@pytest.mark.parametrize("training", [True, False])
def test_at_one_it_is_batch_norm_to_the_last_bit(training: bool) -> None:
    ours, theirs = (
        learned(build("tdbn(alpha=0.5)", 2.0)).train(training),
        learned(BatchNorm(C).double()).train(training),
    )
    assert torch.equal(ours(maps()), theirs(maps()))
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor)


@pytest.mark.parametrize("layout", ["maps", "tokens, channels innermost"])
@pytest.mark.parametrize("training", [True, False])
def test_its_formula(training: bool, layout: str) -> None:
    norm = learned(build("tdbn(alpha=0.5)", 3.0)).train(training)
    weight, bias = norm.weight.view(-1, 1, 1), norm.bias.view(-1, 1, 1)
    x = maps()
    mean, variance = norm.running_mean.clone().view(-1, 1, 1), norm.running_var.clone().view(-1, 1, 1)
    if training:
        axes = (0, 1, 3, 4)
        mean, variance = x.mean(axes).view(-1, 1, 1), x.var(axes, correction=0).view(-1, 1, 1)
    expected = weight * 0.5 * 3.0 * (x - mean) / torch.sqrt(variance + 1e-5) + bias
    if layout == "maps":
        out = norm(x)
    else:
        out = norm(x.flatten(3).transpose(-1, -2).contiguous().transpose(-1, -2)).view(x.shape)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("word", ["tdbn", "tdbn(alpha=0.7)"])
def test_currents_start_with_a_spread_of_alpha_thresholds(word: str) -> None:
    out = build(word, 0.6)(maps())
    axes = (0, 1, 3, 4)
    spread = 0.6 * (0.7 if "alpha" in word else 1)
    torch.testing.assert_close(out.mean(axes), torch.zeros(C, dtype=torch.float64), rtol=0, atol=1e-12)
    # eps takes a little off: the variance of the input is about 4.
    torch.testing.assert_close(out.std(axes, correction=0), torch.full((C,), spread).double(), rtol=1e-5, atol=0)


def test_it_folds_as_it_is() -> None:
    norm, x = learned(build("tdbn(alpha=0.5)", 3.0)).eval(), maps()
    behind = affine(norm)
    assert behind is not None
    folded = x * behind.gain.view(-1, 1, 1) + behind.shift.view(-1, 1, 1)
    torch.testing.assert_close(folded, norm(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(norm.at_zero(), behind.shift, rtol=0, atol=1e-12)


def test_a_rep_conv_with_it_is_one_convolution() -> None:
    from spikeformers.layers.folding import chained, last_operation, take_on

    torch.manual_seed(0)
    vocabulary = Vocabulary(norm="tdbn(alpha=0.5)", v_threshold=3.0)
    part = RepConv(C, C, inputs=integers(2), vocabulary=vocabulary).double()
    learned(part.norm)
    learned(part.out_norm)
    expected = part.eval()(maps())
    for operation, norm in chained(part):
        into, behind = last_operation(part.get_submodule(operation)), affine(part.get_submodule(norm))
        assert into is not None
        assert behind is not None
        take_on(into, behind)
        setattr(part, norm, nn.Identity())
    dense = one_convolution(part)
    assert dense is not None
    torch.testing.assert_close(dense(maps()), expected, rtol=0, atol=1e-11)  # sums of a few hundred terms


def test_a_model_with_it_fuses() -> None:
    model = smallest(norm="tdbn(alpha=0.8)", v_threshold=0.7).double()
    fused, fusion = fuse(model)
    assert not fusion.left
    assert fusion.norms
    x = random_input(model, 2)
    torch.testing.assert_close(fused(x), model(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", ["0.0", "-1.0", "inf"])
def test_alpha_is_positive(alpha: str) -> None:
    with pytest.raises(ConfigError, match="alpha of tdbn must be a positive number"):
        build(f"tdbn(alpha={alpha})")
