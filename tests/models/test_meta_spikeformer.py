"""Meta-SpikeFormer's words: operators, shortcuts, heads."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import spikeformers
from spikeformers.errors import UnknownNameError
from spikeformers.layers import BINARY, REAL, DescribesItself
from spikeformers.models import MetaSpikeFormer
from tests.models.test_pyramid import small

ABLATIONS = [{"attention": word} for word in ("sdsa1", "sdsa2", "sdsa4")] + [
    {"shortcut": word} for word in ("sew", "vanilla")
]


@pytest.mark.parametrize("words", ABLATIONS, ids=lambda words: "-".join(words.values()))
def test_an_ablation_trains_streams_and_comes_back_from_a_file(words: dict[str, Any], tmp_path: Any) -> None:
    model = small(MetaSpikeFormer, **words).train()
    x = torch.randn(4, 3, 32, 32)
    model(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model = model.double().eval()
    x = x.double()
    state = model.initial_state(4)
    for expected in model.forward_steps(x):
        logits, state = model.step(x, state)
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)
    spikeformers.save(model, tmp_path / "m.safetensors")
    assert torch.equal(spikeformers.load(tmp_path / "m.safetensors")(x), model(x))


@pytest.mark.parametrize("shortcut", ["membrane", "sew", "vanilla"])
def test_the_values_on_the_stream(shortcut: str) -> None:
    """What each stage emits: real membranes, integers that grow by one with every branch, or spikes."""
    model = small(MetaSpikeFormer, shortcut=shortcut, depths_by_stage=[1, 1, 1, 2, 1], v_threshold=0.5)
    with torch.no_grad():
        x = torch.randn(16, 3, 32, 32)
        stages = [stage for _, stage in model.train().forward_stages(x)]
    if shortcut == "membrane":
        assert all(not REAL.hold(stage) or stage.frac().any() for stage in stages)
        return
    highest = [1 + 2, 1 + 2, 1 + 2, 1 + 4, 1 + 2] if shortcut == "sew" else [1] * 5
    for stage, limit in zip(stages, highest, strict=True):
        assert torch.equal(stage, stage.round())
        assert stage.min() >= 0
        assert 0 < stage.max() <= limit


def test_the_released_form_is_fed_spikes_but_where_it_says() -> None:
    model = small(MetaSpikeFormer)
    real = {
        name
        for name, module in model.named_modules()
        if isinstance(module, DescribesItself) and REAL in module.op_spec().inputs
    }
    expected = {"stages.0.downsampling.conv"}
    expected |= {f"stages.{stage}.blocks.0.convolution.units.1.conv" for stage in range(3)}
    for stage in (3, 4):
        for part in ("q", "k", "v", "projection"):
            conv = f"stages.{stage}.blocks.0.attention.{part}.conv"
            expected |= {f"{conv}.depthwise", f"{conv}.contract"}
    assert real == expected
    assert model.head.linear.inputs == BINARY


@pytest.mark.parametrize("shortcut", ["sew", "vanilla"])
def test_behind_a_stream_of_spikes_the_classifier_is_fed_their_mean(shortcut: str) -> None:
    model = small(MetaSpikeFormer, shortcut=shortcut, distillation_head=True)
    assert model.head.neuron is None
    features = torch.randint(0, 2, (2, 3, 8, 2, 2)).float()
    rates = features.mean((-1, -2))
    outputs = model.head.outputs(features)
    torch.testing.assert_close(outputs["distillation"], model.head.distillation(rates).mean(0))
    assert not torch.allclose(outputs["logits"][0], outputs["logits"][1])


@pytest.mark.parametrize("head_input", ["spikes", "membrane"])
def test_the_distillation_head(head_input: str) -> None:
    model = small(MetaSpikeFormer, distillation_head=True, head_input=head_input)
    x = torch.randn(2, 3, 32, 32)
    features = model.forward_features(x).flatten(3).mean(-1)
    spikes = model.head.neuron(features)
    first = model.head.linear(spikes if head_input == "spikes" else features)
    second = model.head.distillation(spikes)
    heads = model.forward_heads(x)
    torch.testing.assert_close(heads["logits"], (first.mean(0) + second.mean(0)) / 2)
    torch.testing.assert_close(heads["steps"], (first + second) / 2)
    torch.testing.assert_close(heads["distillation"], second.mean(0))
    torch.testing.assert_close(model(x), heads["logits"])
    model.head.train()
    torch.testing.assert_close(model.head(model.forward_features(x)), first.mean(0))


def test_unknown_operators_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no attention 'sdsa5'\. Did you mean .*Known: .*sdsa4"):
        small(MetaSpikeFormer, attention="sdsa5")
