"""Each word is its formula: the whole branch against plain einsums, loops and torch's own softmax attention."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from spikeformers.errors import NotStreamable, UnknownNameError
from spikeformers.layers import ATTENTIONS, Memory, SelfAttention, Shortcut, Vocabulary
from spikeformers.layers.attention import LearnedThresholdAttention
from spikeformers.layers.residual import SPIKES_JOIN
from tests.layers.attention import formulas
from tests.layers.attention.built import B, T, build, randomise

DIM, HEADS, SIZE = 12, 3, (2, 8)  # four channels in a head, sixteen positions
# Not a power of two, so that no sum of scaled spikes lands on the threshold but by design.
SCALE, THRESHOLD = 0.13, 0.6

product = partial(formulas.product, heads=HEADS, scale=SCALE, v_threshold=THRESHOLD)
Formula = Callable[..., Tensor]
# Of queries, keys and values.
FORMULAS: dict[str, Formula] = {
    "ssa": product,
    "qk_token": partial(formulas.token_gate, heads=HEADS, v_threshold=THRESHOLD),
    "sdsa1": partial(formulas.mask, v_threshold=THRESHOLD),
    "sdsa2": partial(formulas.query_mask, v_threshold=THRESHOLD),
    "sdsa3": product,
    "sdsa4": product,
    "local_ssa": partial(formulas.local, size=SIZE, group=2, heads=HEADS, scale=SCALE, v_threshold=THRESHOLD),
    "statten": partial(formulas.in_chunks, chunk=2, heads=HEADS, v_threshold=THRESHOLD),
    "a2os2a": partial(formulas.selected, heads=HEADS, v_threshold=THRESHOLD),
    "xnor_ssa": partial(formulas.agreement, a=1 / 16, heads=HEADS, scale=SCALE, v_threshold=THRESHOLD),
    "softmax": partial(formulas.softmax, heads=HEADS),
    "local_softmax": partial(formulas.softmax, heads=HEADS, together=formulas.same_phase(SIZE, 2)),
}
# Of the whole branch: the module, the stream [T, B, C, N], the shortcut.
WHOLE: dict[str, Formula] = {
    "frozen": lambda attention, x, shortcut: formulas.branch(attention, x, frozen(attention), shortcut=shortcut),
    "fourier": partial(formulas.transformed, matrix=formulas.cosines(16)),
    "haar": partial(formulas.transformed, matrix=formulas.haar(16)),
    "divided": partial(formulas.over_space_and_time, along=("temporal", "spatial"), heads=HEADS),
    **{
        word: partial(formulas.over_space_and_time, along=(word,), heads=HEADS)
        for word in ("spatial", "temporal", "joint")
    },
}
SILENT = ("softmax", "local_softmax")  # whose queries, keys and values do not fire
NEURONS = {"a2os2a": {"k": torch.relu, "v": partial(formulas.lif, negative=True)}}
ALL_STEPS = ("statten", "divided", "temporal", "joint")
NEED_MAPS = ("local_ssa", "local_softmax")

every_word = pytest.mark.parametrize("word", ATTENTIONS)
every_shortcut = pytest.mark.parametrize("shortcut", get_args(Shortcut))


def frozen(attention: SelfAttention) -> Formula:
    reached = formulas.frozen_map(int(attention.get_buffer("seed")), heads=HEADS, tokens=16, density=0.5)
    return partial(formulas.frozen, reached=reached, heads=HEADS, scale=SCALE, v_threshold=THRESHOLD)


def expected_of(word: str, attention: SelfAttention, x: Tensor, shortcut: str) -> Tensor:
    """What the formula of that word makes of maps, as tokens [T, B, C, N]."""
    if word in WHOLE:
        return WHOLE[word](attention, x.flatten(3), shortcut=shortcut)
    words: dict[str, Any] = {"fires": word not in SILENT, "neurons": NEURONS.get(word, {})}
    return formulas.branch(attention, x.flatten(3), FORMULAS[word], shortcut=shortcut, **words)


def drawn(word: str, shortcut: str, **words: Any) -> SelfAttention:
    """The attention in float64 and eval mode, with random weights, biases, norms."""
    words = {"scale": SCALE, "v_threshold": THRESHOLD, "grid": SIZE, **words}
    attention = build(word, dim=DIM, heads=HEADS, bias=True, shortcut=shortcut, **words)
    randomise(attention)
    for name, parameter in attention.named_parameters():
        if name == "temporal.linear.weight":
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(4))  # starts at zero
    return attention.double().eval()


def stream(shortcut: str, dim: int = DIM) -> Tensor:
    """Maps as the shortcut has them: real membranes, integers, spikes."""
    generator = torch.Generator().manual_seed(5)
    shape = (T, B, dim, *SIZE)
    if shortcut == "membrane":
        return 2.5 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.randint(0, 4 if shortcut == "sew" else 2, shape, generator=generator).double()


def assert_alive(out: Tensor, shortcut: str) -> None:
    """An oracle of silence would prove nothing."""
    assert 0.02 < float((out != 0).double().mean()) <= (0.98 if shortcut in SPIKES_JOIN else 1)
    assert not torch.equal(out[0], out[1])


@every_shortcut
@every_word
def test_the_whole_branch_is_its_formula(word: str, shortcut: str) -> None:
    attention, x = drawn(word, shortcut), stream(shortcut)
    expected = expected_of(word, attention, x, shortcut)
    out = attention(x)
    assert out.shape == x.shape
    # Both are float64: sums of up to 16 x 12 terms in another order, a few units in the last place each.
    torch.testing.assert_close(out.flatten(3), expected, rtol=0, atol=1e-12)
    assert_alive(out, shortcut)


@every_shortcut
def test_a_twins_branch_is_softmax_between_activations(shortcut: str) -> None:
    attention, x = drawn("sdsa1", shortcut, vocabulary=Vocabulary(neuron="relu", ann=True)), stream(shortcut)
    mix = FORMULAS["softmax"]
    expected = formulas.branch(attention, x.flatten(3), mix, shortcut=shortcut, fires=False, neuron=torch.relu)
    torch.testing.assert_close(attention(x).flatten(3), expected, rtol=0, atol=1e-12)


@every_shortcut
def test_the_eroded_mask_is_the_authors_pooling(shortcut: str) -> None:
    attention, x = drawn("sdsa1", shortcut, erode=True), stream(shortcut)
    mix = partial(formulas.eroded_mask, size=SIZE, heads=HEADS, v_threshold=THRESHOLD)
    expected = formulas.branch(attention, x.flatten(3), mix, shortcut=shortcut)
    out = attention(x)
    torch.testing.assert_close(out.flatten(3), expected, rtol=0, atol=1e-12)
    assert_alive(out, shortcut)
    assert not torch.equal(out, drawn("sdsa1", shortcut)(x))


def test_ties_of_the_eroded_mask_give_their_gradient_to_the_authors_first() -> None:
    # Values do not depend on which of several spikes is the maximum of a window; gradients do.
    attention, generator = drawn("sdsa1", "membrane", erode=True), torch.Generator().manual_seed(7)
    q, k, v, weights = (torch.randint(0, 2, (T, B, DIM, *SIZE), generator=generator).double() for _ in range(4))
    q.requires_grad_()
    expected = formulas.eroded_mask(
        q.flatten(3), k.flatten(3), v.flatten(3), size=SIZE, heads=HEADS, v_threshold=THRESHOLD
    )
    (theirs,) = torch.autograd.grad((expected * weights.flatten(3)).sum(), q)
    (ours,) = torch.autograd.grad((attention.mix(None, q=q, k=k, v=v) * weights).sum(), q)
    assert theirs.any()
    assert torch.equal(ours, theirs)


def test_heads_matter_to_a_mask_only_where_it_is_eroded() -> None:
    x = stream("sew")
    for erode in (False, True):
        outs = []
        for heads in (1, 3):
            attention = build("sdsa1", dim=DIM, heads=heads, v_threshold=THRESHOLD, erode=erode)
            randomise(attention)
            outs.append(attention.double().eval()(x))
        assert torch.equal(*outs) != erode


@pytest.mark.parametrize("word", ["ssa", "softmax"])
def test_values_may_be_wider_than_queries_and_keys(word: str) -> None:
    attention, x = drawn(word, "membrane", value_dim=2 * DIM), stream("membrane")
    mix = FORMULAS[word]
    expected = formulas.branch(attention, x.flatten(3), mix, shortcut="membrane", fires=word != "softmax")
    assert attention.get_parameter("v.linear.weight").shape == (2 * DIM, DIM)
    assert attention.get_parameter("projection.linear.weight").shape == (DIM, 2 * DIM)
    torch.testing.assert_close(attention(x).flatten(3), expected, rtol=0, atol=1e-12)


@every_shortcut
@pytest.mark.parametrize("word", [word for word in ATTENTIONS if word not in ALL_STEPS])
def test_step_by_step_equals_all_at_once(word: str, shortcut: str) -> None:
    attention, x = drawn(word, shortcut), stream(shortcut)
    kept: dict[Any, Tensor] = {}
    steps = []
    for x_t in x:
        memory = Memory(kept)
        steps.append(attention(x_t.unsqueeze(0), memory))
        kept = memory.after
    torch.testing.assert_close(torch.cat(steps), attention(x), rtol=0, atol=1e-12)


@every_shortcut
@pytest.mark.parametrize("word", ALL_STEPS)
def test_what_needs_all_time_steps_says_so(word: str, shortcut: str) -> None:
    with pytest.raises(NotStreamable, match="all frames in one call"):
        drawn(word, shortcut)(stream(shortcut)[:1], Memory({}))


@pytest.mark.parametrize("word", [word for word in ATTENTIONS if word not in NEED_MAPS])
def test_maps_and_their_tokens_attend_alike(word: str) -> None:
    attention, x = drawn(word, "sew"), stream("sew")
    torch.testing.assert_close(attention(x.flatten(3)), attention(x).flatten(3), rtol=0, atol=1e-12)


# ---- the learned threshold ------------------------------------------------------------------------------------------


def learned(**words: Any) -> LearnedThresholdAttention:
    attention = drawn("sdsa4", "membrane", **words)
    assert isinstance(attention, LearnedThresholdAttention)
    return attention


def test_a_learned_threshold_is_a_threshold() -> None:
    attention, x = learned(), stream("membrane")
    torch.nn.init.constant_(attention.log_threshold, math.log(2))
    doubled = partial(formulas.product, heads=HEADS, scale=SCALE, v_threshold=2 * THRESHOLD)
    expected = formulas.branch(attention, x.flatten(3), doubled, shortcut="membrane")
    torch.testing.assert_close(attention(x).flatten(3), expected, rtol=0, atol=1e-12)
    plain = formulas.branch(attention, x.flatten(3), product, shortcut="membrane")
    assert not torch.allclose(plain, expected)


def test_a_learned_threshold_learns() -> None:
    attention = learned()
    attention(stream("membrane")).square().sum().backward()
    assert attention.log_threshold.shape == ()
    assert attention.log_threshold.grad is not None
    assert float(attention.log_threshold.grad) != 0


# ---- words ----------------------------------------------------------------------------------------------------------


TWINS = {**dict.fromkeys(WHOLE), "local_ssa": "local_softmax"}


@every_word
def test_an_ann_twin_has_softmax_attention_where_a_word_has_queries_and_keys(word: str) -> None:
    twin = build(word, vocabulary=Vocabulary(neuron="relu", ann=True), dim=DIM, heads=HEADS, grid=SIZE)
    assert type(twin) is ATTENTIONS[TWINS.get(word, word if word in SILENT else "softmax") or word]


def test_an_unknown_attention() -> None:
    with pytest.raises(UnknownNameError, match=r"no attention 'sdsa'\. Did you mean .*'sdsa3'.*Known: .*sdsa1"):
        build("sdsa")


@pytest.mark.parametrize("word", ["sdsa1", "sdsa2"])
def test_the_neuron_of_a_mask_has_the_channels_on_axis_2(word: str) -> None:
    attention, shapes = drawn(word, "sew"), []
    attention.get_submodule("neuron").register_forward_hook(lambda module, inputs, out: shapes.append(out.shape))
    attention(stream("sew"))
    assert shapes == [(T, B, DIM)]
