"""A2OS2A: what its three parts hold, and that nothing is scaled. That it needs additions only: `formulas.selected`."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.layers import BINARY, REAL, TERNARY, Neuron, Vocabulary
from spikeformers.layers.neurons import LIF, ReLU, TernaryLIF
from spikeformers.measure import audit
from tests.layers.attention.built import HEADS, build, randomise, tokens, watch
from tests.models.tiny import random_input, tiny_model


def test_what_queries_keys_and_values_hold() -> None:
    attention = build("a2os2a", v_threshold=0.3)
    randomise(attention)
    seen = watch(attention, tokens(6))
    assert BINARY.hold(seen["q"])
    assert bool((seen["k"] >= 0).all())
    assert not TERNARY.hold(seen["k"])
    assert set(seen["v"].unique().tolist()) == {-1, 0, 1}
    assert attention.get_submodule("inner").op_spec().inputs == (REAL, BINARY)  # type: ignore[operator]
    assert attention.get_submodule("outer").op_spec().inputs == (TERNARY, REAL)  # type: ignore[operator]


def test_no_scale_so_that_the_current_grows_with_tokens_and_channels() -> None:
    seen = [watch(build("a2os2a", scale=scale), tokens(6)) for scale in (0.125, 4.0)]
    assert torch.equal(seen[0]["attended"], seen[1]["attended"])
    q, k, v = (seen[0][name].unflatten(2, (HEADS, -1)).double() for name in "qkv")
    bound = 6 * q.shape[3] * float(k.max())
    largest = float(seen[0]["attended"].abs().max())
    assert 1 < largest <= bound
    torch.testing.assert_close(
        seen[0]["attended"].unflatten(2, (HEADS, -1)).double(),
        torch.einsum("tbhdn,tbhdm,tbhem->tbhen", q, k, v),
        rtol=0,
        atol=1e-5 * bound,  # float32 sums in another order
    )


def neurons(vocabulary: Vocabulary) -> list[Neuron]:
    attention = build("a2os2a", vocabulary=vocabulary)
    return [module for name in "qkv" if isinstance(module := attention.get_submodule(f"{name}.neuron"), Neuron)]


def test_values_have_the_ternary_form_of_the_vocabularys_neuron() -> None:
    for words in ({"neuron": "plif"}, {"neuron": "integer(levels=2)"}, {}):
        q, k, v = neurons(Vocabulary(tau=3.0, v_threshold=0.7, **words))  # type: ignore[arg-type]
        assert type(k) is ReLU
        assert isinstance(v, TernaryLIF)
        assert (v.dynamics.tau, v.v_threshold) == (3.0, 0.7)
        assert isinstance(q, LIF)


def test_gradients_reach_both_thresholds_of_the_values() -> None:
    attention = build("a2os2a")
    values = attention.get_submodule("v.neuron")
    x = torch.linspace(-4, 4, 101).view(1, 1, 1, -1).requires_grad_()
    values(x).sum().backward()
    assert x.grad is not None
    gradient: Tensor = x.grad.flatten()
    torch.testing.assert_close(gradient, gradient.flip(0))
    assert float(gradient[25]) > float(gradient[50])  # at -2, a threshold of 1 with tau = 2, more than at 0


def test_the_audit_calls_sums_of_real_numbers_real() -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention="a2os2a")
    rows = {row.name: row for row in audit(model, random_input(model, 2)).rows}
    assert rows["blocks.0.attention.inner"].verdict == "real"
    assert "blocks.0.attention.k.neuron" in rows["blocks.0.attention.inner"].why
    assert rows["blocks.0.attention.v.linear"].verdict == "additions only"
    assert not any(row.violation for row in rows.values())
