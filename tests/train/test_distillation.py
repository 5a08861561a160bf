"""Distillation losses against their formulas, and teachers of every kind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.models import create_model
from spikeformers.train.distillation import Distillation, distillation_loss, teacher_logits


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class Returns(nn.Module):
    """A teacher that gives the same answer to everything."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        return self.answer


def test_hard_distillation_is_the_cross_entropy_with_the_likeliest_class() -> None:
    student, teacher = random(6, 5), random(6, 5, seed=1)
    expected = -student.softmax(1).log()[range(6), teacher.argmax(1)].mean()
    torch.testing.assert_close(distillation_loss(student, teacher, kind="hard", temperature=3.0), expected)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_distillation_and_its_gradient_match_the_formula(temperature: float) -> None:
    student, teacher = random(6, 5).requires_grad_(), random(6, 5, seed=1)
    p, q = (teacher / temperature).softmax(1), (student / temperature).softmax(1)
    found = distillation_loss(student, teacher, kind="soft", temperature=temperature)
    torch.testing.assert_close(found, (p * (p.log() - q.log())).sum() * temperature**2 / 30)
    found.backward()
    torch.testing.assert_close(student.grad, ((q - p) * temperature / 30).detach())


def test_soft_distillation_of_the_teacher_itself_costs_nothing() -> None:
    same = random(6, 5)
    assert float(distillation_loss(same, same, kind="soft", temperature=2.0)) == pytest.approx(0.0, abs=1e-15)


def test_half_precision_is_computed_in_float32() -> None:
    student, teacher = random(6, 5).half(), random(6, 5, seed=1).half()
    for kind in ("hard", "soft"):
        found = distillation_loss(student, teacher, kind=kind, temperature=1.0)
        expected = distillation_loss(student.double(), teacher.double(), kind=kind, temperature=1.0)
        torch.testing.assert_close(found, expected.float())


@pytest.mark.parametrize(("output", "head"), [("logits", "logits"), ("token", "distillation")])
def test_the_total_weighs_labels_and_teacher_and_takes_the_right_head(output: Any, head: str) -> None:
    heads = {"logits": random(6, 5), "distillation": random(6, 5, seed=2)}
    teacher, base = random(6, 5, seed=1), torch.tensor(2.5, dtype=torch.float64)
    taught = distillation_loss(heads[head], teacher, kind="soft", temperature=2.0)
    found = Distillation(kind="soft", alpha=0.3, temperature=2.0, output=output).loss(heads, base, teacher)
    torch.testing.assert_close(found, 0.7 * base + 0.3 * taught)


def test_a_model_without_a_distillation_head_is_told_so() -> None:
    words = Distillation(kind="hard", alpha=0.5, temperature=1.0, output="token")
    heads = create_model("spikformer_2_64.digits", dim=32).forward_heads(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ConfigError, match=r"no distillation head, .*\(its heads: logits, steps\).* output = 'logits'"):
        words.loss(heads, torch.zeros(()), torch.zeros(2, 10))


def test_a_teacher_answers_in_eval_mode_and_without_gradients() -> None:
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    state = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    x = torch.randn(8, 1, 2, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    answers = teacher_logits(teacher, x, classes=3)
    assert not answers.requires_grad
    torch.testing.assert_close(answers, teacher[1](x.flatten(1)).detach(), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(tensor, state[name]) for name, tensor in teacher.state_dict().items())
    # The answers enter a loss that is differentiated.
    student = torch.randn(8, 3, requires_grad=True)
    distillation_loss(student, answers, kind="soft", temperature=1.0).backward()
    assert student.grad is not None


def test_a_teacher_with_a_time_axis_is_averaged() -> None:
    steps = random(4, 6, 5)
    torch.testing.assert_close(teacher_logits(Returns(steps), torch.zeros(6, 1), classes=5), steps.sum(0) / 4)


def test_a_spiking_model_can_teach() -> None:
    teacher = create_model("spikformer_2_64.digits", dim=32)
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(teacher_logits(teacher, x, classes=10), teacher(x).detach(), rtol=0, atol=0)


@pytest.mark.parametrize(
    "answer", [(torch.zeros(6, 5), None), {"logits": torch.zeros(6, 5)}, torch.zeros(5), torch.zeros(7, 5)]
)
def test_a_teacher_that_returns_no_logits_of_the_batch_is_refused(answer: Any) -> None:
    with pytest.raises(ConfigError, match=r"must return logits \[B, K\] or \[T, B, K\] of a batch of B = 6, got"):
        teacher_logits(Returns(answer), torch.zeros(6, 1), classes=5)


def test_a_teacher_of_other_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="The teacher has 1000 classes, the model 10"):
        teacher_logits(Returns(torch.zeros(6, 1000)), torch.zeros(6, 1), classes=10)
