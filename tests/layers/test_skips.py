"""Delayed skips between blocks: what arrives where, and when."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import (
    BINARY,
    REAL,
    AttentionPlan,
    DelayedSkip,
    Memory,
    Shortcut,
    Skip,
    Skips,
    Values,
    Vocabulary,
    build_blocks,
    linear_projection,
    run_blocks,
    skips_into,
    values_behind,
)
from spikeformers.layers.values import integers

T, B, C, N = 5, 2, 8, 4
FORMS: list[tuple[Shortcut, Values]] = [("membrane", REAL), ("sew", integers(2)), ("iand", BINARY)]


def skip(shortcut: Shortcut, inputs: Values, delay: int = 2) -> DelayedSkip:
    torch.manual_seed(0)
    vocabulary = Vocabulary(tau=1.5, v_threshold=0.2)
    built = DelayedSkip(C, delay, back=1, inputs=inputs, vocabulary=vocabulary, shortcut=shortcut)
    nn.init.uniform_(built.linear.weight, 0.5, 1.0)  # so that an impulse is sure to fire what is behind
    return built


@pytest.mark.parametrize(("shortcut", "inputs"), FORMS)
@pytest.mark.parametrize("at", range(T))
def test_an_impulse_arrives_after_the_delay_and_not_before(shortcut: Shortcut, inputs: Values, at: int) -> None:
    built = skip(shortcut, inputs)
    source, stream = torch.zeros(T, B, C, N), torch.ones(T, B, C, N)
    source[at] = 1.0
    moved = (built(stream, source) != stream).flatten(1).any(1).nonzero().flatten().tolist()
    assert moved == ([at + 2] if at + 2 < T else [])


def test_the_current_is_alpha_times_the_weights_of_what_was_then() -> None:
    built = skip("membrane", integers(3))  # an integer source needs no neuron in front
    built.alpha.data.fill_(0.25)
    source, stream = torch.randint(0, 4, (T, B, C, N)).float(), torch.randn(T, B, C, N)
    expected = stream.clone()
    for t in range(2, T):
        expected[t] += 0.25 * torch.einsum("oc,bcn->bon", built.linear.weight, source[t - 2])
    torch.testing.assert_close(built(stream, source), expected, rtol=1e-5, atol=1e-6)  # sums in another order


def blocks(shortcut: Shortcut, skips: list[Skip], inputs: Values, depth: int = 3) -> nn.ModuleList:
    torch.manual_seed(0)
    project = linear_projection(bias=False, init="kaiming_uniform")
    plan = AttentionPlan(
        dim=C, heads=2, inputs=inputs, vocabulary=Vocabulary(v_threshold=0.3), shortcut=shortcut, qkv=project,
        out=project, grid=(2, 2),
    )  # fmt: skip
    return build_blocks(plan, [0.0] * depth, mlp_ratio=2, init="kaiming_uniform", skips=Skips(skips)).double().eval()


def draw(inputs: Values) -> Tensor:
    if inputs == REAL:
        return torch.randn(T, B, C, 2, 2).double()
    return torch.randint(0, (inputs.highest or 1) + 1, (T, B, C, 2, 2)).double()


@pytest.mark.parametrize(("shortcut", "inputs"), FORMS)
def test_a_delay_of_all_time_steps_is_no_skip_bit_for_bit(shortcut: Shortcut, inputs: Values) -> None:
    late, without = (blocks(shortcut, skips, inputs) for skips in ([Skip(0, 2, T)], []))
    without.load_state_dict({name: value for name, value in late.state_dict().items() if ".skips." not in name})
    x = draw(inputs)
    assert torch.equal(run_blocks(late, x), run_blocks(without, x))


@pytest.mark.parametrize(("shortcut", "inputs"), FORMS)
def test_step_by_step_equals_all_at_once(shortcut: Shortcut, inputs: Values) -> None:
    built, x = blocks(shortcut, [Skip(0, 2, 2), Skip(0, 1, 1), Skip(1, 2, 1)], inputs), draw(inputs)
    state, steps = Memory({}), []
    for x_t in x.split(1):
        steps.append(run_blocks(built, x_t, state))
        state = Memory(state.after)
    # Products of another size may add in another order: 1e-12 of float64, spikes equal.
    torch.testing.assert_close(torch.cat(steps), run_blocks(built, x), rtol=0, atol=1e-12)


def test_each_skip_takes_what_its_own_block_puts_out() -> None:
    class Plus(nn.Module):
        def __init__(self, amount: float) -> None:
            super().__init__()
            self.amount = amount

        def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
            return x + self.amount

    class Records(nn.Module):
        def __init__(self, back: int) -> None:
            super().__init__()
            self.back, self.seen = back, torch.empty(0)

        def forward(self, x: Tensor, source: Tensor, memory: Memory | None = None) -> Tensor:
            self.seen = source
            return x

    stack = [Plus(1.0), Plus(10.0), Plus(100.0), Plus(1000.0)]
    near, far = Records(1), Records(3)
    stack[3].skips = nn.ModuleList([near, far])
    out = run_blocks(stack, torch.zeros(1))
    assert (near.seen.item(), far.seen.item(), out.item()) == (111.0, 1.0, 1111.0)


def test_a_sew_stream_declares_the_spikes_that_a_skip_adds() -> None:
    built = blocks("sew", [Skip(0, 1, 1)], integers(2), depth=2)
    (entering,) = skips_into(built[1])
    assert entering.linear.inputs == integers(4)  # two branches of the first block
    assert values_behind(built, "sew", integers(2), Vocabulary()) == integers(7)
    assert not list(skips_into(built[0]))
