"""STAtten: chunks of time steps that attend together."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers import BINARY, SelfAttention, integers
from spikeformers.measure import count
from tests.layers.attention import formulas
from tests.layers.attention.built import DIM, HEADS, B, build, randomise
from tests.models.tiny import random_input, tiny_model

STEPS, SIZE = 8, (4, 4)


def drawn(word: str, **words: Any) -> SelfAttention:
    attention = build(word, grid=SIZE, **words)
    randomise(attention)
    return attention.eval()


def stream(seed: int = 5) -> Tensor:
    return torch.randint(0, 3, (STEPS, B, DIM, *SIZE), generator=torch.Generator().manual_seed(seed)).float()


def attended(attention: SelfAttention, x: Tensor) -> Tensor:
    """What the neuron behind the products is given."""
    seen: list[Tensor] = []
    neuron = attention.get_submodule("neuron")
    handle = neuron.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        attention(x)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("shortcut", ["membrane", "sew"])
def test_chunks_of_one_step_are_ssa_with_scale_one_over_the_height_bit_for_bit(shortcut: str) -> None:
    one, ssa = drawn("statten(chunk=1)", shortcut=shortcut), drawn("ssa", scale=1 / 4, shortcut=shortcut)
    x = stream()
    assert torch.equal(one(x), ssa(x))
    assert one(x).any()
    assert attended(one, x).any()
    assert not torch.equal(drawn("statten(chunk=2)", shortcut=shortcut)(x), ssa(x))


@pytest.mark.parametrize("chunk", [2, 4, 8])
def test_a_step_sees_its_chunk_to_its_end_and_no_other(chunk: int) -> None:
    attention, x = drawn(f"statten(chunk={chunk})"), stream()
    plain = attended(attention, x)
    for changed in range(STEPS):
        other = x.clone()
        other[changed] = stream(6)[changed]
        moved = [not torch.equal(one, two) for one, two in zip(plain, attended(attention, other), strict=True)]
        first = changed // chunk * chunk
        assert not any(moved[:first])
        # Earlier steps of the chunk see the later one: they are not causal.
        assert all(moved[first : first + chunk])


def test_chunks_meet_through_neurons_only() -> None:
    """Those of queries, keys and values carry the first chunk on; with nothing left in them the second is alone."""
    attention, x = drawn("statten(chunk=4)"), stream()
    alone = attention(x[:4])
    torch.testing.assert_close(attention(x)[:4], alone, rtol=0, atol=0)


def test_the_form_for_events() -> None:
    attention = drawn("statten(chunk=2, events=true)", shortcut="membrane", v_threshold=0.1).double()
    x = 2 * torch.randn(STEPS, B, DIM, *SIZE, generator=torch.Generator().manual_seed(1)).double()

    def pool(part: Tensor) -> Tensor:
        maps = part.unflatten(3, SIZE).flatten(0, 1)
        return F.max_pool2d(maps, 3, 1, 1).view(STEPS, B, DIM, -1)

    spikes = formulas.lif(x.flatten(3))
    q, k, v = (pool(formulas.lif(formulas.weighted(attention.get_submodule(name), spikes))) for name in "qkv")
    # 1 / (S^2 chunk) in the place of 1 / S: a threshold as much higher.
    mixed = formulas.in_chunks(q, k, v, chunk=2, heads=HEADS, v_threshold=0.1 * 16 * 2 / 4)
    p = pool(spikes)
    expected = formulas.weighted(attention.get_submodule("projection"), mixed * p + p)
    torch.testing.assert_close(attention(x).flatten(3), expected, rtol=0, atol=1e-12)
    assert 0.02 < float(mixed.mean()) < 0.98


def test_what_the_form_for_events_projects_back() -> None:
    attention = build("statten(events=true)", grid=SIZE, shortcut="membrane", value_dim=2 * DIM)
    assert attention.get_submodule("projection.linear").inputs == integers(2)
    assert attention.get_parameter("projection.linear.weight").shape == (DIM, DIM)
    assert build("statten", grid=SIZE).get_submodule("projection.linear").inputs == BINARY


@pytest.mark.parametrize(
    ("word", "words", "message"),
    [
        ("statten(chunk=0)", {"grid": SIZE}, "chunk is a number of time steps, at least 1; got 0"),
        ("statten", {}, "give its plan the grid"),
    ],
)
def test_plans_and_options_that_cannot_be(word: str, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(word, **words)


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="over chunks of 3 time steps, and 8 are no multiple of that"):
        drawn("statten(chunk=3)")(stream())
    with pytest.raises(InputError, match="pools maps"):
        drawn("statten(events=true)")(stream().flatten(3))


def test_counted_by_hand() -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention="statten", time_steps=4)
    x = random_input(model, 2)
    seen: dict[str, Tensor] = {}
    for name in "qkv":
        model.get_submodule(f"blocks.0.attention.{name}").register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: output.detach()})
        )
    rows = {row.name.rpartition(".")[2]: row for row in count(model, x).rows if "blocks.0.attention" in row.name}
    k, v = (seen[name].flatten(3).unflatten(2, (4, 8)) for name in "kv")  # [T, B, h, d, N]
    assert rows["inner"].nonzero == int(torch.einsum("tbhdn,tbhen->", k, v))
    # Heads of 8 channels over 4 tokens: 8 x 8 products a token, of 4 steps and 2 samples, 4 heads each.
    assert rows["inner"].dense == rows["outer"].dense == 8 * 8 * 4 * 4 * 2 * 4
    assert rows["inner"].nonzero > 0
