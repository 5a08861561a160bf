"""The head: mean over positions, mean over time, one linear."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from spikeformers.layers import REAL, Classifier, MeanHead


def test_logits_and_steps() -> None:
    torch.manual_seed(0)
    head = MeanHead(6, 3).double()
    features = torch.randn(4, 2, 6, 3, 5, dtype=torch.float64)
    steps = head.steps(features)
    assert steps.shape == (4, 2, 3)
    for t in range(4):
        expected = F.linear(features[t].mean((-1, -2)), head.linear.weight, head.linear.bias)
        torch.testing.assert_close(steps[t], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(head(features), steps.mean(0), rtol=0, atol=1e-12)
    assert isinstance(head.linear, Classifier)
    assert head.linear.inputs == REAL
