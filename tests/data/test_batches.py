from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data import Batches, Images, RandomHorizontalFlip, batches, normalise
from spikeformers.errors import ConfigError, DataError

MEAN, STD = (0.3, 0.5), (0.2, 0.25)


def numbered(count: int) -> Images:
    """Images whose every pixel and label tell which one it is."""
    number = torch.arange(count)
    pixels = number.view(-1, 1, 1, 1).expand(-1, 2, 3, 4).to(torch.uint8).clone()
    pixels[:, 1] += 1
    return Images(pixels, number)


def make(count: int, size: int, **words: Any) -> Batches:
    return batches(numbered(count), batch_size=size, mean=MEAN, std=STD, **words)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    count=st.integers(1, 60),
    size=st.integers(1, 25),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    seed=st.integers(0, 2**40),
)
def test_an_epoch_holds_every_image_once_with_its_label(
    count: int, size: int, shuffle: bool, drop_last: bool, seed: int
) -> None:
    if drop_last and count < size:
        return
    loader = make(count, size, shuffle=shuffle, drop_last=drop_last, generator=seeded(seed))
    epoch = list(loader)
    assert len(epoch) == len(loader)
    assert all(len(y) == size for _, y in epoch[:-1])
    labels = torch.cat([y for _, y in epoch])
    assert len(labels) == (count - count % size if drop_last else count)
    assert len(labels.unique()) == len(labels)
    if not shuffle:
        assert labels.tolist() == list(range(len(labels)))
    for x, y in epoch:
        assert x.dtype == torch.float32
        assert x.shape == (len(y), 2, 3, 4)
        torch.testing.assert_close(x[:, 0, 2, 3], (y / 255 - 0.3) / 0.2)
        torch.testing.assert_close(x[:, 1, 0, 0], ((y + 1) / 255 - 0.5) / 0.25)


def test_equal_generators_give_equal_epochs_and_other_ones_do_not() -> None:
    def order(generator: torch.Generator) -> list[int]:
        return torch.cat([y for _, y in make(50, 8, shuffle=True, generator=generator)]).tolist()

    first = seeded(1)
    epochs = [order(first), order(first)]
    again = seeded(1)
    assert [order(again), order(again)] == epochs
    assert epochs[0] != epochs[1]
    assert order(seeded(2)) != epochs[0]


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    list(make(50, 8, shuffle=True, generator=seeded(0), augment=RandomHorizontalFlip()))
    assert torch.equal(torch.get_rng_state(), before)


def test_augmentation_sees_uint8_batches_and_leaves_the_stored_images_alone() -> None:
    images, seen = numbered(10), []

    def invert(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        seen.append((x.dtype, len(x)))
        return 255 - x

    kept = images.images.clone()
    epoch = list(batches(images, batch_size=4, mean=MEAN, std=STD, augment=invert, generator=seeded(0)))
    assert seen == [(torch.uint8, 4), (torch.uint8, 4), (torch.uint8, 2)]
    torch.testing.assert_close(epoch[0][0], normalise(255 - kept[:4], MEAN, STD))
    assert torch.equal(images.images, kept)


def test_normalise_gives_zero_mean_and_unit_std() -> None:
    pixels = torch.randint(0, 256, (50, 2, 9, 9), generator=seeded(0), dtype=torch.uint8)
    scaled = pixels.double() / 255
    mean, std = scaled.mean((0, 2, 3)), scaled.std((0, 2, 3))
    x = normalise(pixels, mean.tolist(), std.tolist())
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std((0, 2, 3)), torch.ones(2), atol=1e-5, rtol=0)


def test_normalise_does_not_write_into_a_float_input() -> None:
    pixels = torch.full((1, 2, 3, 3), 255.0)
    normalise(pixels, MEAN, STD)
    assert (pixels == 255).all()


def test_words_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size is 0; it must be 1 or more"):
        make(5, 0)
    with pytest.raises(ConfigError, match="batch_size 6 with drop_last leaves no batch of 5 images"):
        make(5, 6, drop_last=True)
    with pytest.raises(ValueError, match=r"pass a torch\.Generator"):
        make(5, 2, shuffle=True)
    with pytest.raises(ValueError, match=r"pass a torch\.Generator"):
        make(5, 2, augment=RandomHorizontalFlip())
    with pytest.raises(DataError, match=r"2 channel\(s\), but 1 means and 2 standard"):
        batches(numbered(5), batch_size=2, mean=(0.5,), std=STD)
    with pytest.raises(DataError, match=r"2 channel\(s\), but 2 means and 3 standard"):
        normalise(numbered(5).images, MEAN, (1.0, 1.0, 1.0))
