"""Unrolled models: the logits and integers of the model, from operations that see zeros and ones."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeformers
from spikeformers.convert import to_official
from spikeformers.errors import CheckpointError, ConfigError
from spikeformers.layers import BINARY, REAL, DescribesItself, Values
from spikeformers.layers.sub_steps import SubSteps
from spikeformers.measure import firing
from spikeformers.models import SpikingModel, fuse, unroll
from tests.models.contract import observe_declared_values
from tests.models.tiny import random_input, smallest, tiny_model

E = "e_spikeformer_19m.imagenet"

# name of a catalogue model, words that make its neurons emit integers
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "e_spikeformer": (E, {"image_size": [64, 64]}),
    "e_spikeformer, D = 3, norm 3": (E, {"max_spike": 3, "spike_norm": 3.0}),
    "e_spikeformer, I-LIF": (E, {"neuron": "integer", "time_steps": 3}),
    # A stream of integers that grow with depth.
    "spikformer": ("spikformer_4_384.cifar10", {"neuron": "integer"}),
    "spikingformer": ("spikingformer_cml_2_256.cifar10dvs", {"neuron": "sfa"}),
    # Masks of integers.
    "sdt": ("sdt_2_256.cifar10dvs", {"neuron": "sfa"}),
    "meta_spikeformer": ("meta_spikeformer_55m_t4_kd.imagenet", {"neuron": "sfa"}),
}

every_case = pytest.mark.parametrize("case", CASES)


def built(case: str) -> SpikingModel:
    name, words = CASES[case]
    return tiny_model(name, **words).double()


def neuron_outputs(model: SpikingModel, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    outputs: dict[str, Tensor] = {}
    handles = [
        neuron.register_forward_hook(lambda module, inputs, out, name=name: outputs.update({name: out}))
        for name, neuron in model.named_neurons()
    ]
    logits = model(x)
    for handle in handles:
        handle.remove()
    return logits, outputs


def operations(model: nn.Module) -> dict[str, DescribesItself]:
    return {name: module for name, module in model.named_modules() if isinstance(module, DescribesItself)}


@every_case
@torch.no_grad()
def test_logits_and_integers_are_the_models(case: str) -> None:
    model = built(case)
    x = random_input(model, 3, (2, 3))
    unrolled = unroll(model)
    assert not unrolled.training
    expected, integers = neuron_outputs(model, x)
    logits, found = neuron_outputs(unrolled, x)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)
    assert found.keys() == integers.keys()
    for name, output in integers.items():
        assert torch.equal(found[name], output), name
    assert max(float(output.max()) for output in integers.values()) > 0
    assert expected.std() > 0
    assert firing(unrolled, x) == firing(model, x)
    torch.testing.assert_close(unrolled.forward_steps(x), model.forward_steps(x), rtol=0, atol=1e-12)


@every_case
@torch.no_grad()
def test_every_operand_is_the_spikes_it_declares(case: str) -> None:
    model = built(case)
    unrolled, x = unroll(model), random_input(model, 2)
    calls: dict[str, int] = {}

    def look(name: str) -> Any:
        def called(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(module, DescribesItself)
            calls[name] = calls.get(name, 0) + 1
            for operand, values in zip(inputs, module.op_spec().inputs, strict=True):
                assert values.hold(operand)

        return called

    for name, operation in operations(unrolled).items():
        assert isinstance(operation, nn.Module)
        operation.register_forward_pre_hook(look(name))
    unrolled(x)
    some = 0
    for name, operation in operations(unrolled).items():
        spec = operation.op_spec()
        steps = spec.sub_steps or (1,)
        assert calls[name] == torch.tensor(steps).prod()
        if spec.sub_steps:
            some += 1
            assert isinstance(unrolled.get_submodule(name.rpartition(".")[0]), SubSteps)
            assert len(spec.sub_steps) == len(spec.inputs)
            whole = [values for values, count in zip(spec.inputs, spec.sub_steps, strict=True) if count == 1]
            assert all(values.highest is None for values in whole)
            assert spec.inputs.count(BINARY) == len(spec.inputs) - len(whole)
    assert some
    assert all(observe_declared_values(unrolled, x).values())


def test_what_is_not_spikes_in_an_e_spikeformer() -> None:
    unrolled = unroll(built("e_spikeformer"))
    left: dict[str, list[Values]] = {}
    for name, operation in operations(unrolled).items():
        if other := [values for values in operation.op_spec().inputs if values != BINARY]:
            left[name] = other
    # The image, and the product of queries and keys, or of keys and values, in every attention.
    attentions = [name for name in left if name.endswith("attention.outer.operation")]
    assert set(left) == {"stages.0.downsampling.conv", *attentions}
    assert left["stages.0.downsampling.conv"] == [REAL]
    assert len(attentions) == 2  # one block in each of the last two stages
    for name in attentions:
        assert [values.kind for values in left[name]] == ["integer"]
    inner = [operation.op_spec() for name, operation in operations(unrolled).items() if ".attention.inner" in name]
    assert [spec.sub_steps for spec in inner] == [(4, 4), (4, 4)]


def test_integers_of_the_published_depth_take_four_sub_steps() -> None:
    unrolled = unroll(built("e_spikeformer"))
    counts = {operation.op_spec().sub_steps for operation in operations(unrolled).values()}
    assert counts == {(), (4,), (4, 4), (4, 1)}


@every_case
@torch.no_grad()
def test_an_unrolled_model_streams(case: str) -> None:
    model = built(case)
    unrolled, x = unroll(model), random_input(model, 2)
    state, steps = unrolled.initial_state(2), []
    for frame in unrolled.encode(x):
        logits, state = unrolled.step(frame, state)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps), model.forward_steps(x), rtol=0, atol=1e-12)


@torch.no_grad()
def test_more_sub_steps_than_needed_change_nothing() -> None:
    model = built("e_spikeformer")
    x = random_input(model, 2)
    unrolled = unroll(model, 6)
    torch.testing.assert_close(unrolled(x), model(x), rtol=0, atol=1e-12)
    counts = {operation.op_spec().sub_steps for operation in operations(unrolled).values()}
    assert counts == {(), (6,), (6, 6), (6, 1)}


def test_fewer_sub_steps_than_needed_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"is fed integers up to 4, which are as many sub-steps; got sub_steps = 3\."):
        unroll(built("e_spikeformer"), 3)
    # Here the stream is the sum of all branches before it.
    with pytest.raises(ConfigError, match=r"blocks\.0\.attention\.q\.linear is fed integers up to 8"):
        unroll(built("spikformer"), 4)


@pytest.mark.parametrize("words", [{}, {"neuron": "ternary"}, {"ann": "relu"}])
def test_a_model_without_integers_says_so(words: dict[str, Any]) -> None:
    model = tiny_model("spikingformer_4_384.cifar10", **words)
    with pytest.raises(ConfigError, match=r"no operation of this Spikingformer is fed integers, .* \"sfa\""):
        unroll(model)
    with pytest.raises(ConfigError, match="nothing to unroll"):
        unroll(unroll(smallest(neuron="integer")))


def test_the_model_is_left_as_it_is() -> None:
    model = built("e_spikeformer").train()
    before = copy.deepcopy(model.state_dict())
    described = {name: operation.op_spec() for name, operation in operations(model).items()}
    unroll(model)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert {name: operation.op_spec() for name, operation in operations(model).items()} == described


@every_case
@torch.no_grad()
def test_a_fused_model_unrolls(case: str) -> None:
    model = built(case)
    x = random_input(model, 2)
    fused, _ = fuse(model, rep_conv=True)
    unrolled = unroll(fused)
    torch.testing.assert_close(unrolled(x), model(x), rtol=0, atol=1e-12)
    assert unrolled.fused == "rep_conv"


def test_an_unrolled_model_is_not_kept(tmp_path: Path) -> None:
    unrolled = unroll(tiny_model(E))
    with pytest.raises(CheckpointError, match="is not what its config describes"):
        spikeformers.save(unrolled, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError):
        to_official(unrolled)
