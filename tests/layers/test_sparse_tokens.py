"""Blocks that run on the tokens most like the mean of their time step."""

from __future__ import annotations

from math import ceil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers import (
    LIF,
    REAL,
    AttentionPlan,
    Memory,
    Neuron,
    Shortcut,
    Values,
    Vocabulary,
    across_samples,
    build_blocks,
    linear_projection,
    rep_conv_projection,
    run_blocks,
)
from spikeformers.layers.memory import Chosen
from spikeformers.layers.sparse_tokens import at_chosen_tokens, choose_tokens, gather_tokens, scatter_tokens
from spikeformers.layers.values import integers

T, B, C, H, W = 3, 2, 8, 4, 3
N = H * W


@given(st.integers(1, 20), st.floats(0.01, 1.0))
def test_so_many_tokens_of_every_step_are_chosen_and_they_are_the_most_like_the_mean(tokens: int, share: float) -> None:
    x = torch.randn(T, B, C, tokens).double()
    chosen = choose_tokens(x, share)
    kept = chosen.index.shape[-1]
    assert kept in (ceil(share * tokens), ceil(round(share * tokens, 6)))
    scores = torch.einsum("tbcn,tbc->tbn", x, x.mean(-1))
    best = scores.topk(kept).indices.sort(-1).values
    assert torch.equal(chosen.index, best)
    assert torch.equal(scores.sub(scores.mean(-1, keepdim=True)).topk(kept).indices.sort(-1).values, best)


def test_a_share_that_is_whole_but_for_rounding_is_not_rounded_up() -> None:
    assert choose_tokens(torch.randn(1, 1, 2, 10), 0.7).index.shape[-1] == 7  # 0.7 x 10 > 7 in floating point


def test_of_equal_tokens_the_first_are_chosen() -> None:
    assert choose_tokens(torch.ones(1, 1, C, 5), 0.5).index.flatten().tolist() == [0, 1, 2]


def test_gathering_and_scattering_back_changes_nothing() -> None:
    x = torch.randn(T, B, C, N)
    for share in (0.1, 0.5, 1.0):
        chosen = choose_tokens(x, share)
        tokens = gather_tokens(x, chosen)
        for t, b in ((0, 0), (T - 1, B - 1)):
            assert torch.equal(tokens[t, b], x[t, b][:, chosen.index[t, b]])
        assert torch.equal(scatter_tokens(tokens, chosen, x), x)
        assert torch.equal(gather_tokens(scatter_tokens(-tokens, chosen, x), chosen), -tokens)


def test_a_neuron_keeps_the_state_of_every_position() -> None:
    """Token 1 is away at step 1: its potential decays there, as at a current of zero, and goes on at step 2."""
    index = torch.tensor([[0, 1], [0, 2], [1, 2]]).view(3, 1, 2)
    currents = torch.tensor([[1.5, 1.5], [0.2, 2.5], [1.5, 0.3]]).view(3, 1, 1, 2)
    full = torch.tensor([[1.5, 1.5, 0], [0.2, 0, 2.5], [0, 1.5, 0.3]]).view(3, 1, 1, 3)
    words = {"tau": 2.0, "v_threshold": 0.9}
    expected = LIF(**words)(full).gather(3, index.unsqueeze(2))
    neuron = at_chosen_tokens(LIF(**words))
    memory = Memory.of_tokens(Chosen(index, 3), None)
    assert torch.equal(neuron(currents, memory), expected)
    assert expected.flatten().tolist() == [0, 0, 0, 1, 1, 0]
    assert isinstance(neuron, LIF)
    assert torch.equal(neuron(currents), LIF(**words)(currents))  # with all its tokens it is the neuron it was
    mask = torch.rand(3, 1, 4)
    assert torch.equal(neuron(mask, memory), LIF(**words)(mask))  # no axis of tokens
    assert neuron.potentials(currents) is None


def blocks(keep: float, shortcut: Shortcut = "sew", attention: str = "ssa") -> nn.ModuleList:
    torch.manual_seed(0)
    project = linear_projection(bias=False, init="kaiming_uniform")
    plan = AttentionPlan(
        dim=C, heads=2, inputs=values(shortcut), vocabulary=Vocabulary(v_threshold=0.3, time_steps=T),
        shortcut=shortcut, qkv=project, out=project, grid=(H, W),
    )  # fmt: skip
    built = build_blocks(plan, [0.0, 0.5], attention=attention, mlp_ratio=2, init="kaiming_uniform", keep_tokens=keep)
    assert built.training
    return built.double().eval()


