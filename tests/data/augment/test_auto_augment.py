"""AutoAugment: the table against torchvision and timm, magnitudes and frequencies against torchvision."""

from __future__ import annotations

import math
from collections import Counter
from types import ModuleType

import pytest
import torch

from spikeformers.data.augment import AutoAugment
from spikeformers.data.augment.auto_augment import IMAGENET
from spikeformers.data.augment.operations import INTERPOLATIONS, OPERATIONS
from spikeformers.errors import ConfigError, InputError
from tests.data.augment.pictures import from_pil, noise, pictures, seeded, to_pil

WITHOUT_MAGNITUDE = ("AutoContrast", "Equalize", "Invert")


def test_the_policy_is_torchvision_s(torchvision: ModuleType) -> None:
    theirs = torchvision.AutoAugment(torchvision.AutoAugmentPolicy.IMAGENET).policies
    ours = [tuple((name, p, None if name in WITHOUT_MAGNITUDE else m) for name, p, m in pair) for pair in IMAGENET]
    assert ours == theirs


def test_the_policy_is_timm_s(timm: ModuleType) -> None:
    theirs = timm.auto_augment.auto_augment_policy_original({})
    ours = [[(name.replace("Posterize", "PosterizeOriginal"), p, m) for name, p, m in pair] for pair in IMAGENET]
    assert ours == [[(op.name, op.prob, op.magnitude) for op in pair] for pair in theirs]


def test_a_single_number_decides_nothing_twice() -> None:
    """Pair, both happenings and both signs are drawn independently: the joint frequencies are products."""
    number = 50_000
    first, second = AutoAugment().draw(number, seeded(0))
    rotate, color = OPERATIONS.index("Rotate"), OPERATIONS.index("Color")
    # Two pairs of 25 hold Rotate, then Color; one of them with a magnitude of 0, which has no sign.
    both = (first.operation == rotate) & (second.operation == color) & (second.argument != 1)
    expected = 0.8 * 1.0 / 25
    assert abs(int(both.sum()) - number * expected) < 5 * math.sqrt(number * expected)
    signs = Counter(zip((first.argument[both] > 0).tolist(), (second.argument[both] > 1).tolist(), strict=True))
    assert len(signs) == 4
    assert all(abs(count - both.sum() / 4) < 5 * math.sqrt(both.sum() / 4) for count in signs.values())


def test_operations_and_magnitudes_are_drawn_as_often_as_the_table_says(torchvision: ModuleType) -> None:
    theirs = torchvision.AutoAugment(torchvision.AutoAugmentPolicy.IMAGENET)
    space = theirs._augmentation_space(10, (32, 32))
    factors = ("Color", "Contrast", "Sharpness")
    for place, layer in enumerate(AutoAugment().draw(100_000, seeded(1))):
        expected: Counter[tuple[str, float]] = Counter()
        for pair in theirs.policies:
            name, probability, magnitude = pair[place]
            magnitudes, signed = space[name]
            value = float(magnitudes[magnitude]) if magnitude is not None else 0.0
            for sign in (1, -1):
                shown = (1 if name in factors else 0) + (sign * value if signed else value)
                expected[name, round(shown, 4)] += probability / 25 / 2
        seen = Counter(
            (OPERATIONS[operation], round(argument, 4))
            for operation, argument in zip(layer.operation.tolist(), layer.argument.tolist(), strict=True)
            if operation >= 0
        )
        assert set(seen) == {key for key, share in expected.items() if share > 0}
        for key, count in seen.items():
            assert abs(count - 100_000 * expected[key]) < 5 * math.sqrt(100_000 * expected[key])


def test_batches_are_changed_as_torchvision_changes_images(torchvision: ModuleType) -> None:
    from torchvision.transforms.autoaugment import _apply_op

    policy = AutoAugment()
    images = torch.cat([pictures(seed, height=18, width=18) for seed in range(40)])
    result = policy(images, seeded(2))
    layers = list(policy.draw(len(images), seeded(2)))
    exact = 0
    for sample, image in enumerate(images):
        picture = to_pil(image)
        for layer in layers:
            name, argument = OPERATIONS[layer.operation[sample]], float(layer.argument[sample])
            if layer.operation[sample] >= 0:
                if name in ("Color", "Contrast", "Sharpness"):
                    argument -= 1.0
                nearest = torchvision.InterpolationMode.NEAREST
                picture = _apply_op(picture, name, argument, nearest, None)
        different = (result[sample] != from_pil(picture)).double().mean()
        assert different < 0.03  # ties of the nearest neighbour; the histogram of equalize notices them
        exact += different == 0
    assert exact > 0.85 * len(images)


def test_interpolation_and_fill() -> None:
    (first, _) = AutoAugment(interpolation="bicubic").draw(10, seeded(0))
    assert {INTERPOLATIONS[place] for place in first.interpolation.tolist()} == {"bicubic"}
    white = torch.full((400, 1, 8, 8), 255, dtype=torch.uint8)
    assert not torch.equal(AutoAugment(fill=(7,))(white, seeded(1)), AutoAugment()(white, seeded(1)))


def test_mistakes() -> None:
    with pytest.raises(ConfigError, match=r"no policy 'imagnet'\. Did you mean 'imagenet'"):
        AutoAugment("imagnet")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"interpolation is 'linear'\. Did you mean 'bilinear'"):
        AutoAugment(interpolation="linear")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"the images have 2 channels"):
        AutoAugment()(noise(0, 3, 2, 4, 4), seeded(0))
