"""An ordinary norm by word, over the frames."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikeformers.layers import OverFrames, register_norm
from tests.models.tiny import random_input, smallest


def test_an_ordinary_norm_serves_over_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    register_norm("group", lambda channels: OverFrames(nn.GroupNorm(1, channels)))
    model = smallest(norm="group")
    assert model(random_input(model, 2)).isfinite().all()
    x = torch.randn(3, 2, 4, 5)
    frames = OverFrames(nn.GroupNorm(1, 4))
    assert torch.equal(frames(x)[2, 1], nn.GroupNorm(1, 4)(x[2, 1:2])[0])
