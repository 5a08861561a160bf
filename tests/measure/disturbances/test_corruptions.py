"""Corruptions: each is what its formula or another library says, drawn per picture, stronger with each severity."""

from __future__ import annotations

import colorsys
import io
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from spikeformers.data import load_dataset
from spikeformers.errors import InputError, UnknownNameError
from spikeformers.measure.disturbances.blurs import gaussian_blur, motion_blur
from spikeformers.measure.disturbances.compression import jpeg, pixelate
from spikeformers.measure.disturbances.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from spikeformers.measure.disturbances.draws import streams
from spikeformers.measure.disturbances.noises import gaussian_noise, impulse_noise, shot_noise
from spikeformers.measure.disturbances.places import occlusion, rotate, translate
from spikeformers.measure.disturbances.tones import brightness, contrast


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def clouds(count: int, channels: int, side: int) -> Tensor:
    """Pictures with large shapes."""
    coarse = noise(count, channels, side // 4, side // 4).float()
    return F.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 255).byte()


def digits() -> Tensor:
    return load_dataset("digits").test.read(torch.arange(48)).images


PICTURES = {
    "digits": digits,
    "noise": lambda: noise(32, 3, 32, 32),
    "clouds": lambda: clouds(24, 3, 32),
    "large clouds": lambda: clouds(8, 3, 112),
}


@pytest.mark.parametrize("pictures", PICTURES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_distortion_grows_with_severity(name: str, pictures: str) -> None:
    images = PICTURES[pictures]()
    distortion = []
    for severity in SEVERITIES:
        corrupted = corrupt(images, name, severity)
        assert (corrupted.dtype, corrupted.shape) == (torch.uint8, images.shape)
        distortion.append(((corrupted.float() - images.float()) ** 2).mean().item())
    assert distortion[0] > 0
    # Fewer but better placed boxes may show large shapes more truly: pixelate grows surely on noise alone.
    if name != "pixelate" or pictures == "noise":
        assert distortion == sorted(distortion)
    assert distortion[-1] > distortion[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_picture_is_corrupted_the_same_in_every_batch(name: str, channels: int) -> None:
    images = noise(7, channels, 12, 9)
    together = corrupt(images, name, 3, seed=5)
    parts = [corrupt(images[first : first + 3], name, 3, seed=5, first=first) for first in (0, 3, 6)]
    assert torch.equal(together, torch.cat(parts))


DRAWN = {"gaussian_noise", "shot_noise", "impulse_noise", "motion_blur", "occlusion", "rotation", "translation"}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_seeds_and_numbers_of_pictures_matter_where_something_is_drawn(name: str) -> None:
    images = noise(1, 1, 16, 16).expand(8, 1, 16, 16)
    first = corrupt(images, name, 5, seed=0)
    assert torch.equal(first, corrupt(images, name, 5, seed=0))
    assert torch.equal(first, corrupt(images, name, 5, seed=1)) == (name not in DRAWN)
    assert torch.equal(first, first[:1].expand_as(first)) == (name not in DRAWN)


NOTHING = [
    (gaussian_noise, 0.0), (impulse_noise, 0.0), (gaussian_blur, 0.0), (motion_blur, 0.0), (brightness, 0.0),
    (contrast, 1.0), (pixelate, 1.0), (occlusion, 0.0), (rotate, 0.0), (translate, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("apply", "strength"), NOTHING)
@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 3, 9, 14)])
def test_at_no_strength_nothing_happens(apply, strength: float, shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    same = apply(images, strength, streams(0, "x", 0, len(images)))
    assert torch.equal(same.round().byte(), images)


def test_gaussian_noise_has_its_deviation() -> None:
    grey = torch.full((16, 1, 32, 32), 128, dtype=torch.uint8)
    change = gaussian_noise(grey, 0.1, streams(0, "x", 0, 16)) - 128
    # 16384 draws: the deviation is known to 0.55 %, the mean to 0.2 levels.
    assert change.std().item() == pytest.approx(25.5, rel=0.03)
    assert abs(change.mean().item()) < 1


@pytest.mark.parametrize("level", [20, 200])
def test_shot_noise_is_poisson(level: int) -> None:
    images = torch.full((16, 1, 32, 32), level, dtype=torch.uint8)
    seen = shot_noise(images, 50, streams(0, "x", 0, 16))
    expected = level / 255 * 50
    photons = seen / 255 * 50
    assert (photons - photons.round()).abs().max() < 1e-3
    # Mean and variance of a Poisson distribution are equal; of 16384 draws the variance is known to about 2 %.
    assert photons.mean().item() == pytest.approx(expected, rel=0.05)
    assert photons.var().item() == pytest.approx(expected, rel=0.1)


def test_impulse_noise_strikes_its_share() -> None:
    images = torch.full((16, 3, 32, 32), 99, dtype=torch.uint8)
    struck = impulse_noise(images, 0.1, streams(0, "x", 0, 16))
    elements = images.numel()
    bound = 5 * math.sqrt(elements * 0.05 * 0.95)
    for level in (0, 255):
        assert abs(int((struck == level).sum()) - 0.05 * elements) < bound
    assert set(struck.unique().tolist()) == {0, 99, 255}


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.3])
def test_gaussian_blur_is_the_sum_over_neighbours(sigma: float) -> None:
    images = noise(2, 3, 9, 7)
    radius = int(4 * sigma + 0.5)
    pixels = images.double().numpy()
    expected = np.zeros_like(pixels)
    total = 0.0
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            weight = math.exp(-(dx * dx + dy * dy) / (2 * sigma**2))
            rows, columns = np.clip(np.arange(9) + dy, 0, 8), np.clip(np.arange(7) + dx, 0, 6)
            expected += weight * pixels[:, :, rows][..., columns]
            total += weight
    # float32 sums of at most 19 values up to 255
    np.testing.assert_allclose(gaussian_blur(images, sigma, []).numpy(), expected / total, atol=1e-3)