def values(shortcut: Shortcut) -> Values:
    return REAL if shortcut == "membrane" else integers(2)


def draw(shortcut: Shortcut) -> Tensor:
    torch.manual_seed(1)
    x = torch.randn(T, B, C, H, W) if shortcut == "membrane" else torch.randint(0, 3, (T, B, C, H, W))
    return x.double()


@pytest.mark.parametrize("shortcut", ["membrane", "sew"])
@pytest.mark.parametrize("attention", ["ssa", "sdsa1", "sdsa2", "qk_token", "softmax"])
def test_all_tokens_chosen_is_the_dense_pass_bit_for_bit(shortcut: Shortcut, attention: str) -> None:
    keep = 1 - 1 / (2 * N)  # of N tokens all, by way of choosing them
    sparse, dense = blocks(keep, shortcut, attention), blocks(1.0, shortcut, attention)
    dense.load_state_dict(sparse.state_dict())
    # As rows, as the tokens that were gathered are: products of the same layout add in the same order.
    x = draw(shortcut).permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    assert torch.equal(run_blocks(sparse, x, keep_tokens=keep), run_blocks(dense, x))
    for training in (sparse, dense):
        training.train()
    torch.manual_seed(0)
    trained = run_blocks(sparse, x, keep_tokens=keep)
    torch.manual_seed(0)  # stochastic depth draws again
    assert torch.equal(trained, run_blocks(dense, x))


@pytest.mark.parametrize("shortcut", ["membrane", "sew"])
@pytest.mark.parametrize("attention", ["ssa", "sdsa1", "qk_token"])
def test_dropped_tokens_are_unchanged_and_a_stream_equals_all_at_once(shortcut: Shortcut, attention: str) -> None:
    built, x = blocks(0.4, shortcut, attention), draw(shortcut)
    out = run_blocks(built, x, keep_tokens=0.4)
    chosen = choose_tokens(x.flatten(3), 0.4)
    kept = torch.zeros(T, B, N, dtype=torch.bool).scatter(2, chosen.index, True).view(T, B, 1, H, W).expand_as(x)
    assert kept.float().mean() == 5 / N
    assert torch.equal(out[~kept], x[~kept])
    assert not torch.equal(out[kept], x[kept])
    state, steps = Memory({}), []
    for x_t in x.split(1):
        steps.append(run_blocks(built, x_t, state, keep_tokens=0.4))
        after = state.after
        state = Memory(after)
    # Products of another size may add in another order: 1e-12 of float64, spikes equal.
    torch.testing.assert_close(torch.cat(steps), out, rtol=0, atol=1e-12)
    full = [v for (module, _), v in after.items() if isinstance(module, Neuron) and v.dim() == 3]  # [B, C, N]
    assert full
    assert all(v.shape[-1] == N for v in full), "states are of all positions"


def test_what_needs_a_map_is_refused_with_the_reason() -> None:
    vocabulary = Vocabulary(time_steps=T)
    linear, conv = linear_projection(bias=False, init="kaiming_uniform"), rep_conv_projection(vocabulary)
    words = {"dim": C, "heads": 2, "inputs": REAL, "vocabulary": vocabulary, "shortcut": "membrane", "grid": (H, W)}

    def build(attention: str = "ssa", **more: object) -> None:
        plan = AttentionPlan(**{**words, "qkv": linear, "out": linear, **more})  # type: ignore[arg-type]
        build_blocks(plan, [0.0], attention=attention, init="kaiming_uniform", keep_tokens=0.5)

    build()
    with pytest.raises(ConfigError, match=r"convolution '0.attention.q.conv.*' of a block slides over one"):
        build(qkv=conv)
    with pytest.raises(ConfigError, match=r"pool .* slides over one"):
        build("sdsa1", erode=True)
    with pytest.raises(ConfigError, match="local attention splits maps"):
        build("local_ssa", grid=(4, 4))


def test_positions_are_not_samples() -> None:
    with pytest.raises(ConfigError, match="keep_tokens needs to know"):
        across_samples(at_chosen_tokens(LIF()))
