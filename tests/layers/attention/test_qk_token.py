"""The laws of Q-K token attention; that it is its formula is tested with all others in test_formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from spikeformers.layers import BINARY, DescribesItself, Memory, SelfAttention, TernaryLIF, Vocabulary, integers
from tests.layers.attention.built import DIM, HEADS, B, T, build, randomise, tokens


def drawn(**words: object) -> SelfAttention:
    attention = build("qk_token", **words)  # type: ignore[arg-type]
    randomise(attention)
    return attention.eval()


def test_one_query_spike_in_a_head_opens_the_gate_and_none_does_not() -> None:
    """tau 2, threshold 0.5: one spike charges to 0.5, which fires; without any the potential stays at 0."""
    attention = build("qk_token", v_threshold=0.5)
    q = torch.zeros(1, 1, DIM, 3)
    q[0, 0, 1, 0] = 1  # the first head at the first token
    q[0, 0, DIM - 1, 2] = 1  # the last head at the last
    k = torch.ones(1, 1, DIM, 3)
    out = attention.mix(None, q=q, k=k)
    half = DIM // HEADS
    expected = torch.zeros(1, 1, DIM, 3)
    expected[0, 0, :half, 0] = expected[0, 0, half:, 2] = 1
    assert torch.equal(out, expected)
    assert torch.equal(attention.received(out, q=q, k=k), torch.tensor([[[1.0, 0, 1]]]).double())


def test_a_gate_remembers_the_time_step_before() -> None:
    """Above two spikes the threshold is met at once; of one spike each it takes two steps: 0.5, then 0.75."""
    attention = build("qk_token", v_threshold=0.75)
    q = torch.zeros(3, 1, DIM, 1)
    q[:, 0, 0] = 1
    k = torch.ones(3, 1, DIM, 1)
    assert attention.mix(None, q=q, k=k)[:, 0, 0, 0].tolist() == [0, 1, 0]


def test_it_has_neither_values_nor_a_scale() -> None:
    attention = build("qk_token", value_dim=2 * DIM)
    assert attention.uses == ("q", "k")
    assert not any(name.startswith("v.") for name, _ in attention.named_parameters())
    assert all(module.op_spec().scale == 1 for module in attention.modules() if isinstance(module, DescribesItself))
    assert attention(tokens(4)).shape == (T, B, DIM, 4)


def test_tokens_may_come_in_any_order() -> None:
    attention, x = drawn(), tokens(11)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(2))
    out = attention(x)
    assert 0.05 < out.mean() < 0.95
    assert torch.equal(attention(x[..., order]), out[..., order])


def test_it_sees_one_token_at_a_time() -> None:
    """Nothing passes between tokens: each comes out as if it were alone."""
    attention, x = drawn(), tokens(7)
    out = attention(x)
    for n in range(7):
        assert torch.equal(attention(x[..., n : n + 1]), out[..., n : n + 1])


class Largest(TorchDispatchMode):
    """The most elements of any tensor that is made."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else [out]:
            if isinstance(each, Tensor):
                self.elements = max(self.elements, each.numel())
        return out


def test_its_memory_grows_linearly_with_the_tokens() -> None:
    """No tensor is larger than the stream itself, though N tokens are many more than C channels."""
    attention = drawn()
    for N in (8, 64, 512):
        with torch.no_grad(), Largest() as largest:
            attention(tokens(N))
        assert largest.elements == T * B * DIM * N


@pytest.mark.parametrize("shortcut", ["sew", "membrane"])
def test_it_only_adds(shortcut: str) -> None:
    """Behind the projections of the stream every operand is declared binary, and is."""
    attention = drawn(shortcut=shortcut)
    assert attention.gate.op_spec().inputs == (BINARY, BINARY)
    assert attention.projection.linear.op_spec().inputs == (BINARY,)
    assert attention.q.linear.op_spec().inputs == ((BINARY if shortcut == "membrane" else integers(2)),)
    seen: list[Tensor] = []
    attention.gate.register_forward_pre_hook(lambda module, operands: seen.extend(operands))
    attention.projection.register_forward_pre_hook(lambda module, operands: seen.append(operands[0]))
    attention(tokens(9))
    assert len(seen) == 3
    for operand in seen:
        assert set(operand.unique().tolist()) == {0, 1}


def test_ternary_spikes_are_declared_ternary() -> None:
    attention = drawn(vocabulary=Vocabulary(neuron="ternary"))
    assert isinstance(attention.neuron, TernaryLIF)
    assert attention.projection.linear.op_spec().inputs[0].signed
    gates, keys = attention.gate.op_spec().inputs
    assert gates.signed
    assert keys.signed


def test_step_by_step_is_all_at_once() -> None:
    attention, x = drawn(), tokens(6)
    before: dict = {}
    steps = []
    for x_t in x:
        memory = Memory(before)
        steps.append(attention(x_t.unsqueeze(0), memory))
        before = memory.after
    assert torch.equal(torch.cat(steps), attention(x))


def test_its_maps_show_open_gates_also_where_keys_are_silent() -> None:
    attention, x = drawn(), tokens(6).unflatten(3, (2, 3))
    gates: list[Tensor] = []
    attention.neuron.register_forward_hook(lambda module, inputs, output: gates.append(output))
    shown: list[Tensor] = []
    handles = attention.show_maps(shown.append)
    attention(x)
    for handle in handles:
        handle.remove()
    assert len(gates) == 1  # the map was not taken for a second call of the neuron
    assert torch.equal(shown[0], gates[0].sum(2).double().unflatten(-1, (2, 3)))
    assert 0 < gates[0].mean() < 1
