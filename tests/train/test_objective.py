"""Losses against their formulas and against timm's, and labels that are no class."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.train.objective import cross_entropy, hard_labels, tet
from tests.oracles import library

LABELS = torch.tensor([0, 1, 2, 3, 3])


def logits(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def one_hot(labels: Tensor, smoothing: float = 0.0) -> Tensor:
    target = torch.full((len(labels), 4), smoothing / 4, dtype=torch.float64)
    target[range(len(labels)), labels] += 1 - smoothing
    return target


def formula(logits: Tensor, target: Tensor) -> Tensor:
    return -(target * (logits - logits.exp().sum(1, keepdim=True).log())).sum(1).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_matches_the_formula(smoothing: float) -> None:
    found = cross_entropy(logits(5, 4), LABELS, label_smoothing=smoothing)
    torch.testing.assert_close(found, formula(logits(5, 4), one_hot(LABELS, smoothing)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_soft_targets_match_the_formula_and_one_hot_ones_the_labels(smoothing: float) -> None:
    mixed = 0.3 * one_hot(LABELS) + 0.7 * one_hot(LABELS.flip(0))
    smooth = (1 - smoothing) * mixed + smoothing / 4
    found = cross_entropy(logits(5, 4), mixed, label_smoothing=smoothing)
    torch.testing.assert_close(found, formula(logits(5, 4), smooth))
    hard = cross_entropy(logits(5, 4), LABELS, label_smoothing=smoothing)
    torch.testing.assert_close(cross_entropy(logits(5, 4), one_hot(LABELS), label_smoothing=smoothing), hard)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_mixed_targets_are_smoothed_as_timm_smooths_them(smoothing: float) -> None:
    mixup, losses = library("timm.data.mixup"), library("timm.loss")
    smoothed = mixup.mixup_target(LABELS, 4, lam=0.3, smoothing=smoothing).double()
    plain = mixup.mixup_target(LABELS, 4, lam=0.3, smoothing=0.0).double()
    expected = losses.SoftTargetCrossEntropy()(logits(5, 4), smoothed)
    found = cross_entropy(logits(5, 4), plain, label_smoothing=smoothing)
    # timm builds its targets in float32.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    if smoothing:
        expected = losses.LabelSmoothingCrossEntropy(smoothing)(logits(5, 4), LABELS)
        found = cross_entropy(logits(5, 4), LABELS, label_smoothing=smoothing)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_half_precision_logits_are_taken_as_float32() -> None:
    half = logits(5, 4).half()
    found = cross_entropy(half, one_hot(LABELS))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, formula(half.double(), one_hot(LABELS)).float())
    assert tet(half[None], LABELS, weight=0.5).dtype == torch.float32


@pytest.mark.parametrize("label", [-1, 4, 100])
def test_a_label_that_is_no_class_is_named_with_its_position(label: int) -> None:
    labels = torch.tensor([0, 1, label, 3, label])
    message = rf"Label {label} at position 2 of the batch .* 4 classes \(0 to 3\)"
    with pytest.raises(InputError, match=message):
        cross_entropy(torch.zeros(5, 4), labels)
    with pytest.raises(InputError, match=message):
        tet(torch.zeros(3, 5, 4), labels, weight=0.1)


@pytest.mark.parametrize("targets", [torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3), torch.zeros(5)])
def test_targets_of_another_shape_are_refused(targets: Tensor) -> None:
    with pytest.raises(InputError, match=r"logits \[5, 4\] must be .* \[5\] or probabilities \[5, 4\], got"):
        cross_entropy(torch.zeros(5, 4), targets)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.05, 1.0])
def test_tet_matches_its_formula_and_so_does_its_gradient(soft: bool, weight: float) -> None:
    steps = logits(3, 5, 4).requires_grad_()
    mixed = 0.3 * one_hot(LABELS) + 0.7 * one_hot(LABELS.flip(0))
    target = 0.9 * (mixed if soft else one_hot(LABELS)) + 0.1 / 4
    found = tet(steps, mixed if soft else LABELS, weight=weight, means=0.7, label_smoothing=0.1)
    classified = sum(formula(step, target) for step in steps) / 3
    expected = (1 - weight) * classified + weight * ((steps - 0.7) ** 2).sum() / steps.numel()
    torch.testing.assert_close(found, expected)
    gradient = (1 - weight) * (steps.softmax(2) - target) / (3 * 5) + weight * 2 * (steps - 0.7) / steps.numel()
    found.backward()
    torch.testing.assert_close(steps.grad, gradient.detach())


def test_tet_of_one_step_without_its_second_term_is_the_cross_entropy() -> None:
    one = logits(1, 5, 4)
    torch.testing.assert_close(tet(one, LABELS, weight=0.0), cross_entropy(one[0], LABELS), rtol=0, atol=0)


def test_hard_labels_of_labels_and_of_probabilities() -> None:
    mixed = 0.3 * one_hot(LABELS) + 0.7 * one_hot(LABELS.flip(0))
    assert hard_labels(LABELS) is LABELS
    assert hard_labels(mixed).tolist() == LABELS.flip(0).tolist()
