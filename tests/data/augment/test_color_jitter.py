"""Colour jitter: ranges and order as torchvision defines them, whole batches against torchvision."""

from __future__ import annotations

import math
from collections import Counter
from types import ModuleType

import pytest
import torch

from spikeformers.data.augment import ColorJitter
from spikeformers.data.augment.operations import OPERATIONS
from spikeformers.errors import ConfigError, InputError
from tests.data.augment.pictures import from_pil, noise, pictures, seeded, to_pil


@pytest.mark.parametrize("values", [(0.4, 0.4, 0.4), (0.8, 0.0, 1.7), (0.0, 0.3, 0.0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_batches_are_changed_as_torchvision_changes_images(
    torchvision: ModuleType, values: tuple[float, float, float], channels: int
) -> None:
    jitter = ColorJitter(*values)
    images = torch.cat([pictures(seed, channels) for seed in range(10)])
    result = jitter(images, seeded(1))
    layers = list(jitter.draw(len(images), seeded(1)))
    functional = torchvision.functional
    adjust = {
        "Brightness": functional.adjust_brightness,
        "Contrast": functional.adjust_contrast,
        "Color": functional.adjust_saturation,
    }
    for sample, image in enumerate(images):
        picture = to_pil(image)
        for layer in layers:
            if layer.operation[sample] >= 0:
                picture = adjust[OPERATIONS[layer.operation[sample]]](picture, float(layer.argument[sample]))
        assert torch.equal(result[sample], from_pil(picture))


def test_factors_are_uniform_in_torchvision_s_ranges(torchvision: ModuleType) -> None:
    values = (0.4, 1.7, 0.9, 0.2)
    theirs = torchvision.ColorJitter(*values)
    ranges = dict(
        zip(
            ("Brightness", "Contrast", "Color", "Hue"),
            (theirs.brightness, theirs.contrast, theirs.saturation, theirs.hue),
            strict=True,
        )
    )
    layers = list(ColorJitter(*values).draw(5000, seeded(2)))
    operations = torch.stack([layer.operation for layer in layers])
    arguments = torch.stack([layer.argument for layer in layers])
    for name, (low, high) in ranges.items():
        drawn = arguments[operations == OPERATIONS.index(name)]
        assert len(drawn) == 5000  # once for each sample
        assert low <= drawn.min() < drawn.max() <= high
        counts = torch.histc(drawn.float(), 10, low, high)
        assert ((counts - 500).abs() < 5 * math.sqrt(500)).all()


def test_every_order_is_equally_likely() -> None:
    layers = list(ColorJitter(0.1, 0.1, 0.1, 0.1).draw(24_000, seeded(3)))
    orders = Counter(zip(*(layer.operation.tolist() for layer in layers), strict=True))
    assert len(orders) == 24
    assert all(abs(count - 1000) < 5 * math.sqrt(1000) for count in orders.values())


def test_what_is_0_stays() -> None:
    images = noise(4, 20, 3, 6, 6)
    assert torch.equal(ColorJitter()(images, seeded(0)), images)
    assert {layer.operation.max().item() for layer in ColorJitter().draw(9, seeded(0))} == {-1}


def test_mistakes() -> None:
    with pytest.raises(ConfigError, match=r"contrast is -0\.1; it must be 0 or more"):
        ColorJitter(0.4, -0.1)
    with pytest.raises(ConfigError, match=r"hue is 0\.6; it must be 0 to 0\.5"):
        ColorJitter(hue=0.6)
    with pytest.raises(InputError, match="4 channels"):
        ColorJitter(0.4)(noise(0, 2, 4, 5, 5), seeded(0))
