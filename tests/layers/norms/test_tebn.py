"""TEBN: batch normalisation with a factor for each time step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers import BatchNorm, Memory, RepConv, Unit, Vocabulary, integers
from spikeformers.layers.folding import affine
from spikeformers.models import fuse
from tests.models.tiny import random_input, smallest

T, B, C = 4, 3, 6


def maps(steps: int = T) -> Tensor:
    return torch.randn(steps, B, C, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 + 0.7


def build(time_steps: int = T) -> nn.Module:
    return Vocabulary(norm="tebn", time_steps=time_steps).build_norm(C).double()


def moved(module: nn.Module) -> nn.Module:
    """Weights, scales and running statistics that are not those it starts with."""
    generator = torch.Generator().manual_seed(1)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) + 0.5)
    return module


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("steps", [1, T])
def test_with_scales_of_one_it_is_batch_norm_to_the_last_bit(steps: int, training: bool) -> None:
    ours, theirs = build(steps).train(training), BatchNorm(C).double().train(training)
    assert torch.equal(ours(maps(steps)), theirs(maps(steps)))
    for name, buffer in theirs.named_buffers():
        assert torch.equal(ours.get_buffer(name), buffer)


@pytest.mark.parametrize("training", [True, False])
def test_its_formula(training: bool) -> None:
    norm, x = moved(build()).train(training), maps()
    mean, variance = norm.running_mean.clone(), norm.running_var.clone()
    if training:  # those of all time steps together
        mean, variance = x.mean((0, 1, 3, 4)), x.var((0, 1, 3, 4), correction=0)
    normal = (x - mean.view(-1, 1, 1)) / torch.sqrt(variance + 1e-5).view(-1, 1, 1)
    affined = normal * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)
    expected = norm.scale.view(-1, 1, 1, 1, 1) * affined
    torch.testing.assert_close(norm(x), expected, rtol=0, atol=1e-12)


def test_every_scale_learns() -> None:
    norm = build()
    norm(maps()).pow(3).sum().backward()
    assert norm.scale.grad.ne(0).all()


@pytest.mark.parametrize("make", [build, lambda: Unit(norm=build())], ids=["norm", "unit"])
def test_a_stream_knows_its_step(make: object) -> None:
    norm, x = moved(make()).eval(), maps()  # type: ignore[operator]
    memory, out = Memory({}), []
    for x_t in x:
        memory = Memory(memory.after)
        out.append(norm(x_t.unsqueeze(0), memory))
    assert torch.equal(torch.cat(out), norm(x))
    with pytest.raises(InputError, match=f"of time_steps = {T} steps and got {T + 1}"):
        norm(x[:1], Memory(memory.after))
    # The last two at once, behind the first two.
    first = Memory({})
    norm(x[:2], first)
    assert torch.equal(norm(x[2:], Memory(first.after)), norm(x)[2:])


@pytest.mark.parametrize("steps", [T - 1, T + 1])
def test_another_number_of_time_steps(steps: int) -> None:
    with pytest.raises(InputError, match=f"of time_steps = {T} steps and got {steps}"):
        build()(maps(steps))
    with pytest.raises(ConfigError, match="tebn has weights for each time step and needs time_steps >= 1, got 0"):
        build(0)


def test_a_rep_conv_passes_the_memory_on() -> None:
    torch.manual_seed(0)
    part = RepConv(C, C, inputs=integers(2), vocabulary=Vocabulary(norm="tebn", time_steps=T)).double().eval()
    moved(part.norm)
    moved(part.out_norm)
    memory, out = Memory({}), []
    for x_t in maps():
        memory = Memory(memory.after)
        out.append(part(x_t.unsqueeze(0), memory))
    torch.testing.assert_close(torch.cat(out), part(maps()), rtol=0, atol=1e-12)


def test_it_does_not_fold() -> None:
    assert affine(build()) is None
    model = smallest(norm="tebn").double()
    fused, fusion = fuse(model)
    assert not fusion.rows
    assert set(fusion.left.values()) == {"what TemporalEffectiveBatchNorm does depends on the time step"}
    x = random_input(model, 2)
    assert torch.equal(fused(x), model(x))
