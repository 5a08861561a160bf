"""What holds for every augmentation: shapes, time steps, samples that do not touch each other, the generator."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.data.augment import (
    Augment,
    AutoAugment,
    ColorJitter,
    Compose,
    CutOut,
    FramePolicy,
    RandAugment,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    Roll,
)
from spikeformers.data.augment.frame_policy import POLICIES
from spikeformers.data.augment.operations import WARPS
from spikeformers.errors import InputError
from tests.data.augment.pictures import noise, seeded

AUGMENTS: dict[str, Augment] = {
    "crop": RandomCrop(3, fill=(9,)),
    "flip": RandomHorizontalFlip(),
    "jitter": ColorJitter(0.4, 0.4, 0.4, 0.1),
    "full": RandAugment.parse("rand-m9-n2-mstd0.5-inc1", fill=(7,)),
    "full inc0": RandAugment.parse("rand-m9-n1-p1-mstd0.5-inc0"),
    "reduced": RandAugment.parse("rand-m9-n1-p1-mstd0.4-inc1", operations="reduced"),
    "moves": RandAugment(operations=tuple(WARPS), probability=1.0),
    "autoaugment": AutoAugment("imagenet"),
    "erasing": RandomErasing(0.5),
    "erasing by noise": RandomErasing(0.5, mode="pixel"),
    "roll": Roll(4),
    "cutout": CutOut(5),
    **{f"float {policy}": FramePolicy(policy) for policy in POLICIES},
    "chain": Compose((RandomCrop(1), RandomHorizontalFlip(), RandAugment.parse("rand-m9-inc1"))),
}
ANY_CHANNELS = ("crop", "flip", "moves", "erasing", "roll", "cutout", "float dvs", "float nda")


def inputs(name: str, seed: int, *shape: int) -> Tensor:
    images = noise(seed, *shape)
    return images.float() / 32 - 4 if name.startswith(("erasing", "float")) else images


@pytest.fixture(params=sorted(AUGMENTS))
def name(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("shape", [(40, 3, 12, 9), (40, 1, 12, 9), (12, 4, 3, 8, 8), (1, 3, 5, 5), (0, 3, 6, 6)])
def test_shape_and_dtype_stay_and_the_batch_is_left_alone(name: str, shape: tuple[int, ...]) -> None:
    images = inputs(name, 0, *shape)
    kept = images.clone()
    result = AUGMENTS[name](images, seeded(1))
    assert (result.shape, result.dtype) == (images.shape, images.dtype)
    assert torch.equal(images, kept)


@pytest.mark.parametrize("name", ANY_CHANNELS)
@pytest.mark.parametrize("channels", [2, 5])
def test_moves_take_any_number_of_channels(name: str, channels: int) -> None:
    images = inputs(name, 0, 30, 2, channels, 8, 8)
    result = AUGMENTS[name](images, seeded(1))
    assert result.shape == images.shape
    assert not torch.equal(result, images)


def test_equal_frames_stay_equal_and_are_changed_like_one_image(name: str) -> None:
    images = inputs(name, 2, 60, 3, 10, 10)
    frames = images.unsqueeze(1).expand(-1, 4, -1, -1, -1)
    alone, together = AUGMENTS[name](images, seeded(3)), AUGMENTS[name](frames, seeded(3))
    assert torch.equal(together, alone.unsqueeze(1).expand_as(together))
    assert not torch.equal(alone, images)


@pytest.mark.parametrize("name", ["crop", "flip", "moves", "roll", "cutout", *(f"float {word}" for word in POLICIES)])
def test_every_frame_is_moved_in_the_same_way(name: str) -> None:
    """Frames are moved as if each were alone in its place of the batch."""
    frames = inputs(name, 4, 50, 5, 3, 9, 9)
    together = AUGMENTS[name](frames, seeded(5))
    for step in range(5):
        assert torch.equal(together[:, step], AUGMENTS[name](frames[:, step], seeded(5)))


def test_no_sample_sees_another(name: str) -> None:
    """Other neighbours, or the same ones in another order, leave a sample's result as it is."""
    images = inputs(name, 6, 64, 3, 10, 10)
    others = images.clone()
    others[1::2] = inputs(name, 7, 64, 3, 10, 10)[1::2].flip(0)
    one, other = AUGMENTS[name](images, seeded(8)), AUGMENTS[name](others, seeded(8))
    assert torch.equal(one[::2], other[::2])
    same = images[:1].expand(64, -1, -1, -1).clone()
    if name == "erasing by noise":  # its noise is drawn one sample after the other
        return
    first = AUGMENTS[name](same, seeded(9))
    same[::2] = images[1]
    assert torch.equal(AUGMENTS[name](same, seeded(9))[1::2], first[1::2])


def test_samples_are_changed_independently(name: str) -> None:
    """One image many times over turns into many different ones."""
    images = inputs(name, 10, 1, 3, 12, 12).expand(80, -1, -1, -1)
    different = AUGMENTS[name](images, seeded(11)).flatten(1).unique(dim=0)
    assert len(different) >= (2 if name == "flip" else 20)


def test_the_generator_decides_everything(name: str) -> None:
    images = inputs(name, 12, 40, 3, 8, 8)
    torch.manual_seed(1)
    first, state = AUGMENTS[name](images, seeded(7)), torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(AUGMENTS[name](images, seeded(7)), first)
    assert not torch.equal(AUGMENTS[name](images, seeded(8)), first)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_images_show_does_not_change_how_much_is_drawn(name: str) -> None:
    states = []
    for images in (inputs(name, 13, 40, 3, 8, 8), inputs(name, 14, 40, 3, 8, 8) * 0):
        generator = seeded(15)
        AUGMENTS[name](images, generator)
        states.append(generator.get_state())
    assert torch.equal(*states)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 2, 2, 3, 8, 8)])
def test_other_numbers_of_axes_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"\[B, C, H, W\] or frames \[B, T, C, H, W\]; got the shape"):
        AUGMENTS[name](inputs(name, 0, *shape), seeded(0))
