"""Agreement of the norms with SpikingJelly 2.0; skips where it is absent."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.layers import Vocabulary

reason = "SpikingJelly is not installed: pip install -e '.[interop-tests]' -c constraints.txt"
pytest.importorskip("spikingjelly", reason=reason)

from spikingjelly.activation_based import layer as sj  # noqa: E402

T, C = 4, 3


def maps() -> Tensor:
    return torch.randn(T, 5, C, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 + 1


@pytest.mark.parametrize("training", [True, False])
def test_tebn(training: bool) -> None:
    theirs = sj.TemporalEffectiveBatchNorm2d(T, C).double().train(training)
    theirs.step_mode = "m"
    ours = Vocabulary(norm="tebn", time_steps=T).build_norm(C).double().train(training)
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.scale.copy_(torch.tensor([0.5, 1.5, 2.0, 0.1]).view(norm.scale.shape))
            norm.weight.copy_(torch.tensor([0.5, 2.0, 3.0]))
            norm.bias.copy_(torch.tensor([0.3, -1.0, 0.2]))
    torch.testing.assert_close(ours(maps()), theirs(maps()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_tdbn_before_training(training: bool) -> None:
    theirs = sj.ThresholdDependentBatchNorm2d(0.5, 3.0, C).double().train(training)
    theirs.step_mode = "m"
    ours = Vocabulary(norm="tdbn(alpha=0.5)", v_threshold=3.0).build_norm(C).double().train(training)
    torch.testing.assert_close(ours(maps()), theirs(maps()), rtol=0, atol=1e-12)
