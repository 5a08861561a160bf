"""The contract every model keeps, as functions: `test_contract` runs it over the catalogue, others over words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spikeformers
from spikeformers.errors import NotStreamable
from spikeformers.layers import DescribesItself, Unused
from spikeformers.models import SpikingModel
from spikeformers.models.compatibility import examine
from tests.models.tiny import fitting, random_input, tiny_model

NAMES = spikeformers.list_models()
# Sizes of one form differ in numbers only, and tiny they are the same model: one of each form will do.
FORMS = sorted({(r.system, r.variant, r.builds): r.name for r in map(spikeformers.catalog.get, NAMES)}.values())

# Of GLIF, what acts on the potential only between one time step and the next.
CARRIED_ON = (".reset_gate", ".leak", ".log_soft_reset")

every_model = pytest.mark.parametrize("name", NAMES)
every_form = pytest.mark.parametrize("name", FORMS)


def family(name: str) -> str:
    """Of a model of the catalogue."""
    return spikeformers.catalog.get(name).family


def in_time(names: Sequence[str], kind: Callable[[str], object]) -> pytest.MarkDecorator:
    """Parametrize by names, of which the first of each kind is a fast test and the others are slow ones."""
    first = {kind(name): name for name in reversed(names)}.values()
    marked = [pytest.param(name, marks=[] if name in first else [pytest.mark.slow]) for name in names]
    return pytest.mark.parametrize("name", marked)


every_form_in_time = in_time(FORMS, family)


@cache
def streams(name: str) -> bool:
    """Whether that model can be run one time step at a time."""
    return examine(name, "norm", "batch_norm").verdict == "streams"


every_streaming_form = pytest.mark.parametrize("name", [name for name in FORMS if streams(name)])
every_other_form = pytest.mark.parametrize("name", [name for name in FORMS if not streams(name)])


def step_by_step(model: SpikingModel, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits of each time step [T, B, K] and the last state's tensors."""
    frames = x.unbind(1) if x.dim() == 5 else model.encode(x)
    state = model.initial_state(len(x))
    steps = []
    for frame in frames:
        before = dict(state.tensors)
        logits, after = model.step(frame, state)
        assert state.tensors == before
        steps.append(logits)
        state = after
    return torch.stack(steps), state.tensors


def live_parameters(model: SpikingModel) -> Iterator[tuple[str, nn.Parameter]]:
    """All but those that released models carry in vain, or that only act on a potential that has no gradient."""
    unused = {p for module in model.modules() if isinstance(module, Unused) for p in module.parameters()}
    for name, parameter in model.named_parameters():
        if parameter in unused or (model.config.detach_membrane and name.endswith(CARRIED_ON)):
            assert parameter.grad is None
        else:
            yield name, parameter


def awake(name: str) -> SpikingModel:
    """The tiny model in training mode, with spikes in every layer.

    At this width and with few tokens published scales and thresholds leave neurons silent, and what follows without a
    gradient.
    """
    hybrid = name.startswith("spikeformer_")  # its MLP's neuron sees a linear that starts at a fiftieth
    interacts = "interaction" in spikeformers.catalog.get(name).config  # with neurons of its own behind the queries
    words = fitting(name, attention_scale=1.0, attention_v_threshold=0.25)
    words |= {"interaction": "tim(threshold_in=0.01, threshold_out=0.1)"} if interacts else {}
    model = tiny_model(name, **words, v_threshold=0.1 if hybrid else 0.5 if interacts else 1.0).train()
    for _, parameter in live_parameters(model):
        if parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.1)  # a linear that starts at zero hides what is in front of it
    return model


def assert_every_live_parameter_learns(model: SpikingModel) -> None:
    for parameter_name, parameter in live_parameters(model):
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        # A bias in front of a norm moves nothing but the mean the norm takes away, one in front of a softmax nothing.
        dead = parameter_name.endswith("linear.bias") and not parameter_name.startswith("head")
        if not dead and parameter_name != "head.score.bias":
            assert parameter.grad.abs().sum() > 0, parameter_name


def observe_declared_values(model: SpikingModel, x: Tensor) -> dict[str, bool]:
    """Whether each operand of each operation held what it was declared to hold."""
    held: dict[str, bool] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def record(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(module, DescribesItself)
            spec = module.op_spec()
            assert len(spec.inputs) == len(inputs)
            held[name] = all(values.hold(x) for values, x in zip(spec.inputs, inputs, strict=True))

        return record

    modules = dict(model.named_modules())
    operations = [name for name, module in modules.items() if isinstance(module, DescribesItself)]
    handles = [modules[name].register_forward_pre_hook(watch(name)) for name in operations]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    assert set(held) == set(operations), "an operation was never run"
    return held


def seeded(call: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The call with the random numbers that every other call with this seed draws: an encoder may draw."""
    torch.manual_seed(0)
    return call(x)


def assert_streams(model: SpikingModel, x: Tensor) -> None:
    """Step by step it gives what it gives at once, in float64."""
    model, x = model.double(), x.double()
    torch.manual_seed(0)
    steps, _ = step_by_step(model, x)
    torch.testing.assert_close(steps, seeded(model.forward_steps, x), rtol=0, atol=1e-12)


def assert_keeps_the_contract(name: str, words: Mapping[str, Any], directory: Path, *, streams: bool) -> None:
    """What a model with these words must do whatever they are; it streams, or says that it cannot."""
    model = tiny_model(name, **words)
    x = random_input(model, 2)
    logits = seeded(model, x)
    assert logits.isfinite().all()
    assert all(observe_declared_values(model, x).values())
    assert torch.equal(seeded(model, x), logits), "something was left behind"
    torch.testing.assert_close(seeded(model.forward_steps, x).mean(0), logits, rtol=0, atol=1e-5)
    spikeformers.save(model, directory / "model.safetensors")
    assert torch.equal(seeded(spikeformers.load(directory / "model.safetensors"), x), logits)
    _assert_trains(copy.deepcopy(model))
    if streams:
        assert_streams(model, x)
    else:
        with pytest.raises(NotStreamable, match="time step"):
            assert_streams(model, x)


def _assert_trains(model: SpikingModel) -> None:
    """Every live parameter takes part and gets a finite gradient; that none is zero is asked where spikes flow."""
    outputs = model.train().forward_heads(random_input(model, 4))
    sum(output.square().sum() for output in outputs.values()).backward()
    for parameter_name, parameter in live_parameters(model):
        if parameter.requires_grad:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.isfinite().all(), parameter_name
