from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spikeformers.data import Framing
from spikeformers.data.pictures.framing import random_box
from spikeformers.errors import ConfigError
from tests.oracles import library

SIDES = st.integers(1, 60)


@pytest.fixture(scope="module")
def transforms() -> Any:
    return library("torchvision.transforms")


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8))


def pixels(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def framed(framing: Framing, image: Image.Image, generator: torch.Generator | None = None) -> torch.Tensor:
    return torch.from_numpy(framing(image, generator).copy())


@settings(max_examples=60)
@given(
    width=SIDES,
    height=SIDES,
    size=st.integers(1, 40),
    crop_pct=st.sampled_from([1.0, 0.95, 0.875, 0.5]),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
)
def test_evaluation_is_that_of_torchvision(
    transforms: Any, width: int, height: int, size: int, crop_pct: float, interpolation: str
) -> None:
    image = picture(width, height)
    mode = transforms.InterpolationMode(interpolation)
    oracle = transforms.Compose([transforms.Resize(int(size / crop_pct), mode), transforms.CenterCrop(size)])
    ours = Framing(image_size=(size, size), channels=3, crop_pct=crop_pct, interpolation=interpolation)
    assert torch.equal(framed(ours, image), pixels(oracle(image)))


@settings(max_examples=60)
@given(
    width=SIDES,
    height=SIDES,
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    scale=st.sampled_from([(0.08, 1.0), (0.2, 0.3), (1.0, 1.0)]),
    ratio=st.sampled_from([(3 / 4, 4 / 3), (1.0, 1.0), (2.0, 3.0)]),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
    seed=st.integers(0, 1000),
)
def test_random_crops_are_those_of_torchvision(
    transforms: Any,
    width: int,
    height: int,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    interpolation: str,
    seed: int,
) -> None:
    image = picture(width, height)
    ours = Framing(image_size=size, channels=3, scale=scale, ratio=ratio, interpolation=interpolation)
    mode = transforms.InterpolationMode(interpolation)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        expected = transforms.RandomResizedCrop(size, scale, ratio, mode)(image)
        after = torch.rand(3)
    generator = torch.Generator().manual_seed(seed)
    assert torch.equal(framed(ours, image, generator), pixels(expected))
    assert torch.equal(torch.rand(3, generator=generator), after), "as many numbers were drawn"


@pytest.mark.parametrize(("size", "expected"), [((100, 10), (43, 0, 56, 10)), ((10, 100), (0, 43, 10, 56))])
def test_a_crop_that_never_fits_is_the_central_part(size: tuple[int, int], expected: tuple[int, ...]) -> None:
    # The whole area of a strip cannot have proportions between 3:4 and 4:3.
    assert random_box(size, (1.0, 1.0), (3 / 4, 4 / 3), torch.Generator()) == expected


def test_crops_depend_on_the_generator_alone() -> None:
    framing = Framing(image_size=(8, 8), channels=3, scale=(0.1, 0.5))
    first, again, other = (framed(framing, picture(30, 20), torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(ValueError, match="pass a torch"):
        framing(picture(30, 20))


def test_a_picture_of_the_right_size_and_mode_stays_as_it_is() -> None:
    image = picture(9, 7)
    framing = Framing(image_size=(7, 9), channels=3)
    assert torch.equal(framed(framing, image), pixels(image))
    assert framing.keeps((3, 7, 9))
    assert not framing.keeps((1, 7, 9))
    assert not framing.keeps((3, 9, 7))
    assert not Framing(image_size=(7, 9), channels=3, crop_pct=0.875).keeps((3, 7, 9))
    assert not Framing(image_size=(7, 9), channels=3, scale=(0.5, 1)).keeps((3, 7, 9))


@given(width=SIDES, height=SIDES, size=st.tuples(st.integers(1, 40), st.integers(1, 40)), crop_pct=st.floats(0.3, 1))
def test_every_picture_becomes_one_of_the_asked_size(
    width: int, height: int, size: tuple[int, int], crop_pct: float
) -> None:
    framing = Framing(image_size=size, channels=1, crop_pct=crop_pct)
    assert framing(Image.new("RGB", (width, height), "white")).shape == (1, *size)
    # White stays white to the edge: nothing beyond the picture was cut in.
    assert (framing(Image.new("RGB", (width, height), "white")) == 255).all()


def test_grey_and_colour_are_converted() -> None:
    grey = Framing(image_size=(5, 4), channels=1)(picture(4, 5))
    luma = np.asarray(picture(4, 5)) @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey[0], luma, atol=1)
    colour = Framing(image_size=(5, 4), channels=3)(picture(4, 5).convert("L"))
    assert (colour == grey).all()


def test_evaluation_has_no_random_crops() -> None:
    framing = Framing(image_size=(8, 8), channels=3, scale=(0.1, 1), crop_pct=0.9)
    assert framing.at_evaluation() == Framing(image_size=(8, 8), channels=3, crop_pct=0.9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"image_size": (0, 8)}, "each 1 pixel or more"),
        ({"channels": 2}, "1 channel .* or 3 .*, but 2 were asked for"),
        ({"crop_pct": 0.0}, "crop_pct is 0.0; it must be above 0"),
        ({"crop_pct": 1.1}, "at most 1"),
        ({"interpolation": "cubic"}, "no interpolation 'cubic'. Did you mean 'bicubic'.*Known are: bilinear"),
        ({"scale": (0.5, 0.2)}, r"scale is \(0.5, 0.2\)"),
        ({"scale": (0.0, 1.0)}, "above 0 and at most 1"),
        ({"ratio": (2.0, 1.0)}, "ratio is .*smaller one first"),
    ],
)
def test_values_outside_their_range_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Framing(**{"image_size": (8, 8), "channels": 3, **words})
