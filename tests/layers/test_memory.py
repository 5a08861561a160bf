"""What is kept between two steps, and that the step before stays as it was."""

from __future__ import annotations

import torch
from torch import nn

from spikeformers.layers import Memory


def test_what_was_kept_is_recalled_one_step_later() -> None:
    a, b = nn.Identity(), nn.Identity()
    first = Memory({})
    assert first.recall(a) is None
    first.keep(a, torch.tensor(1.0))
    first.keep(a, torch.tensor(2.0), "trace")
    first.keep(b, torch.tensor(3.0))
    assert first.recall(a) is None, "a step must not see its own output"

    second = Memory(first.after)
    assert second.recall(a) == 1.0
    assert second.recall(a, "trace") == 2.0
    assert second.recall(b) == 3.0
    second.keep(a, torch.tensor(4.0))
    assert first.after[a, "v"] == 1.0
    assert second.after == {(a, "v"): 4.0}
