"""The Temporal Interaction Module: its equation, its laws, and its place in every attention with queries."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError, UnknownNameError
from spikeformers.layers import (
    ATTENTIONS,
    INTERACTIONS,
    LIF,
    AttentionPlan,
    Memory,
    StepByStep,
    TemporalInteraction,
    Vocabulary,
    integers,
    linear_projection,
    register_interaction,
)
from spikeformers.measure import audit, count, firing
from spikeformers.models import SpikingModel, create_model, unroll
from tests.layers.attention.built import build
from tests.models.tiny import random_input, tiny_model

T, B, HEADS, D = 5, 2, 3, 4  # four channels in a head
GRID = (2, 3)
N = 6


def a_plan(**words: Any) -> AttentionPlan:
    given_words = {"grid": GRID, "vocabulary": Vocabulary(), "inputs": integers(1), "shortcut": "sew", **words}
    linear = linear_projection(bias=False, init="kaiming_uniform")
    return AttentionPlan(dim=HEADS * D, heads=HEADS, qkv=linear, out=linear, **given_words)


def interaction(seed: int = 0, plan: AttentionPlan | None = None, **options: Any) -> TemporalInteraction:
    torch.manual_seed(seed)
    built = TemporalInteraction(plan or a_plan(), **options).double()
    nn.init.normal_(built.conv.weight, std=0.5)  # so that its neurons fire
    return built


def spikes(steps: int = T, seed: int = 1, grid: tuple[int, ...] = GRID) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, B, HEADS * D, *grid, generator=generator) < 0.5).double()


def fire(current: Tensor, v: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """One step of the neuron with tau 2 and hard reset to 0, as the papers print it."""
    h = v + (current - v) / 2
    s = (h >= threshold).double()
    return s, h * (1 - s)


def by_hand(q: Tensor, weight: Tensor, bias: Tensor, alpha: float, thresholds: tuple[float, float]) -> Tensor:
    """The equation in the layout of the authors, [T, B, h, N, d], with the convolution as a sum over taps."""
    q = q.flatten(3).unflatten(2, (HEADS, D)).transpose(-1, -2)
    ys, v_in, v_out = [q[0]], torch.zeros_like(q[0]), torch.zeros_like(q[0])
    for q_t in q[1:]:
        padded = F.pad(ys[-1], (2, 2))
        conv = sum(torch.einsum("oi,bhid->bhod", weight[..., k], padded[..., k : k + D]) for k in range(5))
        past, v_in = fire(conv + bias[:, None], v_in, thresholds[0])
        y, v_out = fire(alpha * past + (1 - alpha) * q_t, v_out, thresholds[1])
        ys.append(y)
    return torch.stack(ys).transpose(-1, -2).flatten(2, 3)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    alpha=st.sampled_from([0.25, 0.5, 0.9, 1.0]),
    thresholds=st.sampled_from([(0.3, 0.5), (1.0, 1.0), (0.3, 0.2)]),
    steps=st.integers(1, 5),
)
def test_the_equation(seed: int, alpha: float, thresholds: tuple[float, float], steps: int) -> None:
    module = interaction(seed, alpha=alpha, threshold_in=thresholds[0], threshold_out=thresholds[1])
    q = spikes(steps, seed)
    assert module.conv.bias is not None
    expected = by_hand(q, module.conv.weight, module.conv.bias, alpha, thresholds)
    assert torch.equal(module(q), expected.unflatten(3, GRID))


def test_without_past_only_the_second_neuron_is_left() -> None:
    module = interaction(alpha=0.0)
    q = spikes()
    alone = LIF(v_threshold=0.5)
    assert torch.equal(module(q)[0], q[0])
    assert torch.equal(module(q)[1:], alone(q[1:]))
    assert alone(q[1:]).any()


@pytest.mark.parametrize("changed", range(T))
def test_no_step_sees_a_later_one(changed: int) -> None:
    module = interaction(threshold_out=0.2)
    q = spikes()
    other = q.clone()
    other[changed] = 1 - other[changed]
    before, after = module(q), module(other)
    assert torch.equal(before[:changed], after[:changed])
    assert not torch.equal(before[changed], after[changed])


def test_a_step_sees_all_earlier_ones() -> None:
    """A gradient from the last output to every query, though nothing but y and two potentials go on."""
    module, q = interaction(threshold_in=0.1, threshold_out=0.2), spikes().requires_grad_()
    (gradient,) = torch.autograd.grad(module(q)[-1].sum(), q)
    assert all(step.any() for step in gradient)


def test_the_released_thresholds_silence_every_query_behind_the_first_step() -> None:
    """The second neuron is charged by half of at most 1."""
    released = interaction(threshold_in=1.0, threshold_out=1.0)
    assert not released(spikes())[1:].any()
    assert interaction()(spikes())[1:].any()


def test_it_adds_1296_parameters_at_16_tokens() -> None:
    module = TemporalInteraction(a_plan(grid=(4, 4)))
    assert sum(p.numel() for p in module.parameters()) == 16 * 16 * 5 + 16 == 1296
    with_it, without = (
        create_model("spikformer_2_256.cifar10dvs", depth=3, dim=64, image_size=(64, 64), interaction=word)
        for word in ("tim", "none")
    )
    added = sum(p.numel() for p in with_it.parameters()) - sum(p.numel() for p in without.parameters())
    assert added == 3 * 1296


def test_the_defaults_are_the_intended_thresholds() -> None:
    module = TemporalInteraction(a_plan())
    assert (module.alpha, module.in_neuron.v_threshold, module.out_neuron.v_threshold) == (0.5, 0.3, 0.5)


@pytest.mark.parametrize("chunks", [[1] * T, [2, 3], [3, 1, 1], [1, 4], [T]])
def test_in_chunks_of_time_equals_all_at_once(chunks: list[int]) -> None:
    module, q = interaction(threshold_out=0.3), spikes()
    memory, parts = Memory({}), []
    for chunk in q.split(chunks):
        parts.append(module(chunk, memory))
        memory = Memory(memory.after)
    assert torch.equal(torch.cat(parts), module(q))


def test_maps_of_any_grid_with_as_many_tokens() -> None:
    module, q = interaction(), spikes()
    turned = q.flatten(3).unflatten(3, (3, 2))
    assert torch.equal(module(turned).flatten(3), module(q).flatten(3))
    with pytest.raises(InputError, match=r"one number of tokens, this one for 6, and the map has 4\. Give the model "):
        module(spikes(grid=(2, 2)))


@pytest.mark.parametrize(
    ("words", "plan", "message"),
    [
        ({"alpha": 1.5}, {}, r"alpha is the share of the past in a time step, from 0 to 1; got 1\.5"),
        ({"alpha": -0.1}, {}, "from 0 to 1; got -0.1"),
        ({"threshold_in": 0.0}, {}, "v_threshold must be a positive number, got 0.0"),
        ({}, {"grid": None}, "give its plan the grid of the map"),
    ],
)
def test_plans_and_options_that_cannot_be(words: dict[str, Any], plan: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TemporalInteraction(a_plan(**plan), **words)


def test_a_neuron_that_needs_all_steps_at_once() -> None:
    with pytest.raises(ConfigError, match=r"needs each time step before the next, and the neuron 'psn' all at once: "):
        TemporalInteraction(a_plan(vocabulary=Vocabulary(neuron="psn", time_steps=T)))


# ---- in attentions and models --------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", sorted(ATTENTIONS))
def test_every_attention_with_queries_takes_it_and_the_others_say_why_not(word: str) -> None:
    plan: dict[str, Any] = {"grid": (4, 4), "vocabulary": Vocabulary(interaction="tim")}
    try:
        plain = build(word, grid=(4, 4))
    except ConfigError:
        pytest.skip("needs another plan than the smallest")
    if not hasattr(plain, "q"):
        with pytest.raises(
            ConfigError, match=f"'tim' is one of queries over time, and the attention '{word}' has no q"
        ):
            build(word, **plan)
        return
    attention = build(word, **plan)
    seen: list[Tensor] = []
    attention.interaction.register_forward_hook(lambda module, inputs, output: seen.extend([inputs[0], output]))
    q: list[Tensor] = []
    attention.q.register_forward_hook(lambda module, inputs, output: q.append(output))
    x = torch.randint(0, 3, (4, 2, 8, 4, 4), generator=torch.Generator().manual_seed(1)).float()
    attention.train()(x).sum().backward()
    assert torch.equal(seen[0], q[0])
    assert not torch.equal(seen[1], q[0])
    assert attention.interaction.conv.weight.grad is not None


def test_the_attention_attends_with_what_the_interaction_gives() -> None:
    attention = build("ssa", grid=GRID, vocabulary=Vocabulary(interaction="tim"))
    attention.interaction.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    attended: list[Tensor] = []
    attention.neuron.register_forward_pre_hook(lambda module, inputs: attended.append(inputs[0]))
    shown: list[Tensor] = []
    attention.show_maps(shown.append)
    attention.train()(torch.ones(3, 2, 8, *GRID))
    assert not attended[0].any()
    assert not shown[0].any()


def test_words_nobody_knows() -> None:
    with pytest.raises(UnknownNameError, match=r"no interaction 'tam'\. Did you mean 'tim'"):
        create_model("spikformer_4_384.cifar10", interaction="tam")
    with pytest.raises(ConfigError, match="the interaction 'tim' has no option 'beta'"):
        create_model("spikformer_4_384.cifar10", dim=32, heads=4, depth=1, interaction="tim(beta=1)")


def test_an_interaction_of_ones_own(request: pytest.FixtureRequest) -> None:
    class Hold(StepByStep):
        def __init__(self, plan: AttentionPlan, *, share: float = 1.0) -> None:
            super().__init__()
            self.share = share

        def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
            return x * self.share

    register_interaction("hold", Hold)
    request.addfinalizer(lambda: INTERACTIONS.pop("hold"))
    with pytest.raises(ConfigError, match="'hold' is registered already"):
        register_interaction("hold", Hold)
    words = {"dim": 32, "heads": 4, "depth": 1, "interaction": "hold(share=0.5)"}
    model = create_model("spikformer_4_384.cifar10", **words)
    assert model.blocks[0].attention.interaction.share == 0.5


def a_model(**words: Any) -> SpikingModel:
    model = tiny_model("tim_2_256.cifar10dvs", depth=1, time_steps=4, **words)
    attention = model.blocks[0].attention
    nn.init.constant_(attention.q.norm.bias, 1.5)  # so that queries fire, and the neurons behind them
    nn.init.constant_(attention.interaction.conv.bias, 0.5)
    return model


def test_counted_by_hand() -> None:
    """T - 1 applications a sample: 4 tokens, 4 heads of 8 channels, at whose ends 3 and 4 taps lie inside."""
    model = a_model()
    x = random_input(model, 3)
    rows = {row.name.rpartition("interaction.")[2]: row for row in count(model, x).rows if "interaction." in row.name}
    assert list(rows) == ["conv", "in_neuron", "out_neuron"]
    conv = rows["conv"]
    assert (conv.kind, conv.call, conv.time_steps, conv.weights, conv.bias) == ("convolution", 0, 3, 80, True)
    taps = 3 + 4 + 4 * 5 + 4 + 3
    assert conv.dense == 3 * 3 * 4 * (4 * 4 * taps)
    assert conv.dense_padded == 3 * 3 * 4 * (4 * 4 * 5 * 8)
    assert conv.weights_read == 3 * 3 * 80
    assert conv.declared == ("binary",)
    ys: list[Tensor] = []
    loop = model.blocks[0].attention.interaction
    handle = loop.register_forward_hook(lambda module, inputs, output: ys.append(output))
    model(x)
    handle.remove()
    reads = torch.tensor([3, 4, 5, 5, 5, 5, 4, 3])
    met = ys[0][:-1].flatten(3).unflatten(2, (4, 8)).sum((0, 1, 2, 4)) * reads * 4
    assert conv.nonzero == conv.events == int(met.sum()) > 0
    assert rows["in_neuron"].membranes == rows["out_neuron"].membranes == 3 * 32 * 4
    assert rows["out_neuron"].time_steps == 3


def test_watched_as_one_layer_of_all_time_steps() -> None:
    model = a_model()
    x = random_input(model, 3)
    rows = [row for row in firing(model, x) if "interaction" in row.name]
    assert [row.name.rpartition(".")[2] for row in rows] == ["in_neuron", "out_neuron"]
    assert [row.official_name for row in rows] == ["block.0.attn.TIM.in_lif", "block.0.attn.TIM.out_lif"]
    assert [row.elements for row in rows] == [3 * 3 * 32 * 4] * 2
    ys: list[Tensor] = []
    loop = model.blocks[0].attention.interaction
    handle = loop.register_forward_hook(lambda module, inputs, output: ys.append(output))
    model(x)
    handle.remove()
    assert rows[1].spikes == int(ys[0][1:].sum()) > 0


def test_audited_as_additions_only_by_proof() -> None:
    model = a_model()
    (row,) = (row for row in audit(model, random_input(model, 3)).rows if row.name.endswith("interaction.conv"))
    assert (row.verdict, row.evidence, row.violation, row.time_steps) == ("additions only", "proof", False, 3)
    assert row.proven == ("binary",)


def test_unrolled_integers() -> None:
    """Each sub-step is a row of all time steps, and together they are the model."""
    model = a_model(neuron="integer(levels=2)").double()
    x = random_input(model, 2)
    unrolled = unroll(model)
    torch.testing.assert_close(unrolled(x), model(x), rtol=0, atol=1e-12)
    rows = [row for row in count(unrolled, x).rows if "interaction.conv" in row.name]
    assert [(row.call, row.time_steps, row.seen[0].kind) for row in rows] == [(0, 3, "binary"), (1, 3, "binary")]
    (whole,) = (row for row in count(model, x).rows if "interaction.conv" in row.name)
    assert sum(row.nonzero for row in rows) == whole.events
    proofs = [row.evidence for row in audit(unrolled, x).rows if "interaction.conv" in row.name]
    assert proofs == ["proof", "proof"]
