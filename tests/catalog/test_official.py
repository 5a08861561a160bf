"""The authors' names against state dicts and neuron lists of their code (the golden files)."""

from __future__ import annotations

import pytest

from spikeformers.catalog import official
from spikeformers.catalog.official.blocks import count
from spikeformers.errors import UnknownNameError
from tests.golden_rules import golden, golden_names

OPTIONAL = (
    "head.distillation",
    *(f"tokenizer.blocks.{i}.shortcut" for i in range(9)),
    *(f"stages.0.embedding.units.{i}" for i in (2, 3)),
)
FILES = [name for name in golden_names("") if golden(name)["system"] in official.systems()]


@pytest.mark.parametrize("name", FILES)
def test_modules_and_neurons_in_their_order(name: str) -> None:
    file = golden(name)
    form = official.form(file["system"], file["variant"])
    counts = form.count_theirs(entry[0] for entry in file["state_dict"])
    names = form.names(counts)
    assert official.names(file["system"], file["variant"], names) == names
    # What else a neuron of theirs keeps is a module inside ours, with the same name there.
    assert len(set(names.values())) == len([own for own in names if not own.endswith(".constants")])
    theirs = dict.fromkeys(entry[0].rpartition(".")[0] or entry[0] for entry in file["state_dict"])
    unused = form.unused_names(counts)
    in_order = list(dict.fromkeys(names.values()))
    assert [module for module in theirs if module not in unused] == [m for m in in_order if m in theirs]
    neurons = [row[0] for row in file["eval"]["spikes"]]
    has_neuron = {module for own, module in names.items() if own.endswith("neuron")}
    assert set(neurons) <= has_neuron
    # Nothing but tensors and neurons has a name, and what not every model of the form has.
    optional = {module for own, module in names.items() if own.startswith(OPTIONAL)}
    assert set(names.values()) - optional - has_neuron == set(theirs) - unused - optional - has_neuron


@pytest.mark.parametrize("name", FILES)
def test_the_number_of_blocks(name: str) -> None:
    file = golden(name)
    names = [entry[0] for entry in file["state_dict"]]
    form = official.form(file["system"], file["variant"])
    config = file["config"]
    if "depth" in config:
        expected = {"blocks": config["depth"]}
    if "blocks" in config:  # of SGLFormer's ImageNet forms, which have one local part
        expected = {"blocks.0.pairs": config["blocks"]["global"]}
    if "depths_by_stage" in config:
        expected = {f"stages.{i}.blocks": config["depths_by_stage"][i] for i in (3, 4)}
    if "stage_depths" in config:
        expected = {f"stages.{i}.blocks": depth for i, depth in enumerate(config["stage_depths"])}
    if "tokenizer" in config:
        expected["tokenizer.blocks"] = config["tokenizer"]["blocks"]
    assert form.count_theirs(names) == expected


def test_counting_blocks() -> None:
    groups = {"blocks": {"block."}, "stem.blocks": {"stem.stage", "tokens.stage"}}
    names = ["stem.weight", "block.0.attn.q.weight", "block.7.attn.q.weight", "block.7.norm", "block.x.y", "blocks.3.z"]
    assert count(names, groups) == {"blocks": 2, "stem.blocks": 0}
    names = ["stem.stage2_conv.weight", "stem.stage10_conv.weight", "tokens.stage10_bn.bias", "x.block.1.y", "block.1"]
    assert count(names, groups) == {"blocks": 0, "stem.blocks": 2}
    assert count(["block.0.x"], {}) == {}


def test_groups_are_counted_and_written_out_by_themselves() -> None:
    form = official.Form(
        system="s",
        variant="v",
        modules={
            "stem.{i}.conv": "stem.conv_layers.{i}.0",
            "middle": "mid",
            "stages.3.{i}.q": "block3.{i}.attn.q",
            "stages.3.{i}.k": "block3.{i}.attn.k",
            "stages.4.{i}.q": "block4.{i}.attn.q",
            "head": "head",
        },
        aliases={"old4.{i}.q": "block4.{i}.attn.q"},
        unused=("block3.{i}.norm", "norm"),
        trailing={},
        sizes={},
        depths={},
        present={},
        by_block={},
        squares={},
        wording={},
        head="linear",
    )
    theirs = ["stem.conv_layers.0.0.weight", "block3.0.attn.q.weight", "block3.1.attn.k.weight", "old4.0.q.weight"]
    counts = form.count_theirs(theirs)
    assert counts == {"stem": 1, "stages.3": 2, "stages.4": 1}
    names = form.names(counts)
    assert list(names) == [
        *("stem.0.conv", "middle", "stages.3.0.q", "stages.3.0.k", "stages.3.1.q", "stages.3.1.k", "stages.4.0.q"),
        "head",
    ]
    assert names["stages.3.1.k"] == "block3.1.attn.k"
    assert form.count_ours(f"{name}.weight" for name in names) == counts
    assert form.former_names(counts) == {"old4.0.q": "block4.0.attn.q"}
    assert form.unused_names(counts) == {"block3.0.norm", "block3.1.norm", "norm"}
    assert len(form.names({}, at_least=1)) == 6


@pytest.mark.parametrize("system", official.systems())
def test_former_names_lead_to_present_ones(system: str) -> None:
    for form in official.forms(system):
        counts = dict.fromkeys(form.count_ours([]), 2)
        names, former = form.names(counts), form.former_names(counts)
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
    assert official.names("spikformer", "gesture", ["blocks.0.x"]) == {}
    assert official.names("toy", "", ["blocks.0.x"]) == {}
    assert official.names(None, None, ["blocks.0.x"]) == {}
