"""The authors' names against state dicts and neuron lists of their code (the golden files)."""

from __future__ import annotations

import pytest

from spikeformers.catalog import official
from spikeformers.errors import UnknownNameError
from tests.golden_rules import golden, golden_names

FILES = [name for name in golden_names("spikformer", "spikingformer") if golden(name)["system"] in official.systems()]


@pytest.mark.parametrize("name", FILES)
def test_modules_and_neurons_in_their_order(name: str) -> None:
    file = golden(name)
    form = official.form(file["system"], file["variant"])
    names = official.names(file["system"], file["variant"], file["config"]["depth"])
    assert len(set(names.values())) == len(names)
    theirs = dict.fromkeys(entry[0].rpartition(".")[0] or entry[0] for entry in file["state_dict"])
    unused = form.unused_names(file["config"]["depth"])
    assert [module for module in theirs if module not in unused] == [m for m in names.values() if m in theirs]
    neurons = [row[0] for row in file["eval"]["spikes"]]
    assert [module for own, module in names.items() if own.endswith("neuron")] == neurons
    # Nothing but tensors and neurons has a name.
    assert set(names.values()) == {module for module in theirs if module not in unused} | set(neurons)


@pytest.mark.parametrize("name", FILES)
def test_the_number_of_blocks(name: str) -> None:
    file = golden(name)
    names = [entry[0] for entry in file["state_dict"]]
    form = official.form(file["system"], file["variant"])
    assert official.count_blocks(names, form.modules.values()) == file["config"]["depth"]


def test_counting_blocks() -> None:
    templates = ["stem", "block.{i}.attn.q"]
    names = ["stem.weight", "block.0.attn.q.weight", "block.7.attn.q.weight", "block.7.norm", "block.x.y", "blocks.3.z"]
    assert official.count_blocks(names, templates) == 2
    assert official.count_blocks([], templates) == 0


@pytest.mark.parametrize("system", official.systems())
def test_former_names_lead_to_present_ones(system: str) -> None:
    for form in official.forms(system):
        names, former = form.names(2), form.former_names(2)
        assert set(former.values()) <= set(names.values())
        assert not set(former) & set(names.values())


def test_dimensions_that_follow() -> None:
    imagenet = official.form("spikformer", "imagenet")
    assert imagenet.trailing_dimensions("blocks.3.attention.q.linear.weight") == 1
    assert imagenet.trailing_dimensions("blocks.3.attention.projection.linear.weight") == 1
    assert imagenet.trailing_dimensions("blocks.3.mlp.expand.linear.weight") == 2
    assert imagenet.trailing_dimensions("blocks.3.mlp.expand.linear.bias") == 0
    assert imagenet.trailing_dimensions("blocks.3.mlp.expand.norm.weight") == 0
    assert imagenet.trailing_dimensions("head.linear.weight") == 0
    assert official.form("spikformer", "cifar").trailing_dimensions("blocks.0.attention.q.linear.weight") == 0


def test_unknown_forms() -> None:
    with pytest.raises(UnknownNameError, match=r"system 'spikfrmer'. Did you mean 'spikformer'"):
        official.form("spikfrmer", "cifar")
    with pytest.raises(
        UnknownNameError, match=r"form 'gesture' of 'spikformer'.*There are: cifar, cifar10dvs, imagenet"
    ):
        official.form("spikformer", "gesture")
    assert official.names("spikformer", "gesture", 2) == {}
    assert official.names("toy", "", 2) == {}
    assert official.names(None, None, 2) == {}
