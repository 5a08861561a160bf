"""Encoders inside models: frames first, then a network that knows nothing of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import spikeformers
from spikeformers.errors import InputError
from spikeformers.layers import ENCODERS, REAL, Conv2d
from spikeformers.models import SpikingModel
from tests.models.tiny import SMALLEST

STATIC = [SMALLEST, "spikingformer_4_384.cifar10"]

every_encoder = pytest.mark.parametrize("encoder", sorted(ENCODERS))
every_family = pytest.mark.parametrize("name", STATIC)


def build(name: str, encoder: str) -> SpikingModel:
    model = spikeformers.create_model(
        name, dim=16, depth=1, heads=2, num_classes=5, time_steps=6, image_size=[8, 8], encoder=encoder
    )
    return model.double()


def images(batch: int = 3) -> Tensor:
    return torch.rand(batch, 3, 8, 8, dtype=torch.float64)


@every_family
@every_encoder
def test_stepping_through_encoded_frames_equals_all_at_once(name: str, encoder: str) -> None:
    torch.manual_seed(0)
    model, x = build(name, encoder).eval(), images()
    torch.manual_seed(1)
    steps = model.forward_steps(x)
    torch.manual_seed(1)
    frames = model.encode(x)
    assert frames.shape == (6, 3, 3, 8, 8)
    state, stepped = model.initial_state(3), []
    for frame in frames:
        logits, state = model.step(frame, state)
        stepped.append(logits)
    torch.testing.assert_close(torch.stack(stepped), steps, rtol=0, atol=1e-12)


@every_encoder
def test_frames_are_not_encoded_again(encoder: str) -> None:
    torch.manual_seed(0)
    model = build(SMALLEST, encoder).eval()
    frames = torch.randn(2, 4, 3, 8, 8, dtype=torch.float64)  # [B, T, C, H, W], beyond 0..1
    assert torch.equal(model.encode(frames), frames.transpose(0, 1))
    plain = build(SMALLEST, "direct").eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model.forward_steps(frames), plain.forward_steps(frames))


@every_family
@every_encoder
def test_the_first_convolution_sees_what_the_encoder_declares(name: str, encoder: str) -> None:
    model = build(name, encoder)
    first = next(module for module in model.modules() if isinstance(module, Conv2d))
    seen: list[Tensor] = []
    first.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(images())
    (frames,) = seen
    assert first.op_spec().inputs == (first.inputs,) == (model.encoder.values,)
    assert first.inputs.hold(frames)
    assert (first.inputs == REAL) == (encoder == "direct")


@every_family
@every_encoder
def test_encoders_learn_nothing_and_every_parameter_trains(name: str, encoder: str) -> None:
    torch.manual_seed(0)
    model = build(name, encoder)
    assert model.state_dict().keys() == build(name, "direct").state_dict().keys()
    model(images(8)).square().sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert gradients[0] is not None
    assert gradients[0].any()  # the first convolution


@pytest.mark.parametrize("encoder", ["poisson", "latency", "phase"])
def test_normalised_images_are_refused(encoder: str) -> None:
    model = build(SMALLEST, encoder)
    for run in (model, model.encode, model.forward_steps):
        with pytest.raises(InputError, match=r"takes intensities from 0 to 1, got -1 to 1\. .* normalise = false"):
            run(torch.linspace(-1, 1, 3 * 64, dtype=torch.float64).view(1, 3, 8, 8))


@every_encoder
def test_a_checkpoint_keeps_the_word(encoder: str, tmp_path: Path) -> None:
    model = build(SMALLEST, encoder).eval()
    spikeformers.save(model, tmp_path / "model.safetensors")
    again = spikeformers.load(tmp_path / "model.safetensors")
    assert again.config.encoder == encoder
    x = images()
    torch.manual_seed(0)
    expected = model(x)
    torch.manual_seed(0)
    assert torch.equal(again(x), expected)


# Direct encoding is exported with every model of the catalogue, see test_contract.py.
@pytest.mark.parametrize("encoder", ["latency", "phase"])
def test_an_encoder_is_exported_and_compiled_with_its_model(encoder: str) -> None:
    torch._dynamo.reset()
    torch.manual_seed(0)
    model, x = build(SMALLEST, encoder).eval(), images()
    if encoder == "latency":
        again = torch.export.export(model, (x,)).module()
    else:
        again = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert torch.equal(again(x), model(x))


def test_every_catalogued_model_is_encoded_directly() -> None:
    assert {spikeformers.catalog.get(name).config.get("encoder", "direct") for name in spikeformers.list_models()} == {
        "direct"
    }
    assert spikeformers.create_model(SMALLEST, depth=1).config.encoder == "direct"
