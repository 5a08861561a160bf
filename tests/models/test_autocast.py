"""Training and evaluation under autocast: half precision where the papers' native AMP has it, float32 parameters.

Neurons integrate in the half precision their current comes in, so a membrane potential near its threshold may fall on
the other side of it, and one spike more or less changes what every later layer sees: logits of a spiking model are not
compared. Without thresholds (neuron "relu") only rounding is left, and those are.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.layers import DescribesItself
from tests.models.contract import assert_every_live_parameter_learns, awake, every_form, every_form_in_time
from tests.models.tiny import SMALLEST, fitting, much_input, random_input, tiny_model

half = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])


@half
@every_form_in_time
def test_gradients_are_finite_and_in_float32(name: str, dtype: torch.dtype) -> None:
    model = awake(name)
    x = much_input(model, 3)  # in half precision a last layer that fires now and then may be silent on fewer
    with torch.autocast("cpu", dtype):
        heads = model.forward_heads(x)
        loss = torch.stack([output.float().square().sum() for output in heads.values()]).sum()
    assert {output.dtype for output in heads.values()} == {dtype}
    loss.backward()
    assert_every_live_parameter_learns(model)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert {parameter.grad.dtype for parameter in model.parameters() if parameter.grad is not None} == {torch.float32}
    assert {buffer.dtype for buffer in model.buffers()} == {torch.float32, torch.int64}
    assert all(buffer.isfinite().all() for buffer in model.buffers())


@half
@every_form
def test_neurons_integrate_in_half_precision_and_declared_values_hold(name: str, dtype: torch.dtype) -> None:
    model = tiny_model(name)
    seen: dict[str, set[tuple[torch.dtype, torch.dtype, bool]]] = {}
    for word, neuron in model.named_neurons():
        neuron.register_forward_hook(
            lambda module, inputs, out, word=word: seen.setdefault(word, set()).add(
                (inputs[0].dtype, out.dtype, module.values.hold(out))
            )
        )
    with torch.no_grad(), torch.autocast("cpu", dtype):
        model(random_input(model, 4))
    assert seen == {word: {(dtype, dtype, True)} for word, _ in model.named_neurons()}


@half
@every_form
def test_without_thresholds_only_rounding_is_left(name: str, dtype: torch.dtype) -> None:
    # Few blocks: without spikes attention multiplies three real tensors, which soon leaves float16's range.
    model = tiny_model(name, neuron="relu", **fitting(name, depth=1))
    x = random_input(model, 4)
    with torch.no_grad():
        full = model(x)
        with torch.autocast("cpu", dtype):
            low, steps = model(x), model.forward_steps(x)
    # Each operation rounds by eps at most; measured are up to 8 eps of the largest logit with 14 of them, 28 with 43.
    operations = sum(isinstance(module, DescribesItself) for module in model.modules())
    tolerance = operations * torch.finfo(dtype).eps * float(full.abs().max())
    torch.testing.assert_close(low.float(), full, rtol=0, atol=tolerance)
    torch.testing.assert_close(steps.float().mean(0), full, rtol=0, atol=tolerance)


@half
def test_spikes_flip_at_the_threshold_only(dtype: torch.dtype) -> None:
    """First layer, first time step: H = X / 2 may differ from float32's by rounding, and so may the spikes."""
    model = tiny_model(SMALLEST, image_size=[64, 64])
    _, first = next(model.named_neurons())
    seen: list[tuple[Tensor, Tensor]] = []
    first.register_forward_hook(lambda module, inputs, out: seen.append((inputs[0][0].float(), out[0].float())))
    x = random_input(model, 4, (16, 16))
    with torch.no_grad():
        model(x)
        with torch.autocast("cpu", dtype):
            model(x)
    (current, spikes), (_, half_spikes) = seen
    flipped = spikes != half_spikes
    assert 0 < flipped.sum() < 0.02 * flipped.numel()
    # Inputs and weights, the sum of 27 products, and the norm are each rounded.
    reach = 8 * torch.finfo(dtype).eps * float(current.abs().max())
    assert float((current[flipped] / 2 - 1).abs().max()) < reach


@half
@pytest.mark.parametrize("name", [SMALLEST, "spikingformer_2_256.cifar10dvs"])
def test_step_by_step_equals_all_at_once(name: str, dtype: torch.dtype) -> None:
    model = tiny_model(name)
    x = random_input(model, 2)
    with torch.no_grad(), torch.autocast("cpu", dtype):
        state, steps = model.initial_state(2), []
        for frame in model.encode(x):
            logits, state = model.step(frame, state)
            steps.append(logits)
        expected = model.forward_steps(x)
    assert {tensor.dtype for tensor in state.tensors.values()} == {dtype}
    assert torch.equal(torch.stack(steps), expected)


@half
@pytest.mark.parametrize("neuron", ["if", "plif", "pliaf", "ternary", "integer", "relu"])
def test_every_neuron_trains(neuron: str, dtype: torch.dtype) -> None:
    model = tiny_model(SMALLEST, neuron=neuron, attention_scale=1.0).train()
    with torch.autocast("cpu", dtype):
        model(random_input(model, 4)).float().square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_state_keeps_its_precision() -> None:
    model = tiny_model(SMALLEST)
    x = random_input(model, 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        _, state = model.step(x, model.initial_state(2))
    with pytest.raises(InputError, match=r"must be torch\.float32 .* got torch\.bfloat16"):
        model.step(x, state)
