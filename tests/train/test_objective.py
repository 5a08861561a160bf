"""Cross-entropy against its formula, and labels that are no class."""

from __future__ import annotations

import pytest
import torch

from spikeformers.errors import InputError
from spikeformers.train.objective import cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_matches_the_formula(smoothing: float) -> None:
    logits = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 3, 3])
    target = torch.full((5, 4), smoothing / 4, dtype=torch.float64)
    target[range(5), labels] += 1 - smoothing
    expected = -(target * (logits - logits.exp().sum(1, keepdim=True).log())).sum(1).mean()
    torch.testing.assert_close(cross_entropy(logits, labels, label_smoothing=smoothing), expected)


@pytest.mark.parametrize("label", [-1, 4, 100])
def test_a_label_that_is_no_class_is_named_with_its_position(label: int) -> None:
    labels = torch.tensor([0, 1, label, 3, label])
    with pytest.raises(InputError, match=rf"Label {label} at position 2 of the batch .* 4 classes \(0 to 3\)"):
        cross_entropy(torch.zeros(5, 4), labels)
