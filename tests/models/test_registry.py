"""From names to models: the catalogue's, and a class of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import spikeformers
from spikeformers import catalog
from spikeformers.catalog.shelf import packaged
from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.models import Spikformer, model_class, read_header


def test_lists_are_patterns() -> None:
    names = spikeformers.list_models()
    assert len(names) == len(set(names)) > 30
    assert spikeformers.list_models("spikformer_4_*.cifar10") == [
        "spikformer_4_256.cifar10",
        "spikformer_4_384.cifar10",
    ]
    assert spikeformers.list_models("nothing*") == []


def test_a_model_knows_where_it_came_from() -> None:
    model = spikeformers.create_model("spikformer_4_256.cifar10", depth=1, dim=64)
    assert isinstance(model, Spikformer)
    assert model.training
    assert (model.name, model.system, model.variant) == ("spikformer_4_256.cifar10", "spikformer", "cifar")
    assert (model.config.depth, model.config.dim, model.config.heads) == (1, 64, 8)
    own = Spikformer.from_words({"dim": 64, "heads": 4})
    assert (own.name, own.system, own.variant) == (None, None, None)


def test_overrides_do_not_change_the_catalogue() -> None:
    before = catalog.get("spikformer_4_256.cifar10")
    spikeformers.create_model("spikformer_4_256.cifar10", depth=1, dim=64)
    assert catalog.get("spikformer_4_256.cifar10") == before


def test_the_seed_decides_the_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        model = spikeformers.create_model("spikformer_4_256.cifar10", depth=1, dim=64)
        return torch.nn.utils.parameters_to_vector(model.parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_an_unknown_name() -> None:
    with pytest.raises(
        UnknownNameError, match=r"'spikformer_4_383\.cifar10'.*Did you mean 'spikformer_4_384\.cifar10'"
    ):
        spikeformers.create_model("spikformer_4_383.cifar10")


@pytest.mark.parametrize(
    ("builds", "message"),
    [
        ("no.such.module:Toy", r"cannot find 'no\.such\.module:Toy' \(expected 'module:Class' on the import path\)"),
        ("spikeformers.models:Toy", "cannot find 'spikeformers.models:Toy'"),
        ("spikeformers.models", "cannot find 'spikeformers.models'"),
        (":Toy", "cannot find ':Toy'"),
        (
            "spikeformers.models:create_model",
            r"must be a subclass of spikeformers\.models\.SpikingModel, got <function",
        ),
        ("torch.nn:Linear", r"must be a subclass of spikeformers\.models\.SpikingModel, got <class"),
    ],
)
def test_classes_that_cannot_be_built(builds: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model_class(builds)


@pytest.fixture
def forgetful_catalogue() -> Iterator[None]:
    """The catalogue forgets afterwards what a test adds to it."""
    yield
    packaged.cache_clear()


ENTRY = """
family = "shop"
builds = "shop:Spikformer"

[models."shop_1_16.digits"]
config = { dim = 16, depth = 1, heads = 2, time_steps = 2, in_channels = 1, image_size = [8, 8] }
parameters = 1
"""


@pytest.mark.usefixtures("forgetful_catalogue")
def test_a_class_may_be_catalogued_where_it_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Packages define classes in one module and offer them in another; a file must find them again by the word used.
    (tmp_path / "shop.py").write_text("from spikeformers.models import Spikformer\n")
    (tmp_path / "shop.toml").write_text(ENTRY)
    monkeypatch.syspath_prepend(tmp_path)
    catalog.add(tmp_path / "shop.toml")
    model = spikeformers.create_model("shop_1_16.digits").eval()
    spikeformers.save(model, tmp_path / "model.safetensors")
    assert read_header(tmp_path / "model.safetensors").builds == "shop:Spikformer"
    again = spikeformers.load(tmp_path / "model.safetensors")
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(again(x), model(x))
    spikeformers.save(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()