def test_motion_blur_draws_a_point_out_to_one_side() -> None:
    sigma, side = 3.0, 41
    point = torch.zeros(6, 1, side, side, dtype=torch.uint8)
    point[..., 20, 20] = 200
    streak = motion_blur(point, sigma, streams(0, "x", 0, 6)).double()[:, 0]
    across = torch.arange(side).double() - 20
    moved = torch.stack([(streak.sum(-2) * across).sum(-1), (streak.sum(-1) * across).sum(-1)], -1) / 200
    distance = np.arange(int(3 * sigma) + 1)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    # Nothing is lost, and the centre of mass moves by the mean of the half Gaussian; linear interpolation keeps both.
    torch.testing.assert_close(streak.sum((1, 2)), torch.full((6,), 200.0).double(), atol=1e-2, rtol=0)
    expected = float((weights * distance).sum() / weights.sum())
    torch.testing.assert_close(moved.norm(dim=-1), torch.full((6,), expected).double(), atol=1e-3, rtol=0)
    angles = torch.atan2(-moved[:, 1], -moved[:, 0])
    assert angles.abs().max() <= math.pi / 4
    assert angles.std() > 0.1


def test_brightness_is_the_value_of_hsv() -> None:
    images = torch.cat([noise(1, 3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)])
    brighter = brightness(images, 0.3, [])
    for before, after in zip(images.movedim(1, -1).reshape(-1, 3), brighter.movedim(1, -1).reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before / 255).tolist())
        expected = colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.3))
        assert (after / 255).tolist() == pytest.approx(expected, abs=1e-5)


def test_contrast_shrinks_towards_the_mean_of_each_picture_and_channel() -> None:
    images = noise(3, 2, 8, 8)
    for picture, flat in zip(images.double().numpy(), contrast(images, 0.3, []).numpy(), strict=True):
        for channel, seen in zip(picture, flat, strict=True):
            np.testing.assert_allclose(seen, (channel - channel.mean()) * 0.3 + channel.mean(), atol=1e-3)


@pytest.mark.parametrize("share", [0.95, 0.75, 0.65, 0.25, 0.01])
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (33, 50)])
def test_pixelate_is_pillows_box_filter(share: float, size: tuple[int, int]) -> None:
    images = noise(3, 1, *size)
    height, width = size
    for picture, seen in zip(images[:, 0].numpy(), pixelate(images, share, [])[:, 0].numpy(), strict=True):
        small = (max(1, int(width * share)), max(1, int(height * share)))
        theirs = (
            Image.fromarray(picture).resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.BOX)
        )
        # Pillow rounds after each of two passes.
        np.testing.assert_allclose(seen, np.asarray(theirs, dtype=np.float32), atol=1.01)


