"""Delayed skips, dynamic time steps, gates and chosen tokens: by one word in every family, or a reason why not."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

import spikeformers
from spikeformers import convert
from spikeformers.errors import CheckpointError, ConfigError, InputError
from spikeformers.layers import DelayedSkip, DynamicSteps
from spikeformers.measure import audit, count, firing, statistics
from spikeformers.models import SpikingModel, fuse
from tests.models.contract import assert_keeps_the_contract
from tests.models.tiny import random_input, smallest, tiny_model

SPIKFORMER, SDT, SPIKINGFORMER = "spikformer_4_384.cifar10", "sdt_2_512.cifar10", "spikingformer_4_384.cifar10"
QKFORMER, SGLFORMER, TIM = "qkformer_4_384.cifar10", "sglformer_4_384.cifar10", "tim_2_256.cifar10dvs"
META, E_SPIKEFORMER, SPIKEFORMER = (
    "meta_spikeformer_15m.imagenet",
    "e_spikeformer_10m.imagenet",
    "spikeformer_7_256.cifar10dvs",
)
AT_ONCE = {SPIKEFORMER, SGLFORMER}  # attention over time; a head over all time steps
FAMILIES = (SPIKFORMER, SDT, SPIKINGFORMER, QKFORMER, SGLFORMER, TIM, META, E_SPIKEFORMER, SPIKEFORMER)
PYRAMID = {"depths_by_stage": [1, 1, 1, 1, 2], "skips": [[4, 5, 1]]}
SKIPS: dict[str, dict[str, Any]] = {
    META: PYRAMID,
    E_SPIKEFORMER: {**PYRAMID, "time_steps": 3},
    QKFORMER: {"stage_depths": [1, 2], "skips": [[1, 2, 2]]},
}


@pytest.mark.parametrize("name", FAMILIES)
def test_delayed_skips_in_every_family(name: str, tmp_path: Path) -> None:
    words = SKIPS.get(name, {"skips": [[0, 1, 1]]})
    assert_keeps_the_contract(name, words, tmp_path, streams=name not in AT_ONCE)
    model = tiny_model(name, **words)
    assert sum(isinstance(module, DelayedSkip) for module in model.modules()) == 1
    same = {word: value for word, value in words.items() if word != "skips"}
    assert sum(isinstance(module, DelayedSkip) for module in tiny_model(name, **same).modules()) == 0


@pytest.mark.parametrize("rule", ["integrate", "skip"])
@pytest.mark.parametrize("name", FAMILIES)
def test_dynamic_time_steps_in_every_family(name: str, rule: str, tmp_path: Path) -> None:
    assert_keeps_the_contract(name, {"dynamic_steps": rule}, tmp_path, streams=name not in AT_ONCE)
    model, without = tiny_model(name, dynamic_steps=rule), tiny_model(name)
    assert [neuron for neuron, _ in model.named_neurons()] == [neuron for neuron, _ in without.named_neurons()]
    without.load_state_dict({key: tensor for key, tensor in model.state_dict().items() if ".scores" not in key})
    x = random_input(model, 2)
    assert torch.equal(model(x), without(x))


@pytest.mark.parametrize("neuron", ["lif", "clif", "sliding_psn"])
@pytest.mark.parametrize(
    "words",
    [{"dynamic_steps": "skip"}, {"keep_tokens": 0.5}, {"dynamic_steps": "integrate", "keep_tokens": 0.5}],
    ids=str,
)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_model_of_changed_neurons_is_copied_and_pickled(words: dict[str, Any], neuron: str, again: Any) -> None:
    """Their classes are made at run time, where pickle finds none."""
    model = tiny_model(SPIKFORMER, neuron=neuron, **words).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, DynamicSteps):
                module.scores[1] = -1
    same, x = again(model), random_input(model, 2)
    assert [type(module) for module in same.modules()] == [type(module) for module in model.modules()]
    assert torch.equal(same(x), model(x))


@pytest.mark.parametrize("name", FAMILIES)
def test_gates_in_every_family(name: str, tmp_path: Path) -> None:
    assert_keeps_the_contract(name, {"norm": "gated(time=false)"}, tmp_path, streams=name not in AT_ONCE)
    if name not in AT_ONCE:
        assert_keeps_the_contract(name, {"norm": "gated"}, tmp_path, streams=False)


@pytest.mark.parametrize("name", [SPIKFORMER, SDT, SPIKINGFORMER, QKFORMER])
def test_chosen_tokens_in_every_family_of_blocks_without_maps(name: str, tmp_path: Path) -> None:
    assert_keeps_the_contract(name, {"keep_tokens": 0.5}, tmp_path, streams=True)


def test_chosen_tokens_beside_attention_within_a_time_step(tmp_path: Path) -> None:
    words = {"keep_tokens": 0.5, "attention": "spatial"}
    assert_keeps_the_contract(SPIKEFORMER, words, tmp_path, streams=False)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (META, "convolve whole maps"),
        (E_SPIKEFORMER, "convolve whole maps"),
        (SGLFORMER, "convolve whole maps"),
        (TIM, "convolution .* slides over one"),
        (SPIKEFORMER, "attention looks at all time steps at once"),
    ],
)
def test_where_tokens_cannot_be_left_out_the_reason_is_said(name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        tiny_model(name, keep_tokens=0.5)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"skips": [[0, 1, 0]]}, "at least 1 time step"),
        ({"skips": [[1, 0, 1]]}, "run one time step at a time"),
        ({"skips": [[1, 1, 1]]}, "run one time step at a time"),
        ({"skips": [[0, 2, 1]]}, "between the blocks 0 to 1"),
        ({"skips": [[0, 1]]}, "3 values"),
        ({"skips": [[0, 1, 1]], "shortcut": "vanilla"}, "vanilla"),
        ({"skips": [[0, 1, 1]], "ann": "relu"}, "ANN twin"),
        ({"skips": [[0, 1, 1]], "keep_tokens": 0.5}, "do not go together"),
        ({"keep_tokens": 0.0}, "above 0 and up to 1"),
        ({"dynamic_steps": "integrate", "ann": "relu"}, "ANN twin"),
        ({"dynamic_steps": "sometimes"}, "one of 'none', 'integrate', 'skip'"),
    ],
)
def test_what_cannot_be_is_refused(words: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        tiny_model(SPIKFORMER, **words)


@pytest.mark.parametrize("word", [{"dynamic_steps": "skip"}, {"keep_tokens": 0.5}])
def test_time_that_runs_through_samples_is_refused(word: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="per_sample"):
        tiny_model(QKFORMER, ssa_time_axis="batch_mixed", **word)


def test_skips_stay_within_a_stage() -> None:
    with pytest.raises(ConfigError, match="0 to 0, 1 to 1, 2 to 2, 3 to 3, 4 to 5"):
        tiny_model(META, depths_by_stage=[1, 1, 1, 1, 2], skips=[[3, 4, 1]])


def silence(model: SpikingModel, live: int) -> None:
    """Mask all but the first steps of every neuron."""
    with torch.no_grad():
        for _, neuron in model.named_neurons():
            assert isinstance(neuron, DynamicSteps)
            neuron.scores.copy_(torch.where(torch.arange(len(neuron.scores)) < live, 1.0, -1.0))


@pytest.mark.parametrize("rule", ["integrate", "skip"])
def test_behind_masked_neurons_nothing_of_the_input_is_left(rule: str) -> None:
    model = tiny_model(SDT, dynamic_steps=rule)
    silence(model, 0)
    assert torch.equal(model(random_input(model, 2)), model(random_input(model, 2)))
    silence(model, 3)
    assert not torch.equal(model(random_input(model, 2)), model(random_input(model, 2)))


def test_operations_behind_masked_steps_have_nothing_to_do() -> None:
    """The first steps go on as they did, so that what is counted is theirs, to the digit."""
    model = tiny_model(SPIKFORMER, dynamic_steps="integrate", time_steps=4)
    x = random_input(model, 4)
    before = {row.name: row for row in count(model, x).rows if row.kind in ("linear", "convolution")}
    silence(model, 2)
    after = {row.name: row for row in count(model, x).rows if row.kind in ("linear", "convolution")}
    behind_neurons = [name for name, row in before.items() if not row.first and name != "head.linear"]
    assert len(behind_neurons) > 10
    for name in behind_neurons:
        assert after[name].nonzero_by_step[:2] == before[name].nonzero_by_step[:2]
        assert after[name].nonzero_by_step[2:] == (0, 0)
    assert sum(sum(before[name].nonzero_by_step[2:]) for name in behind_neurons) > 0


def test_live_steps_are_told_layer_by_layer() -> None:
    model = smallest(dynamic_steps="integrate")
    silence(model, 2)
    x = random_input(model, 2)
    found = statistics(model, x)
    assert {layer.live_steps for layer in found.layers} == {(0, 1)}
    assert len(firing(model, x)) == len(list(model.named_neurons()))
    assert {layer.live_steps for layer in statistics(smallest(), x).layers} == {None}


def test_other_time_steps_than_the_scores_are_for_are_refused() -> None:
    model = tiny_model(SPIKFORMER, dynamic_steps="integrate")
    with pytest.raises(InputError, match="time_steps = 3 steps and got 5"):
        model(torch.randn(1, 5, 3, 8, 8))


def test_fewer_tokens_are_fewer_operations() -> None:
    sparse, dense = (tiny_model(SPIKFORMER, keep_tokens=keep) for keep in (0.5, 1.0))
    x = random_input(dense, 2)
    rows = {row.name: row.dense for row in count(dense, x).rows if row.name.startswith("blocks.0.")}
    for row in count(sparse, x).rows:
        if row.name in rows and row.kind == "linear":
            assert row.dense * 2 == rows[row.name]
        if row.name in rows and row.kind == "product":
            assert row.dense * 4 == rows[row.name] or row.dense * 2 == rows[row.name]  # over tokens once or twice


def test_what_is_proven_of_all_tokens_is_proven_of_some() -> None:
    sparse, dense = (tiny_model(SPIKFORMER, keep_tokens=keep) for keep in (0.5, 1.0))
    verdicts = [
        {row.name: row.verdict for row in audit(model, random_input(model, 2)).rows} for model in (sparse, dense)
    ]
    assert verdicts[0] == verdicts[1]


def test_fused_models_keep_their_plug_ins() -> None:
    model = tiny_model(SPIKINGFORMER, skips=[[0, 1, 1]], dynamic_steps="skip").double()
    silence(model, 2)
    fused, fusion = fuse(model)
    x = random_input(model, 2)
    assert not fusion.left
    torch.testing.assert_close(fused(x), model(x), rtol=0, atol=1e-9)  # weights are folded: other rounding


@pytest.mark.parametrize(
    "words", [{"skips": [[0, 1, 1]]}, {"keep_tokens": 0.5}, {"dynamic_steps": "integrate"}, {"norm": "gated"}]
)
def test_a_model_with_a_plug_in_is_not_the_released_form(words: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=next(iter(words))):
        convert.to_official(tiny_model(SPIKFORMER, **words))


def test_recomputed_blocks_of_chosen_tokens_give_the_same_gradients() -> None:
    model = tiny_model(SPIKFORMER, keep_tokens=0.5, drop_path=0.5).train()
    x, found = random_input(model, 4), []
    for recompute in (False, True):
        model.recompute_blocks = recompute
        model.zero_grad()
        torch.manual_seed(0)
        model(x).square().sum().backward()
        found.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))  # type: ignore[arg-type]


def test_an_old_file_without_the_words_loads(tmp_path: Path) -> None:
    config = tiny_model(SPIKFORMER).config
    words = {word: value for word, value in config.to_dict().items() if word not in ("skips", "keep_tokens")}
    words.pop("dynamic_steps")
    assert type(config).from_words(words) == config
    spikeformers.save(tiny_model(SPIKFORMER, skips=[[0, 1, 2]]), tmp_path / "skips.safetensors")
    assert spikeformers.load(tmp_path / "skips.safetensors").config.skips == ((0, 1, 2),)  # type: ignore[attr-defined]
