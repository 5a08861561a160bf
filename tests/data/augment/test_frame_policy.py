"""Policies of event frames: each operation against torchvision or torch, and how often it is drawn."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.data.augment import FramePolicy
from spikeformers.data.augment.frame_policy import BINS, MAPS, POLICIES
from spikeformers.data.augment.warps import warp
from spikeformers.errors import ConfigError, InputError
from tests.data.augment.pictures import noise, seeded

SIZE = (24, 20)


def counts(seed: int, batch: int) -> Tensor:
    """Frames that hold every number once, so that a moved pixel tells where it came from."""
    order = torch.rand(batch, 3 * 2 * SIZE[0] * SIZE[1], generator=seeded(seed)).argsort(1)
    return (order + 1).float().view(batch, 3, 2, *SIZE)


def moved(name: str, magnitude: float, frames: Tensor) -> Tensor:
    build, limit = MAPS[name]
    maps = build(torch.full((len(frames),), magnitude * limit, dtype=torch.float64), *SIZE)
    return warp(frames, maps, torch.zeros(2, 1, 1), "nearest")


@pytest.mark.parametrize("magnitude", [-1.0, -0.4, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("name", sorted(MAPS))
def test_moves_are_torchvisions(name: str, magnitude: float, torchvision: Any) -> None:
    frames = counts(0, 2)
    functional, nearest = torchvision.functional, torchvision.InterpolationMode.NEAREST
    still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    change = {
        "ShearX": {"shear": [math.degrees(0.3 * magnitude), 0.0]},
        "TranslateX": {"translate": [int(5 * magnitude), 0]},
        "TranslateY": {"translate": [0, int(5 * magnitude)]},
        "Rotate": {"angle": 30.0 * magnitude},
    }[name]
    both = []
    for sign in (1, -1):
        words = {**still, **{word: [sign * v for v in value] if isinstance(value, list) else sign * value
                             for word, value in change.items()}}  # fmt: skip
        theirs = functional.affine(frames.flatten(0, 1), **words, interpolation=nearest, fill=0.0)
        both.append((theirs.view_as(frames) != moved(name, magnitude, frames)).double().mean().item())
    # One of the two directions (ours is drawn) is the same but for ties between pixels.
    assert min(both) < 0.01
    assert max(both) > 0.1 or int(5 * magnitude) == 0


def test_values_of_moved_frames_are_old_values_or_zero() -> None:
    frames = counts(1, 60)
    for policy in POLICIES:
        result = FramePolicy(policy)(frames, seeded(2))
        for before, after in zip(frames, result, strict=True):
            assert torch.isin(after, before).logical_or(after == 0).all()


def kinds(policy: str, batch: int) -> list[str]:
    """What became of each of many samples, told by the pixels themselves."""
    frame = counts(3, 1)
    results = FramePolicy(policy)(frame.expand(batch, -1, -1, -1, -1), seeded(4))
    found = []
    for result in results:
        kept = result == frame[0]
        hole = (result == 0)[0, 0]
        rows, columns = hole.nonzero().T
        if kept.all():
            found.append("same")
        elif torch.equal(kept, ~(result == 0)) and kept.any():
            assert len(rows) == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
            found.append("hole")
        else:
            found.append("moved" if hole.any() else "rolled or turned")
    return found


def test_operations_are_drawn_uniformly() -> None:
    """Of 6 operations one is nothing, one cuts out; four move, and do nothing where their magnitude is too small."""
    drawn = kinds("dvs", 1500)
    assert drawn.count("hole") / 1500 == pytest.approx(1 / 6, abs=0.04)
    # Nothing, or a shift by less than a whole pixel (6 of 31 magnitudes), or a rotation or shear too small to be seen.
    assert 1 / 6 + 2 / 6 * 6 / BINS - 0.04 < drawn.count("same") / 1500 < 0.4
    assert "hole" not in kinds("dvs-trivial", 500)
    assert kinds("nda", 1000).count("hole") / 1000 == pytest.approx(1 / 4, abs=0.05)


def test_holes_of_the_papers_policy_are_squares_of_up_to_11_percent() -> None:
    frames = torch.ones(900, 1, 1, 64, 64)
    results = FramePolicy("dvs")(frames, seeded(5))[:, 0, 0]
    sides = []
    for result in results:
        rows, columns = (result == 0).nonzero().T
        at_border = {0, 63} & {*rows.tolist(), *columns.tolist()}
        if len(rows) and not at_border:
            sides.append((int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1))
    assert len(sides) > 70
    assert all(height == width for height, width in sides)
    assert min(sides)[0] >= math.floor(math.sqrt(0.001) * 64)
    assert 19 <= max(sides)[0] <= math.ceil(math.sqrt(0.11) * 64)


def test_images_and_unknown_policies_are_refused() -> None:
    with pytest.raises(InputError, match="takes float frames of events"):
        FramePolicy("dvs")(noise(0, 2, 3, 8, 8), seeded(0))
    with pytest.raises(ConfigError, match=r"no policy 'dsv' for event frames\. Did you mean 'dvs'"):
        FramePolicy("dsv")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_floats_are_taken(dtype: torch.dtype) -> None:
    frames = noise(6, 40, 2, 2, 8, 8, high=9).to(dtype)
    expected = FramePolicy("dvs")(frames.float(), seeded(7)).to(dtype)
    assert torch.equal(FramePolicy("dvs")(frames, seeded(7)), expected)
