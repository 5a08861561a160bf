"""Training passes of models keep spikes as bits, and gradients do not show it."""

from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from spikeformers import native as core
from spikeformers.errors import ConfigError
from spikeformers.models import SpikingModel
from spikeformers.ops.backend import VARIABLE
from spikeformers.ops.saving import PRE_ACTIVATIONS
from spikeformers.train import words
from tests.models.tiny import SMALLEST, random_input, tiny_model

pytestmark = pytest.mark.skipif(core.library() is None, reason="there is no native core")

# Sums of spikes on the stream; masks and membrane potentials; token attention, an IAND; event frames.
NAMES = [SMALLEST, "meta_spikeformer_15m.imagenet", "qkformer_4_384.cifar10", "spikformer_2_256.cifar10dvs"]
OFF = "saving=reference"


class Step:
    """One training step of a copy of the model: what it kept, and what it left."""

    def __init__(self, model: SpikingModel, x: Tensor, keep: str = "exact", **autocast: Any) -> None:
        model = copy.deepcopy(model)
        model.keep_pre_activations = keep  # type: ignore[assignment]
        own = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
        kept: dict[int, Tensor] = {}

        def count(tensor: Tensor) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor
            return tensor.detach()

        torch.manual_seed(1)
        with saved_tensors_hooks(count, lambda tensor: tensor):
            with torch.autocast("cpu", **autocast or {"enabled": False}):
                self.logits = model(x)
        self.kept = [tensor for place, tensor in kept.items() if place not in own]
        self.bytes = sum(tensor.untyped_storage().nbytes() for tensor in self.kept)
        self.logits.float().square().sum().backward()
        self.gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    def assert_equal(self, other: Step) -> None:
        assert torch.equal(self.logits, other.logits)
        assert self.gradients.keys() == other.gradients.keys()
        for name, gradient in self.gradients.items():
            assert torch.equal(gradient, other.gradients[name]), name


def large(name: str, **words: Any) -> tuple[SpikingModel, Tensor]:
    """A model and an input whose activations are worth packing."""
    model = tiny_model(name, attention_scale=1.0, **words).train()
    return model, random_input(model, 16)


@pytest.mark.parametrize(("name", "dtype"), [(NAMES[0], torch.bfloat16), *((name, None) for name in NAMES)])
@pytest.mark.parametrize("keep", ["exact", "recompute"])
def test_a_training_step_is_the_same_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, name: str, dtype: torch.dtype | None, keep: str
) -> None:
    model, x = large(name)
    autocast = {} if dtype is None else {"dtype": dtype}
    compact = Step(model, x, keep, **autocast)
    monkeypatch.setenv(VARIABLE, OFF)
    plain = Step(model, x, **autocast)
    compact.assert_equal(plain)
    assert compact.bytes < 0.8 * plain.bytes
    assert not any(tensor.dtype == torch.uint8 and tensor.numel() > 4096 for tensor in plain.kept)


def test_bytes_of_pre_activations() -> None:
    model, x = large(SMALLEST)
    exact, rounded, again = (Step(model, x, keep) for keep in ("exact", "bfloat16", "recompute"))
    marked = sum(tensor.numel() for tensor in rounded.kept if tensor.dtype == torch.bfloat16)
    assert 4 * marked > exact.bytes / 2
    assert exact.bytes - rounded.bytes == 2 * marked
    # What is made again is not kept, but for the first convolution's output, which is expanded over T; inputs of
    # operations may be kept in two forms.
    assert exact.bytes - again.bytes > 3.8 * marked


def test_rounded_pre_activations_move_gradients_a_little() -> None:
    model, x = large(SMALLEST)
    exact, rounded = Step(model, x), Step(model, x, "bfloat16")
    assert torch.equal(exact.logits, rounded.logits)
    norms = [
        (float((rounded.gradients[name] - gradient).norm()), float(gradient.norm()))
        for name, gradient in exact.gradients.items()
    ]
    off = sum(difference**2 for difference, _ in norms) ** 0.5 / sum(norm**2 for _, norm in norms) ** 0.5
    # Membrane potentials are off by 2^-9 of what they sum, and of few of them the surrogate, or the spike that resets
    # them, is another: more than nothing, and far below what a gradient of another sign would give.
    assert 0 < off < 0.1


@pytest.mark.parametrize("keep", PRE_ACTIVATIONS)
def test_blocks_that_are_computed_again_as_well(keep: str) -> None:
    model, x = large(SMALLEST)
    plain = Step(model, x, keep)
    model.recompute_blocks = True
    again = Step(model, x, keep)
    assert again.bytes < plain.bytes
    if keep != "bfloat16":
        again.assert_equal(plain)


def test_nothing_is_packed_where_nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **words: Any) -> None:
        pytest.fail("it was entered")

    model, x = large(SMALLEST)
    monkeypatch.setattr("spikeformers.models.saving.compact_saving", fail)
    with torch.no_grad():
        model(x)
    model.eval()
    model(x)
    monkeypatch.setenv(VARIABLE, OFF)
    model.train()
    model(x)


@pytest.mark.parametrize("method", ["forward_steps", "forward_heads", "forward_features", "forward_pyramid"])
def test_every_way_through_a_model(method: str) -> None:
    model, x = large(SMALLEST)
    kept: list[Tensor] = []
    with saved_tensors_hooks(lambda tensor: (kept.append(tensor), tensor.detach())[1], lambda tensor: tensor):
        getattr(model, method)(x)
    assert any(tensor.dtype == torch.uint8 for tensor in kept)


def test_weights_changed_too_early_are_an_error() -> None:
    model, x = large(SMALLEST)
    model.keep_pre_activations = "recompute"
    loss = model(x).sum()
    with torch.no_grad():
        model.get_parameter("blocks.0.attention.q.linear.weight").add_(1)
    with pytest.raises(RuntimeError, match="modified"):
        loss.backward()


def test_the_word_is_checked() -> None:
    model = tiny_model(SMALLEST)
    with pytest.raises(ConfigError, match="Did you mean 'recompute'"):
        model.keep_pre_activations = "recomputed"  # type: ignore[assignment]
    assert model.keep_pre_activations == "exact"


def test_recipes_know_the_same_words() -> None:
    assert get_args(words.PreActivations) == PRE_ACTIVATIONS
