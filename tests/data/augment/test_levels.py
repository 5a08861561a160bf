"""What magnitudes mean, against timm."""

from __future__ import annotations

import random
from types import ModuleType

import pytest
import torch

from spikeformers.data.augment.levels import FULL, FULL_INCREASING, LEVELS, REDUCED
from spikeformers.data.augment.operations import OPERATIONS


@pytest.mark.parametrize("name", sorted(LEVELS))
@pytest.mark.parametrize("sign", [1, -1])
def test_magnitudes_mean_what_they_mean_in_timm(
    timm: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, sign: int
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.25 if sign == 1 else 0.75)
    magnitudes = torch.cat([torch.linspace(0, 20, 401, dtype=torch.float64), torch.arange(21, dtype=torch.float64)])
    ours = LEVELS[name].argument(magnitudes / 10, torch.full_like(magnitudes, sign))
    convert = timm.auto_augment.LEVEL_TO_ARG[name]
    if convert is None:
        assert name in ("AutoContrast", "Equalize", "Invert")
        return
    theirs = torch.tensor([convert(m, {})[0] for m in magnitudes.tolist()], dtype=torch.float64)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_the_lists_are_those_of_timm(timm: ModuleType) -> None:
    assert set(FULL) == set(timm.auto_augment._RAND_TRANSFORMS)
    assert set(FULL_INCREASING) == set(timm.auto_augment._RAND_INCREASING_TRANSFORMS)
    assert len(FULL) == len(FULL_INCREASING) == 15
    assert set(REDUCED) == {"Equalize", "Rotate", "ShearX", "TranslateXRel", "TranslateYRel"}
    assert {level.operation for level in LEVELS.values()} <= set(OPERATIONS)
