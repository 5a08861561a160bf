"""Gradient norms against torch's own, and an alarm that rings when it should and only then."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spikeformers import catalog
from spikeformers.models import SpikingModel, create_model
from spikeformers.train.gradients import GradientWatch, vanishing
from spikeformers.train.stages import stage_of
from tests.models.tiny import TINY, fitting


def fresh(name: str, **overrides: Any) -> SpikingModel:
    """The model as it is initialised, with blocks of 32 channels and 4 x 4 tokens."""
    torch.manual_seed(0)
    # A pyramid's membranes add up over its blocks: with one a stage they would not reach the threshold of its head.
    words = fitting(name, **{**TINY, "depths_by_stage": [1, 1, 2, 6, 2]})
    with torch.device("meta"):
        side = 4 * create_model(name, **words).stride
    return create_model(name, **{**words, "image_size": [side, side], **overrides}).train()


def backward(model: SpikingModel, samples: int = 8, scale: float = 1.0) -> None:
    """Give the parameters the gradient of one random batch."""
    c = model.config
    frames = (c.time_steps, 2) if c.in_channels == 2 else (c.in_channels,)
    x = torch.randn(samples, *frames, *c.image_size)
    model.zero_grad()
    labels = torch.randint(0, c.num_classes, (samples,))
    outputs = model.forward_heads(x)
    taught = (outputs[word] for word in ("logits", "distillation") if word in outputs)
    (scale * sum(F.cross_entropy(logits, labels) for logits in taught)).backward()


def watched(model: SpikingModel, updates: int = 1) -> GradientWatch:
    watch = GradientWatch(model)
    for _ in range(updates):
        backward(model)
        watch.observe()
    return watch


SPIKFORMER, SPIKINGFORMER = "spikformer_4_384.cifar10", "spikingformer_4_384.cifar10"

# ---- norms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("tokenizer.stages.0.conv.weight", "tokenizer"),
        ("blocks.11.attention.q.norm.bias", "blocks.11"),
        ("head.linear.weight", "head"),
        ("stages.2.blocks.0.weight", "stages.2"),
        ("scale", "scale"),
        ("0.weight", "0"),
    ],
)
def test_stages(name: str, stage: str) -> None:
    assert stage_of(name) == stage


def test_norms_are_those_of_torch() -> None:
    model = fresh(SPIKFORMER)
    watch, totals, stages = GradientWatch(model), [], []
    for _ in range(3):
        backward(model)
        totals.append(watch.observe())
        stages.append({part: float(nn.utils.get_total_norm(grads_of(model, part))) for part in ("tokenizer", "head")})
        assert totals[-1] == pytest.approx(float(nn.utils.get_total_norm(grads_of(model, ""))), rel=1e-5)
    assert len(set(totals)) == 3
    means = watch.epoch_means()
    assert list(means) == ["tokenizer", "blocks.0", "blocks.1", "head"]
    for part in ("tokenizer", "head"):
        assert means[part] == pytest.approx(sum(stage[part] for stage in stages) / 3, rel=1e-5)


def grads_of(model: nn.Module, prefix: str) -> list[torch.Tensor]:
    return [p.grad for name, p in model.named_parameters() if name.startswith(prefix) and p.grad is not None]


def test_observing_changes_no_gradient() -> None:
    model = fresh(SPIKINGFORMER)
    backward(model)
    before = copy.deepcopy(grads_of(model, ""))
    GradientWatch(model).observe()
    assert all(torch.equal(now, then) for now, then in zip(grads_of(model, ""), before, strict=True))


def test_a_parameter_without_gradient_counts_as_zero_and_a_frozen_one_not_at_all() -> None:
    model = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in ("frozen", "idle", "head")})
    model["frozen"].requires_grad_(False)
    watch = GradientWatch(model)
    assert watch.observe() == 0.0
    model["head"].weight.grad = torch.full((2, 2), 3.0)
    assert watch.observe() == 6.0
    assert watch.epoch_means() == {"idle": 0.0, "head": 3.0}
    assert watch.vanishing() == ("idle",)


def test_an_update_that_a_loss_scaler_skips_is_left_out() -> None:
    model = fresh(SPIKFORMER)
    watch = watched(model)
    before = watch.state()
    next(model.parameters()).grad[0] = math.inf  # type: ignore[index]
    assert watch.observe() == math.inf
    next(model.parameters()).grad[0] = math.nan  # type: ignore[index]
    assert math.isnan(watch.observe())
    assert watch.state() == before
    watch.reset()
    watch.observe()
    assert (watch.epoch_means(), watch.vanishing()) == ({}, ())


def test_an_overflow_is_reported_and_not_raised() -> None:
    layer = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    layer.weight.grad = torch.full((1, 1), 1e200, dtype=torch.float64)
    assert GradientWatch(layer).observe() == math.inf


def test_an_interrupted_epoch_goes_on_exactly() -> None:
    model = fresh(SPIKFORMER)
    whole, first, second = GradientWatch(model), GradientWatch(model), GradientWatch(model)
    for step in range(4):
        backward(model)
        whole.observe()
        if step == 2:
            second.restore(json.loads(json.dumps(first.state())))
        (first if step < 2 else second).observe()
    assert second.state() == whole.state()
    assert second.epoch_means() == whole.epoch_means()
    assert second.vanishing() == whole.vanishing()
    assert first.epoch_means() != whole.epoch_means()


# ---- the alarm -----------------------------------------------------------------------------------------------------


def kinds() -> list[str]:
    """A name of each family, data set and form; the sizes that differ between them are made equal here."""
    by_kind = {(name.rsplit("_", 2)[0], name.rpartition(".")[2]): name for name in catalog.names()}
    return sorted(by_kind.values())


@pytest.mark.parametrize("name", kinds())
def test_silent_for_every_model_of_the_catalogue(name: str) -> None:
    assert watched(fresh(name)).vanishing() == ()


@pytest.mark.parametrize("name", [SPIKFORMER, SPIKINGFORMER])
@pytest.mark.parametrize(
    "words",
    [{"neuron": word} for word in ("if", "plif", "pliaf", "ternary", "integer")]
    + [{"surrogate": "atan"}, {"depth": 8}, {"time_steps": 1}],
    ids=str,
)
def test_silent_for_other_words(name: str, words: dict[str, Any]) -> None:
    assert watched(fresh(name, **words), updates=2).vanishing() == ()


EVERYWHERE = ("tokenizer", "blocks.0", "blocks.1")


@pytest.mark.parametrize("name", [SPIKFORMER, SPIKINGFORMER])
def test_rings_where_nothing_fires(name: str) -> None:
    """Also for Spikingformer, where the biases of norms on the membrane shortcut still get a large gradient."""
    watch = watched(fresh(name, v_threshold=5.0))
    assert set(EVERYWHERE) <= set(watch.vanishing())
    if name == SPIKINGFORMER:
        assert watch.epoch_means()["tokenizer"] > 1e-2 * watch.epoch_means()["head"]


@pytest.mark.parametrize("name", [SPIKFORMER, SPIKINGFORMER])
@pytest.mark.parametrize("alpha", [1e-2, 1e2, 1e6])
def test_rings_for_a_surrogate_far_too_flat_or_steep(name: str, alpha: float) -> None:
    assert {"blocks.0", "blocks.1"} <= set(watched(fresh(name, surrogate_alpha=alpha)).vanishing())


def test_is_silent_about_frozen_stages() -> None:
    model = fresh(SPIKFORMER, v_threshold=5.0)
    model.tokenizer.requires_grad_(False)
    model.blocks[0].requires_grad_(False)  # type: ignore[index, union-attr, operator]
    assert watched(model).vanishing()[0] == "blocks.1"


def test_the_median_parameter_decides() -> None:
    sizes = {"a.weight": 90, "a.bias": 110, "b.weight": 110, "b.bias": 90, "head.weight": 4}
    norms = dict.fromkeys(sizes, 1.0) | {"a.weight": 0.0, "b.weight": 0.0}
    assert vanishing(norms, sizes) == ("b",)


def test_the_limit_is_relative_to_the_head() -> None:
    sizes = {"a.weight": 100, "head.weight": 4}
    for head in (1e-12, 1.0, 1e12):
        limit = 1e-4 * head / 2 * 10  # the same gradient in each element: norm / root of their number
        assert vanishing({"a.weight": 1.01 * limit, "head.weight": head}, sizes) == ()
        assert vanishing({"a.weight": 0.99 * limit, "head.weight": head}, sizes) == ("a",)


def test_without_a_head_the_largest_stage_is_the_measure() -> None:
    sizes = {"a.weight": 1, "b.weight": 1}
    assert vanishing({"a.weight": 1.0, "b.weight": 1e-5}, sizes) == ("b",)
    assert vanishing({"a.weight": 0.0, "b.weight": 0.0}, sizes) == ("a", "b")
    assert vanishing({}, {}) == ()


NORMS = st.one_of(st.just(0.0), st.floats(1e-30, 1e3))


@given(st.floats(1e-20, 1e20), st.lists(NORMS, min_size=3, max_size=3))
def test_the_loss_scale_does_not_matter(scale: float, norms: list[float]) -> None:
    named = dict(zip(("a.w", "b.w", "head.w"), norms, strict=True))
    sizes = dict.fromkeys(named, 7)
    scaled = {name: scale * norm for name, norm in named.items()}
    near = any(math.isclose(norm, 1e-4 * named["head.w"], rel_tol=1e-6) for norm in norms)
    assert near or vanishing(named, sizes) == vanishing(scaled, sizes)
