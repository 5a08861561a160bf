"""Random erasing: what is written where, and the rule of sizes and places against timm."""

from __future__ import annotations

import math
import random
from types import ModuleType

import pytest
import torch
from torch import Tensor

from spikeformers.data.augment import RandomErasing
from spikeformers.errors import ConfigError, InputError
from tests.data.augment.pictures import noise, seeded


def boxes(erased: Tensor) -> Tensor:
    """Top, left, height and width of the rectangles `[N, 4]` in a mask `[B, H, W]`; those without are left out."""
    found = []
    for mask in erased[erased.flatten(1).any(1)]:
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        box = (int(rows[0]), int(columns[0]), len(rows), len(columns))
        assert int(mask.sum()) == box[2] * box[3]  # one rectangle, full
        assert (int(rows[-1]) - box[0] + 1, int(columns[-1]) - box[1] + 1) == box[2:]
        found.append(box)
    return torch.tensor(found)


@pytest.mark.parametrize("mode", ["const", "pixel"])
def test_rectangles_are_those_of_timm(timm: ModuleType, mode: str) -> None:
    """Kolmogorov and Smirnov's distance of each property, with the bound that chance exceeds once in 10 000."""
    images = torch.full((4000, 1, 24, 17), 9.0)
    ours = boxes(RandomErasing(0.9, mode=mode)(images, seeded(1))[:, 0] != 9)  # type: ignore[arg-type]
    random.seed(2)
    torch.manual_seed(2)
    theirs = boxes(timm.random_erasing.RandomErasing(0.9, mode=mode, device="cpu")(images.clone())[:, 0] != 9)
    # The two counts are binomial; what is not erased is refused by chance, or ten times by size.
    assert abs(len(ours) - len(theirs)) < 5 * math.sqrt(2 * 4000 * 0.9 * 0.1)
    for one, other in zip((*ours.T, ours[:, 2] * ours[:, 3]), (*theirs.T, theirs[:, 2] * theirs[:, 3]), strict=True):
        one, other = one.sort().values, other.sort().values
        points = torch.arange(24 * 17)
        shares = [torch.searchsorted(values, points, right=True) / len(values) for values in (one, other)]
        assert (shares[0] - shares[1]).abs().max() < 2.23 * math.sqrt(1 / len(one) + 1 / len(other))


def test_a_rectangle_too_large_is_drawn_again_up_to_ten_times() -> None:
    """Half of the areas fit: all ten attempts fail once in 1024; with an area of all, none fits."""
    images = torch.ones(20_000, 1, 10, 10)
    half = RandomErasing(1.0, area=(0.7225 - 0.2, 0.9025 + 0.0175), aspect=(1.0, 1.0))
    # A square fits when its side rounds to 9 or less: up to 90.25 % of the area.
    failing = 1 - (0.9025 - 0.5225) / (0.92 - 0.5225)
    whole = (half(images, seeded(0)) == 1).flatten(1).all(1).sum()
    assert whole <= 20_000 * failing**10 + 5
    narrow = RandomErasing(1.0, area=(0.8, 1.0), aspect=(1.0, 1.0))
    failing = 1 - (0.9025 - 0.8) / 0.2
    count, expected = int((narrow(images, seeded(1)) == 1).flatten(1).all(1).sum()), 20_000 * failing**10
    assert abs(count - expected) < 5 * math.sqrt(expected)
    assert torch.equal(RandomErasing(1.0, area=(1.0, 1.0), aspect=(1.0, 1.0))(images, seeded(2)), images)


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_how_many_samples_are_erased(probability: float) -> None:
    images = torch.ones(5000, 1, 32, 32)
    count = int((RandomErasing(probability)(images, seeded(3)) != 1).flatten(1).any(1).sum())
    assert abs(count - 5000 * probability) <= 5 * math.sqrt(5000 * probability * (1 - probability))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("steps", [(), (4,)])
def test_constant_erasing_writes_zeros_into_every_channel_and_time_step(
    dtype: torch.dtype, steps: tuple[int, ...]
) -> None:
    images = (noise(4, 50, *steps, 3, 16, 16, low=1) / 8).to(dtype)
    kept = images.clone()
    result = RandomErasing(1.0)(images, seeded(5))
    assert (result.dtype, result.shape) == (dtype, images.shape)
    changed = (result != images).flatten(1, -3)  # [B, T * C, H, W]
    assert torch.equal(changed.all(1), changed.any(1))
    assert (result[result != images] == 0).all()
    assert len(boxes(changed.all(1))) == 50
    assert torch.equal(images, kept)


def test_pixel_erasing_writes_the_same_normal_noise_into_every_time_step() -> None:
    images = torch.full((300, 2, 3, 32, 32), 100.0)
    result = RandomErasing(1.0, mode="pixel")(images, seeded(6))
    assert torch.equal(result[:, 0], result[:, 1])
    written = result[:, 0][result[:, 0] != 100]
    number = len(written)
    assert abs(written.mean()) < 5 / math.sqrt(number)
    assert abs(written.var() - 1) < 5 * math.sqrt(2 / number)
    assert len(written.unique()) > 0.9 * number  # every pixel and channel has a number of its own


def test_mistakes() -> None:
    with pytest.raises(ConfigError, match="probability is 2"):
        RandomErasing(2)
    with pytest.raises(ConfigError, match=r"mode is 'pixels'\. Did you mean 'pixel'"):
        RandomErasing(0.5, mode="pixels")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"area is \(0.5, 0.1\)"):
        RandomErasing(0.5, area=(0.5, 0.1))
    with pytest.raises(ConfigError, match=r"aspect is \(0, 1\)"):
        RandomErasing(0.5, aspect=(0, 1))
    with pytest.raises(InputError, match=r"float images, got torch.uint8. Apply it after normalisation"):
        RandomErasing(0.5)(noise(0, 2, 3, 8, 8), seeded(0))
