from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from spikeformers.data.augment import Augment, Compose, RandomCrop, RandomHorizontalFlip
from spikeformers.errors import ConfigError, InputError

DTYPES = [torch.uint8, torch.float32]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distinct(count: int, dtype: torch.dtype, channels: int = 3, height: int = 6, width: int = 5) -> torch.Tensor:
    """Random images without black pixels, so that every crop and mirror image differs."""
    return torch.randint(1, 256, (count, channels, height, width), generator=seeded(99)).to(dtype)


def crop_places(before: torch.Tensor, after: torch.Tensor, padding: int) -> list[tuple[int, int]]:
    """Return where each sample was cut out; fail if one is no crop of its own image."""
    _, _, height, width = before.shape
    padded = F.pad(before, (padding,) * 4)
    places = []
    for source, result in zip(padded, after, strict=True):
        matches = [
            (down, right)
            for down, right in itertools.product(range(2 * padding + 1), repeat=2)
            if torch.equal(source[:, down : down + height, right : right + width], result)
        ]
        assert len(matches) == 1
        places.append(matches[0])
    return places


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", [1, 2])
def test_a_crop_is_a_window_of_the_padded_image_at_any_place(dtype: torch.dtype, padding: int) -> None:
    images = distinct(900, dtype)
    result = RandomCrop(padding)(images, seeded(0))
    assert result.dtype == dtype
    counts = Counter(crop_places(images, result, padding))
    number = (2 * padding + 1) ** 2
    assert len(counts) == number
    # Each place is binomial(900, 1/number): six standard deviations either side.
    expected, spread = 900 / number, (900 / number * (1 - 1 / number)) ** 0.5
    assert all(abs(count - expected) < 6 * spread for count in counts.values())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fill", [(9,), (7, 200, 31)])
def test_the_border_has_the_colour_of_fill(dtype: torch.dtype, fill: tuple[int, ...]) -> None:
    images = torch.zeros(200, 3, 5, 4, dtype=dtype)
    result = RandomCrop(5, fill)(images, seeded(1))
    for channel in range(3):
        values = result[:, channel].unique()
        assert values.tolist() == [0, fill[channel % len(fill)]]


def test_a_fill_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"fill has 2 numbers, but the images have 3 channel"):
        RandomCrop(1, (1, 2))(distinct(2, torch.uint8), seeded(0))
    with pytest.raises(ConfigError, match=r"fill is \(256,\)"):
        RandomCrop(1, (256,))(distinct(2, torch.uint8), seeded(0))


def test_a_crop_without_padding_changes_nothing() -> None:
    images = distinct(5, torch.uint8)
    assert torch.equal(RandomCrop(0)(images, seeded(0)), images)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 1.0])
def test_a_flip_mirrors_some_samples_and_leaves_the_others(dtype: torch.dtype, probability: float) -> None:
    images = distinct(4000, dtype)
    result = RandomHorizontalFlip(probability)(images, seeded(0))
    assert result.dtype == dtype
    mirrored = (result == images.flip(3)).flatten(1).all(1)
    kept = (result == images).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    spread = (4000 * probability * (1 - probability)) ** 0.5
    assert abs(int(mirrored.sum()) - 4000 * probability) <= 6 * spread


def test_compose_applies_every_step_in_order() -> None:
    images = distinct(200, torch.uint8)
    both = Compose((RandomHorizontalFlip(0.5), RandomCrop(1)))(images, seeded(3))
    generator = seeded(3)
    flipped = RandomHorizontalFlip(0.5)(images, generator)
    assert torch.equal(both, RandomCrop(1)(flipped, generator))
    crop_places(flipped, both, 1)
    assert torch.equal(Compose(())(images, seeded(3)), images)


@pytest.mark.parametrize("augment", [RandomCrop(2), RandomHorizontalFlip()])
def test_the_generator_decides_everything(augment: Augment) -> None:
    images = distinct(100, torch.uint8)
    torch.manual_seed(1)
    kept, first = images.clone(), augment(images, seeded(7))
    torch.manual_seed(2)
    assert torch.equal(augment(images, seeded(7)), first)
    assert not torch.equal(augment(images, seeded(8)), first)
    assert torch.equal(images, kept)


def test_words_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="padding is -1"):
        RandomCrop(-1)
    with pytest.raises(ConfigError, match=r"probability is 1\.5"):
        RandomHorizontalFlip(1.5)
    with pytest.raises(ConfigError, match="probability is nan"):
        RandomHorizontalFlip(float("nan"))
