"""Operations on pixel values against PIL, to the bit; hue against torchvision."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from spikeformers.data.augment import tones
from tests.data.augment.pictures import assert_within, from_pil, noise, pictures, to_pil

Pil = Callable[[Image.Image, float], Image.Image]


def solarize_add(image: Image.Image, addend: float) -> Image.Image:
    table = [min(255, value + int(addend)) if value < 128 else value for value in range(256)]
    return image.point(table * len(image.getbands()))


CASES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Pil, list[float]]] = {
    "auto_contrast": (tones.auto_contrast, lambda image, _: ImageOps.autocontrast(image), [0]),
    "equalize": (tones.equalize, lambda image, _: ImageOps.equalize(image), [0]),
    "invert": (tones.invert, lambda image, _: ImageOps.invert(image), [0]),
    "posterize": (tones.posterize, lambda image, bits: ImageOps.posterize(image, int(bits)), [1, 2, 3, 4, 7, 8]),
    "solarize": (tones.solarize, ImageOps.solarize, [0, 1, 28.3, 113.33, 128, 255, 256]),
    "solarize_add": (tones.solarize_add, solarize_add, [0, 1, 60, 110, 128]),
    "color": (tones.color, lambda image, f: ImageEnhance.Color(image).enhance(f), [0, 0.1, 0.7, 1, 1.3, 1.9]),
    "contrast": (tones.contrast, lambda image, f: ImageEnhance.Contrast(image).enhance(f), [0, 0.1, 0.7, 1, 1.3, 1.9]),
    "brightness": (tones.brightness, lambda im, f: ImageEnhance.Brightness(im).enhance(f), [0, 0.1, 0.7, 1, 1.3, 1.9]),
    "sharpness": (tones.sharpness, lambda im, f: ImageEnhance.Sharpness(im).enhance(f), [0, 0.1, 0.7, 1, 1.3, 1.9]),
}
ARGUMENTS = [(name, argument) for name, (_, _, arguments) in CASES.items() for argument in arguments]


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(24, 20), (40, 61), (2, 5), (1, 1)])
def test_equal_to_pil(name: str, argument: float, channels: int, size: tuple[int, int]) -> None:
    ours, theirs, _ = CASES[name]
    images = pictures(7, channels, *size)
    result = ours(images.unsqueeze(1), torch.full((len(images),), argument, dtype=torch.float64)).squeeze(1)
    expected = torch.stack([from_pil(theirs(to_pil(image), argument)) for image in images])
    assert torch.equal(result, expected)


def test_each_sample_has_an_argument_of_its_own() -> None:
    for ours, _, arguments in CASES.values():
        images = noise(1, len(arguments), 1, 3, 8, 8)
        together = ours(images, torch.tensor(arguments, dtype=torch.float64))
        for image, argument, result in zip(images, arguments, together, strict=True):
            alone = ours(image.unsqueeze(0), torch.tensor([argument], dtype=torch.float64))
            assert torch.equal(alone[0], result)


@pytest.mark.parametrize("turn", [-0.5, -0.2, 0.0, 0.1, 0.37, 0.5])
def test_hue_is_torchvision_s(torchvision: ModuleType, turn: float) -> None:
    images = torch.cat([pictures(11), noise(5, 20, 3, 24, 20)])
    result = tones.hue(images.unsqueeze(1), torch.full((len(images),), turn, dtype=torch.float64)).squeeze(1)
    # The two compute the angle in different but equal ways; truncation makes a level of a last digit.
    assert_within(result, torchvision.functional.adjust_hue(images, turn), levels=1, share=0.01)


def test_grey_images_have_no_colour_to_change() -> None:
    images = pictures(3, channels=1).unsqueeze(1)
    arguments = torch.full((len(images),), 0.3, dtype=torch.float64)
    assert torch.equal(tones.hue(images, arguments), images)
    assert torch.equal(tones.color(images, arguments), images)


def test_no_bits_are_black() -> None:
    """As older versions of PIL have it; later ones refuse."""
    assert (tones.posterize(noise(0, 2, 1, 3, 4, 4), torch.zeros(2, dtype=torch.float64)) == 0).all()


@pytest.mark.parametrize("name", ["auto_contrast", "contrast"])
def test_what_is_measured_is_measured_over_the_whole_clip(name: str) -> None:
    """A clip is changed as one picture that shows its frames side by side."""
    clip = noise(2, 1, 4, 3, 10, 6, high=120)
    clip[:, 2:] //= 2
    side_by_side = clip.permute(0, 2, 3, 1, 4).reshape(3, 10, 24)
    ours, theirs, _ = CASES[name]
    result = ours(clip, torch.tensor([1.4], dtype=torch.float64))
    expected = from_pil(theirs(to_pil(side_by_side), 1.4)).view(3, 10, 4, 6).permute(2, 0, 1, 3)
    assert torch.equal(result[0], expected)


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_a_clip_of_equal_frames_is_changed_like_one_of_them(name: str, steps: int) -> None:
    images = pictures(13).unsqueeze(1)
    ours, _, arguments = CASES[name]
    argument = torch.full((len(images),), arguments[len(arguments) // 2], dtype=torch.float64)
    clips = images.expand(-1, steps, -1, -1, -1)
    assert torch.equal(ours(clips, argument), ours(images, argument).expand_as(clips))


def test_equalize_flattens_the_histogram_of_the_whole_clip() -> None:
    """Frames that share the values 0..255 out among them already have a flat histogram together."""
    values = torch.arange(256, dtype=torch.uint8).repeat(255).view(1, 4, 1, 255, 64)
    dark_to_bright = values.flatten().sort().values.view_as(values)
    # PIL's whole-numbered step of 63 in the place of 63.75 pixels brightens by up to 3 levels; each frame by itself
    # would change by up to 192.
    assert (tones.equalize(dark_to_bright, torch.zeros(1)).int() - dark_to_bright.int()).abs().max() <= 3
