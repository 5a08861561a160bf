"""One loss out of labels, teacher and penalties."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from spikeformers.models import SpikingModel, create_model
from spikeformers.train.distillation import Distillation, distillation_loss
from spikeformers.train.goal import Goal
from spikeformers.train.objective import cross_entropy, tet
from spikeformers.train.penalty import SpikePenalty
from spikeformers.train.words import LossWords


@pytest.fixture
def model() -> SpikingModel:
    torch.manual_seed(0)
    return create_model("spikformer_2_64.digits", dim=16, depth=1, heads=2, time_steps=3)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))


LABELS = torch.arange(6)


class Teacher(nn.Module):
    """Answers with fixed logits and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(x)
        return torch.eye(10)[torch.arange(len(x)) % 10] * 4


def test_plain_cross_entropy_of_labels_and_of_shares(model: SpikingModel, x: Tensor) -> None:
    goal, expected = Goal(words=LossWords(label_smoothing=0.1)), model(x)
    loss, logits = goal(model, x, LABELS)
    assert torch.equal(logits, expected)
    assert torch.equal(loss, cross_entropy(expected, LABELS, label_smoothing=0.1))
    shares = torch.full((6, 10), 0.1)
    assert torch.equal(goal(model, x, shares)[0], cross_entropy(expected, shares, label_smoothing=0.1))


def test_tet_sees_every_time_step(model: SpikingModel, x: Tensor) -> None:
    loss, logits = Goal(words=LossWords(tet=0.05, tet_means=0.8))(model, x, LABELS)
    steps = model.forward_steps(x)
    torch.testing.assert_close(loss, tet(steps, LABELS, weight=0.05, means=0.8))
    torch.testing.assert_close(logits, steps.mean(0))


def test_a_teacher_gets_the_same_batch_and_its_share(model: SpikingModel, x: Tensor) -> None:
    teacher = Teacher()
    how = Distillation(kind="soft", alpha=0.7, temperature=2.0, output="logits")
    loss, logits = Goal(words=LossWords(), distillation=how, teacher=teacher)(model, x, LABELS)
    assert len(teacher.asked) == 1
    assert torch.equal(teacher.asked[0], x)
    taught = distillation_loss(logits, torch.eye(10)[:6] * 4, kind="soft", temperature=2.0)
    torch.testing.assert_close(loss, 0.3 * cross_entropy(logits, LABELS) + 0.7 * taught)


def test_penalties_are_added(model: SpikingModel, x: Tensor) -> None:
    model.eval()  # so that two passes are equal
    words = LossWords(rate_weight=2.0, rate_target=0.05, operations_weight=0.5)
    loss, logits = Goal(words=words)(model, x, LABELS)
    with SpikePenalty(model, rate_weight=2.0, rate_target=0.05, operations_weight=0.5) as penalty:
        model(x)
    extra = penalty.loss()
    assert extra > 0
    torch.testing.assert_close(loss, cross_entropy(logits, LABELS) + extra)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_computes_in_half_and_sums_in_full(model: SpikingModel, x: Tensor, dtype: torch.dtype) -> None:
    seen: list[torch.dtype] = []
    model.head.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    loss, _ = replace(Goal(words=LossWords(rate_weight=1.0)), dtype=dtype)(model, x, LABELS)
    assert seen == [dtype]
    assert loss.dtype == torch.float32
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.dtype == torch.float32 for gradient in gradients)
