"""Fine-tuning: what comes from the checkpoint, what is fresh, and which words a user cannot change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import spikeformers
from spikeformers.errors import CheckpointError, ConfigError
from spikeformers.models import Transfer, adapt
from tests.models.tiny import random_input, smallest, tiny_model

OLD = Path(__file__).parent / "data" / "format1_spikformer.safetensors"
HEAD = ("head.linear.weight", "head.linear.bias")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint of one block of 16 channels, 5 classes, T = 3."""
    spikeformers.save(smallest(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_without_other_words_it_is_the_model(path: Path) -> None:
    source = spikeformers.load(path)
    model, transfer = adapt(path)
    assert model.config == source.config
    assert transfer == Transfer(copied=len(source.state_dict()), fresh=())
    assert model.training
    assert all(p.requires_grad for p in model.parameters())
    x = random_input(source, 2)
    assert torch.equal(model.eval()(x), source(x))


def test_a_head_for_other_classes_is_fresh_and_the_rest_copied(path: Path) -> None:
    source = spikeformers.load(path)
    torch.manual_seed(7)
    model, transfer = adapt(path, num_classes=9)
    assert transfer.fresh == HEAD
    assert transfer.copied == len(source.state_dict()) - 2
    assert model.config.num_classes == 9
    for name, tensor in model.state_dict().items():
        assert name in HEAD or torch.equal(tensor, source.state_dict()[name]), name
    x = random_input(source, 2)
    assert torch.equal(model.eval().forward_features(x), source.forward_features(x))
    assert model(x).shape == (2, 9)
    weight = model.get_parameter("head.linear.weight")
    assert 0 < weight.std() < 0.04  # as every head starts

    def head(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return adapt(path, num_classes=9)[0].get_parameter("head.linear.weight")

    assert torch.equal(head(7), weight)
    assert not torch.equal(head(8), weight)


def test_a_fresh_head_for_as_many_other_classes(path: Path) -> None:
    model, transfer = adapt(path, fresh_head=True)
    assert transfer.fresh == HEAD
    source = spikeformers.load(path)
    assert not torch.equal(model.get_parameter(HEAD[0]), source.get_parameter(HEAD[0]))
    assert torch.equal(
        model.get_parameter("tokenizer.position.conv.weight"), source.get_parameter("tokenizer.position.conv.weight")
    )


@pytest.mark.parametrize(
    ("words", "size", "steps"),
    [
        ({"image_size": [16, 24]}, (16, 24), 3),
        ({"time_steps": 5}, (8, 8), 5),
        ({"time_steps": 1, "encoder": "latency", "drop_path": 0.1}, (8, 8), 1),
        ({"neuron": "integer", "surrogate": "atan"}, (8, 8), 3),
        ({"neuron": "relu"}, (8, 8), 3),
    ],
)
def test_words_that_no_tensor_depends_on(path: Path, words: dict[str, Any], size: tuple[int, int], steps: int) -> None:
    model, transfer = adapt(path, **words)
    assert transfer.fresh == ()
    source = spikeformers.load(path)
    for name, tensor in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    for word, value in words.items():
        assert model.config.to_dict()[word] == value
    assert model.forward_steps(torch.rand(2, 3, *size)).shape == (steps, 2, 5)


def test_a_neuron_that_learns_its_tau_starts_at_the_word(path: Path) -> None:
    model, transfer = adapt(path, neuron="plif", tau=4.0)
    names = [f"{name}.w" for name, _ in model.named_neurons()]
    assert list(transfer.fresh) == names
    for name in names:
        assert float(model.get_parameter(name).detach().sigmoid()) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("words", "listed", "binding"),
    [
        (
            {"dim": 32, "num_classes": 7},
            r"tokenizer\.stages\.0\.conv\.weight is \[2, 3, 3, 3\], the model needs \[4, 3, 3, 3\]; .*; and \d+ more",
            r"dim \(16 in the file, 32 asked for\)\.",
        ),
        (
            {"in_channels": 1, "time_steps": 9},
            r"fit: tokenizer\.stages\.0\.conv\.weight is \[2, 3, 3, 3\], the model needs \[2, 1, 3, 3\]\. ",
            r"in_channels \(3 in the file, 1 asked for\)\.",
        ),
        (
            {"depth": 2},
            r"blocks\.1\.attention\.q\.linear\.weight is missing",
            r"depth \(1 in the file, 2 asked for\)\.",
        ),
        (
            {"mlp_ratio": 3, "heads": 4},
            r"expand\.linear\.weight is \[32, 16\], the model needs \[48, 16\]",
            r"mlp_ratio \(2\.0 in the file, 3\.0 asked for\)\.",
        ),
        (
            {"projection": "convolution"},
            r"blocks\.0\.attention\.q\.linear\.bias has no place in the model",
            r"projection \(linear in the file, convolution asked for\)\.",
        ),
        (
            {"mlp_ratio": 3, "depth": 2},
            r"expand\.linear\.weight is \[32, 16\].*; and \d+ more",
            r"depth \(1 in the file, 2 asked for\), mlp_ratio \(2\.0 in the file, 3\.0 asked for\)\.",
        ),
        ({"dim": 24, "heads": 3}, r"stages\.0\.conv\.weight is", r"dim \(16 in the file, 24 asked for\)\."),
        # Each alone gives no model at all: both are named.
        ({"dim": 27, "heads": 3}, r"stages\.0\.conv\.weight is", r"dim \(16 .* 27 asked for\), heads \(2 .* 3 asked"),
    ],
)
def test_words_that_cannot_change(path: Path, words: dict[str, Any], listed: str, binding: str) -> None:
    with pytest.raises(CheckpointError, match=listed) as raised:
        adapt(path, **words)
    assert raised.match(r"follow from words that cannot change: " + binding)
    assert raised.match(r"Leave them as in the file, or train a new model\.$")
    assert str(path) in str(raised.value)


def test_learned_time_constants_are_not_thrown_away(tmp_path: Path) -> None:
    spikeformers.save(smallest(neuron="plif"), tmp_path / "plif.safetensors")
    with pytest.raises(CheckpointError, match=r"neuron\.w has no place .* cannot change: neuron \(plif in the file"):
        adapt(tmp_path / "plif.safetensors", neuron="lif")
    assert adapt(tmp_path / "plif.safetensors", neuron="pliaf")[1].fresh == ()


def test_words_nobody_knows(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no word 'num_clases'\. Did you mean 'num_classes'"):
        adapt(path, num_clases=3)
    with pytest.raises(ConfigError, match=r"num_classes must be at least 1, got 0"):
        adapt(path, num_classes=0)
    with pytest.raises(CheckpointError, match="there is no file"):
        adapt(path.with_name("other.safetensors"), num_classes=3)


def test_the_name_stays_while_the_config_is_the_catalogues(tmp_path: Path) -> None:
    torch.manual_seed(0)
    digits = spikeformers.create_model("spikformer_2_64.digits")
    spikeformers.save(digits, tmp_path / "model.safetensors")
    same, _ = adapt(tmp_path / "model.safetensors", num_classes=10, image_size=(8, 8))
    assert (same.name, same.system, same.variant) == (digits.name, digits.system, digits.variant)
    other, _ = adapt(tmp_path / "model.safetensors", num_classes=3)
    assert other.name is None
    assert (other.builds, other.system, other.variant) == (digits.builds, digits.system, digits.variant)
    spikeformers.save(other, tmp_path / "other.safetensors")
    assert spikeformers.load(tmp_path / "other.safetensors").config.num_classes == 3
    # A file's name alone says nothing: this one was built with other words.
    spikeformers.save(smallest(), tmp_path / "small.safetensors")
    assert adapt(tmp_path / "small.safetensors")[0].name is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_dtype_is_the_files(dtype: torch.dtype, tmp_path: Path) -> None:
    source = smallest(neuron="plif").to(dtype)
    spikeformers.save(source, tmp_path / "model.safetensors")
    model, _ = adapt(tmp_path / "model.safetensors", num_classes=3)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert torch.equal(
        model.get_buffer("blocks.0.mlp.expand.norm.running_var"),
        source.get_buffer("blocks.0.mlp.expand.norm.running_var"),
    )


def test_an_old_file_takes_new_words() -> None:
    then = spikeformers.load(OLD)
    model, transfer = adapt(OLD, encoder="poisson", drop_path=0.2, num_classes=then.config.num_classes + 1)
    assert (model.config.encoder, model.config.drop_path) == ("poisson", 0.2)
    assert transfer.fresh == HEAD
    assert (then.config.encoder, then.config.drop_path) == ("direct", 0.0)


def test_an_adapted_model_trains(tmp_path: Path) -> None:
    source = tiny_model("spikingformer_4_384.cifar10", attention_scale=1.0, time_steps=1)
    spikeformers.save(source, tmp_path / "model.safetensors")
    model, _ = adapt(tmp_path / "model.safetensors", num_classes=4, time_steps=4, image_size=[16, 16])
    model(torch.randn(2, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
