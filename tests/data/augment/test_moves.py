"""Rolling and cutting out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.data.augment import CutOut, Roll
from spikeformers.data.augment.moves import roll
from spikeformers.errors import ConfigError
from tests.data.augment.pictures import noise, seeded


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_rolling_is_torchs_over_height_and_width(dtype: torch.dtype) -> None:
    frames = noise(0, 6, 3, 2, 7, 9).to(dtype)
    down, right = torch.tensor([0, 1, -2, 5, -5, 3]), torch.tensor([2, 0, -4, 4, 1, -3])
    for sample, rolled in enumerate(roll(frames, down, right)):
        expected = torch.roll(frames[sample], (int(down[sample]), int(right[sample])), (-2, -1))
        assert torch.equal(rolled, expected)


def test_a_roll_goes_up_to_its_pixels_in_every_direction() -> None:
    point = torch.zeros(1, 1, 1, 9, 9)
    point[..., 4, 4] = 1
    rolled = Roll(2)(point.expand(2000, -1, -1, -1, -1), seeded(0))
    times = rolled.sum((0, 1, 2))
    assert times[2:7, 2:7].sum() == 2000
    # 80 of 2000 expected at each of 25 places, with a standard deviation of 9.
    assert (times[2:7, 2:7] - 80).abs().max() < 50


def holes(cut: Tensor) -> Tensor:
    """How large what is 0 is in each sample."""
    return (cut == 0).flatten(1).sum(1)


@pytest.mark.parametrize("side", [1, 4, 5])
def test_a_square_is_cut_out_around_any_pixel(side: int) -> None:
    cut = CutOut(side)(torch.ones(3000, 1, 1, 9, 11), seeded(1))[:, 0, 0]
    for sample in cut[:200]:
        rows, columns = (sample == 0).nonzero().T
        height, width = (int(places.max() - places.min()) + 1 for places in (rows, columns))
        assert height * width == len(rows)  # a full rectangle
        assert max(height, width) <= side
        at_border = {"top": rows.min() == 0, "bottom": rows.max() == 8}
        assert height == side or any(at_border.values())
    # Whole unless its centre is within half a side of a border.
    inner = ((9 - side + 1) * (11 - side + 1)) / 99
    assert (holes(cut) == side * side).double().mean().item() == pytest.approx(inner, abs=0.04)


def test_frames_smaller_than_the_square_lose_all_of_it_that_covers_them() -> None:
    assert (CutOut(40)(torch.ones(5, 2, 8, 8), seeded(2)) == 0).all()
    assert torch.equal(CutOut(0)(torch.ones(5, 2, 8, 8), seeded(2)), torch.ones(5, 2, 8, 8))


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="pixels is -1"):
        Roll(-1)
    with pytest.raises(ConfigError, match="side is -2"):
        CutOut(-2)
