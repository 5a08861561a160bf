"""Sequence pooling: weights, logits and the contribution of each time step."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from spikeformers.errors import NotStreamable
from spikeformers.layers import REAL, DescribesItself, Memory, SequencePoolingHead

T, B, C, H, W, K = 3, 2, 6, 2, 4, 5


def build() -> SequencePoolingHead:
    torch.manual_seed(0)
    head = SequencePoolingHead(C, K).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def features() -> Tensor:
    return torch.randn(T, B, C, H, W, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_weights_of_all_tokens_of_a_sample_sum_to_one() -> None:
    weights = build().weights(features())
    assert weights.shape == (T, B, H * W)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum((0, 2)), torch.ones(B, dtype=torch.float64), rtol=0, atol=1e-12)
    assert not torch.allclose(weights.sum(2), torch.full((T, B), 1 / T, dtype=torch.float64))  # steps compete


@torch.no_grad()
def test_logits_are_those_of_the_weighted_mean() -> None:
    head, x = build(), features()
    normed = head.norm(x)
    for b in range(B):
        total, pooled = 0.0, torch.zeros(C, dtype=torch.float64)
        for t, i, j in product(range(T), range(H), range(W)):
            token = normed[t, b, :, i, j]
            weight = math.exp(float(head.score.weight[0] @ token + head.score.bias[0]))
            total, pooled = total + weight, pooled + weight * token
        expected = head.linear.weight @ (pooled / total) + head.linear.bias
        torch.testing.assert_close(head(x)[b], expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_a_step_is_what_it_contributes() -> None:
    head, x = build(), features()
    outputs = head.outputs(x)
    assert set(outputs) == {"logits", "steps"}
    assert outputs["steps"].shape == (T, B, K)
    assert torch.equal(outputs["logits"], head(x))
    torch.testing.assert_close(outputs["steps"].mean(0), head(x), rtol=0, atol=1e-12)
    weights, normed = head.weights(x), head.norm(x).flatten(3)
    contributed = torch.einsum("tbn,tbcn->tbc", weights, normed) @ head.linear.weight.T
    torch.testing.assert_close(outputs["steps"], T * contributed + head.linear.bias, rtol=0, atol=1e-12)


@torch.no_grad()
def test_neither_the_order_of_steps_nor_of_places_matters() -> None:
    head, x = build(), features()
    torch.testing.assert_close(head(x.flip(0, 3)), head(x), rtol=0, atol=1e-12)


def test_it_cannot_be_streamed() -> None:
    with pytest.raises(NotStreamable, match=r"sequence pooling weighs the tokens of all time steps.*in one call"):
        build().steps(features(), Memory({}))


def test_every_operation_is_declared_and_run_by_either_call() -> None:
    head = build()
    operations = {name: module for name, module in head.named_modules() if isinstance(module, DescribesItself)}
    assert set(operations) == {"score", "product", "linear"}
    assert {values for module in operations.values() for values in module.op_spec().inputs} == {REAL}
    ran: list[str] = []
    for name, module in operations.items():
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    head(features())
    assert sorted(ran) == sorted(operations)  # each once, so that a count of operations is that of the logits
    ran.clear()
    head.outputs(features())
    assert set(ran) == set(operations)