def test_jpeg_is_pillows() -> None:
    grey, colour = noise(2, 1, 16, 8), clouds(2, 3, 16)
    for images, mode in ((grey, "L"), (colour, "RGB")):
        for picture, seen in zip(images, jpeg(images, 40, []), strict=True):
            file = io.BytesIO()
            Image.fromarray(picture.movedim(0, -1).squeeze(-1).numpy()).save(file, "JPEG", quality=40)
            with Image.open(file) as opened:
                assert opened.mode == mode
                theirs = torch.from_numpy(np.array(opened))
            assert torch.equal(seen.movedim(0, -1).squeeze(-1), theirs.float())


@pytest.mark.parametrize("size", [(8, 8), (12, 20)])
def test_an_occlusion_is_one_square_over_the_smaller_one(size: tuple[int, int]) -> None:
    images = noise(40, 1, *size)
    before = torch.zeros(images.shape, dtype=torch.bool)
    corners = set()
    for share in (0.25, 0.375, 0.5, 0.625, 0.75, 1.0):
        pixels = occlusion(images, share, streams(3, "x", 0, len(images)))
        mean = images.float().mean((2, 3), keepdim=True)
        covered = pixels == mean  # noise is hardly ever its mean
        side = round(share * min(size))
        for mask in covered[:, 0]:
            rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
            assert len(rows) == len(columns) == side
            assert int(mask.sum()) == side**2
            corners.add((int(rows[0]), int(columns[0])))
        assert bool((covered | ~before).all())
        assert torch.equal(pixels[~covered], images.float()[~covered])
        before = covered
    assert {0, size[0] - round(0.25 * min(size))} <= {row for row, _ in corners}  # both borders are reached


def test_rotation_goes_either_way() -> None:
    images = noise(32, 2, 9, 9)
    turned = rotate(images, 90.0, streams(0, "x", 0, 32)).byte()
    ways = [
        [torch.equal(after, torch.rot90(before, way, (1, 2))) for way in (1, -1)]
        for before, after in zip(images, turned, strict=True)
    ]
    assert all(sum(pair) == 1 for pair in ways)
    assert 5 < sum(pair[0] for pair in ways) < 27  # 32 fair coins leave this with a chance below 1e-4


def test_translation_moves_by_its_share() -> None:
    images = torch.zeros(24, 1, 40, 40, dtype=torch.uint8)
    images[..., 18:22, 18:22] = 240
    moved = translate(images, 0.2, streams(0, "x", 0, 24)).double()[:, 0]
    place = torch.arange(40).double() - 19.5
    mass = moved.sum((1, 2))
    shift = torch.stack([(moved.sum(1) * place).sum(-1), (moved.sum(2) * place).sum(-1)], -1) / mass.unsqueeze(-1)
    # Truncated levels move the centre of mass by a few hundredths of a pixel.
    torch.testing.assert_close(shift.norm(dim=-1), torch.full((24,), 8.0).double(), atol=0.05, rtol=0)
    quadrants = {(bool(x > 0), bool(y > 0)) for x, y in shift}
    assert len(quadrants) == 4


def test_sizes_in_pixels_follow_the_size_of_large_pictures() -> None:
    blur = CORRUPTIONS["gaussian_blur"]
    assert [blur.strength(severity, 32, 40) for severity in SEVERITIES] == [0.4, 0.6, 0.7, 0.8, 1]
    assert [blur.strength(severity, 224, 300) for severity in SEVERITIES] == [1, 2, 3, 4, 6]
    assert blur.strength(5, 112, 112) == 3
    assert CORRUPTIONS["gaussian_noise"].strength(5, 112, 112) == 0.38


def test_what_cannot_be_corrupted_is_refused() -> None:
    images = noise(2, 1, 8, 8)
    with pytest.raises(UnknownNameError, match="Did you mean 'contrast'"):
        corrupt(images, "contrst", 1)
    with pytest.raises(InputError, match="from 1 to 5, got 0"):
        corrupt(images, "contrast", 0)
    with pytest.raises(InputError, match="uint8 pictures"):
        corrupt(images.float(), "contrast", 1)
    assert corrupt(images[:0], "gaussian_noise", 1).shape == (0, 1, 8, 8)
