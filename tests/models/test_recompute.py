"""Gradient checkpointing changes memory and nothing else: outputs, gradients, buffers and random numbers stay."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers import Block, OverFrames, register_norm
from spikeformers.layers.norms import BatchNorm
from spikeformers.models import ModelConfig, SpikingModel
from tests.models.tiny import SMALLEST, random_input, tiny_model

NAMES = [SMALLEST, "spikformer_2_256.cifar10dvs", "spikingformer_4_384.cifar10", "spikingformer_cml_2_256.cifar10dvs"]


@dataclass
class Step:
    """What one training step leaves."""

    logits: Tensor
    gradients: dict[str, Tensor | None]
    buffers: dict[str, Tensor]
    random: Tensor
    saved_bytes: int


def training_step(model: SpikingModel, x: Tensor, *, recompute: bool, backwards: int = 1, **autocast: Any) -> Step:
    """Forward and backward of a copy of the model from a fixed seed."""
    model = copy.deepcopy(model)
    if recompute:
        model.recompute_blocks = True
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor
        return tensor

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        with torch.autocast("cpu", **autocast or {"enabled": False}):
            logits = model(x)
    loss = logits.float().square().sum()
    for _ in range(backwards):
        loss.backward(retain_graph=True)
    return Step(
        logits.detach(),
        {name: p.grad for name, p in model.named_parameters()},
        {name: b.clone() for name, b in model.named_buffers()},
        torch.rand(3),
        sum(tensor.numel() * tensor.element_size() for tensor in kept.values()),
    )


def assert_equal_steps(one: Step, other: Step) -> None:
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(one.random, other.random)
    for name, gradient in one.gradients.items():
        found = other.gradients[name]
        assert (gradient is None) == (found is None), name
        assert gradient is None or torch.equal(gradient, found), name  # type: ignore[arg-type]
    for name, buffer in one.buffers.items():
        assert torch.equal(buffer, other.buffers[name]), name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "words", [{}, {"drop_path": 0.5}, {"neuron": "plif"}, {"encoder": "poisson"}], ids=["plain", "drop", "plif", "rate"]
)
def test_a_training_step_is_the_same_to_the_bit(name: str, words: dict[str, Any]) -> None:
    model = tiny_model(name, attention_scale=1.0, **words).train()
    x = random_input(model, 4)
    plain = training_step(model, x, recompute=False)
    assert all(gradient is not None for gradient in plain.gradients.values())
    assert_equal_steps(training_step(model, x, recompute=True), plain)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_also_under_autocast(dtype: torch.dtype) -> None:
    model = tiny_model(SMALLEST, drop_path=0.5, attention_scale=1.0).train()
    x = random_input(model, 4)
    step = training_step(model, x, recompute=True, dtype=dtype)
    assert step.logits.dtype == dtype
    assert_equal_steps(step, training_step(model, x, recompute=False, dtype=dtype))


def test_also_when_a_graph_is_used_twice() -> None:
    model = tiny_model(SMALLEST, drop_path=0.5).train()
    x = random_input(model, 4)
    assert_equal_steps(
        training_step(model, x, recompute=True, backwards=2), training_step(model, x, recompute=False, backwards=2)
    )


def test_statistics_move_once() -> None:
    model = tiny_model(SMALLEST).train()
    norms = [module for block in model.modules() if isinstance(block, Block) for module in block.modules()]
    norms = [module for module in norms if isinstance(module, BatchNorm)]
    counts = [int(norm.get_buffer("num_batches_tracked")) for norm in norms]
    buffers = [id(buffer) for buffer in model.buffers()]
    model.recompute_blocks = True
    model(random_input(model, 4)).sum().backward()
    assert norms
    assert [int(norm.get_buffer("num_batches_tracked")) for norm in norms] == [count + 1 for count in counts]
    # The very same tensors, so that an optimizer, an average or another process that holds them sees them.
    assert [id(buffer) for buffer in model.buffers()] == buffers


def test_a_users_own_norm_is_not_asked_to_cooperate(monkeypatch: pytest.MonkeyPatch) -> None:
    class Drifting(nn.Module):
        """Shifts by a running mean it moves itself, so that what it puts out depends on its buffer."""

        def __init__(self, channels: int) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(channels, 1))

        def forward(self, frames: Tensor) -> Tensor:
            mean = self.get_buffer("mean")
            shifted = frames.flatten(2) - mean
            mean += 0.5 * shifted.detach().mean((0, 2)).unsqueeze(-1)
            return (2 * shifted / shifted.detach().std().clamp_min(0.1)).view(frames.shape)

    register_norm("drifting", lambda channels: OverFrames(Drifting(channels)))
    model = tiny_model(SMALLEST, norm="drifting").train()
    x = random_input(model, 4)
    plain = training_step(model, x, recompute=False)
    gradient = plain.gradients["blocks.0.attention.q.linear.weight"]
    assert gradient is not None
    assert gradient.any()
    assert_equal_steps(training_step(model, x, recompute=True), plain)


@pytest.mark.parametrize("name", NAMES[::2])
def test_it_keeps_less(name: str) -> None:
    shallow, deep = (tiny_model(name, depth=depth).train() for depth in (2, 6))
    x = random_input(shallow, 4)
    saved = {
        (model, recompute): training_step(model, x, recompute=recompute).saved_bytes
        for model in (shallow, deep)
        for recompute in (False, True)
    }
    grown = saved[deep, False] - saved[shallow, False]
    grown_less = saved[deep, True] - saved[shallow, True]
    tokens = x.shape[0] * shallow.config.time_steps * 32 * 4 * 4  # B T C N floats of 4 bytes
    # Four blocks more keep four inputs of a block, and 5 kB of random state and seeds at most for each.
    assert 4 * tokens <= grown_less <= 4 * (tokens + 6000)
    assert grown_less < grown / 5


def test_streaming_and_evaluation_run_no_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(SMALLEST)
    x = random_input(model, 2)
    expected, steps = model(x), model.forward_steps(x)
    model.recompute_blocks = True

    def refuse(*args: Any, **words: Any) -> Tensor:
        raise AssertionError("a block was checkpointed")

    monkeypatch.setattr("spikeformers.layers.recompute.checkpoint", refuse)
    assert torch.equal(model(x), expected)
    state = model.initial_state(2)
    first, _ = model.step(x, state)
    torch.testing.assert_close(first, steps[0])
    model.train()
    model.step(x, state)
    with torch.no_grad():
        model(x)
    with pytest.raises(AssertionError, match="a block was checkpointed"):
        model(x)


def test_it_is_a_switch() -> None:
    model = tiny_model(SMALLEST)
    assert not model.recompute_blocks
    model.recompute_blocks = True
    assert model.recompute_blocks
    assert copy.deepcopy(model).recompute_blocks
    assert "recompute_blocks" not in model.config.to_dict()
    model.recompute_blocks = False
    assert not model.recompute_blocks
    assert not any(block.recompute for block in model.modules() if isinstance(block, Block))


def test_a_model_without_blocks_says_so() -> None:
    class Blockless(SpikingModel):
        Config = ModelConfig
        stride = 1

        def _stages(self, x: Tensor, memory: Any) -> Iterator[tuple[int, Tensor]]:
            yield 1, x

    with pytest.raises(ConfigError, match=r"Blockless has no spikeformers\.layers\.Block that could be recomputed"):
        Blockless(ModelConfig()).recompute_blocks = True


def test_a_compiled_training_step_recomputes_too() -> None:
    torch._dynamo.reset()
    model = tiny_model(SMALLEST, depth=1).train()
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.momentum = 0.1  # torch.compile cannot trace a plain average
    x = random_input(model, 4)
    expected = training_step(model, x, recompute=False)
    model.recompute_blocks = True
    torch.manual_seed(1)
    logits = torch.compile(model, fullgraph=True, backend="aot_eager")(x)
    logits.square().sum().backward()
    torch.testing.assert_close(logits, expected.logits)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected.gradients[name])
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(buffer, expected.buffers[name])
