"""Mixup and CutMix: images and targets against timm, and how often and how much is mixed."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spikeformers.data.augment import Mixing
from spikeformers.data.augment.mixing import blend, paste
from spikeformers.errors import ConfigError, InputError
from tests.data.augment.pictures import noise, seeded

LABELS = torch.tensor([3, 1, 1, 0, 2, 3])


class Centres:
    """In the place of a random generator: the centres of the box, one after the other."""

    def __init__(self, *centres: int) -> None:
        self.centres = list(centres)

    def integers(self, _size: int) -> int:
        return self.centres.pop(0)


def with_timm(timm: ModuleType, monkeypatch: pytest.MonkeyPatch, images: Tensor, share: float, centres: Any) -> Any:
    """Images and targets of timm's loader, forced to a share and, for CutMix, to the centres of the box."""
    mixer = timm.mixup.FastCollateMixup(label_smoothing=0.0, num_classes=4)
    monkeypatch.setattr(mixer, "_params_per_batch", lambda: (share, centres is not None))
    if centres is not None:
        places = list(centres)
        monkeypatch.setattr(np.random, "randint", lambda low, high, size=None: places.pop(0))
    return mixer([(image.clone(), int(label)) for image, label in zip(images, LABELS, strict=True)])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.25, 0.3, 0.5, 0.77, 0.999])
def test_uint8_images_are_averaged_and_rounded_as_in_timm_s_loader(
    timm: ModuleType, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    images = noise(0, 6, 3, 32, 32)
    expected, _ = with_timm(timm, monkeypatch, images, share, None)
    assert torch.equal(blend(images, share), expected)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.77, 0.999])
@pytest.mark.parametrize("centres", [(0, 0), (11, 4), (5, 13), (11, 13)])
def test_boxes_are_pasted_as_in_timm(
    timm: ModuleType, monkeypatch: pytest.MonkeyPatch, share: float, centres: tuple[int, int]
) -> None:
    images = noise(1, 6, 3, 12, 14)
    mixed, kept = paste(images, share, Centres(*centres))  # type: ignore[arg-type]
    expected, targets = with_timm(timm, monkeypatch, images, share, centres)
    assert torch.equal(mixed, expected)
    one_hot = torch.nn.functional.one_hot(LABELS, 4).float()
    torch.testing.assert_close(one_hot * kept + one_hot.flip(0) * (1 - kept), targets)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(6, 3, 8, 8), (6, 4, 2, 8, 8)])
def test_mixup_mixes_labels_as_it_mixes_images(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    images = noise(2, *shape).to(dtype)
    mixed, targets = Mixing(mixup=1.0, cutmix=0.0, classes=4)(images, LABELS, seeded(3))
    assert mixed.dtype == dtype
    assert (targets.dtype, targets.shape) == (torch.float32, (6, 4))
    share = targets[1, 1].item()  # labels 1 and 2 at places 1 and 4
    assert 0 < share < 1
    expected = images.double() * share + images.flip(0).double() * (1 - share)
    assert (mixed.double() - expected).abs().max() <= (0.5001 if dtype == torch.uint8 else 1e-4)
    torch.testing.assert_close(targets[0], torch.tensor([0.0, 0.0, 0.0, 1.0]))  # labels 3 and 3
    torch.testing.assert_close(targets[2], torch.tensor([1 - share, share, 0.0, 0.0]))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("steps", [(), (5,)])
def test_cutmix_labels_are_the_shares_of_the_area(dtype: torch.dtype, steps: tuple[int, ...]) -> None:
    partner = torch.tensor([0, 0, 0, 1, 1, 1], dtype=dtype).view(6, *[1] * len(steps), 1, 1, 1)
    images = partner.expand(6, *steps, 2, 16, 10).clone()
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    for seed in range(40):
        mixed, targets = Mixing(mixup=0.0, cutmix=1.0, classes=2)(images, labels, seeded(seed))
        torch.testing.assert_close(targets[:, 1], mixed.double().flatten(1).mean(1).float())
        changed = (mixed != images).flatten(1, -3).all(1)  # [6, H, W]: every channel and time step has the same box
        assert torch.equal(changed, (mixed != images).flatten(1, -3).any(1))
        box = changed[0]
        assert torch.equal(changed, box.expand(6, -1, -1))
        assert torch.equal(box, box.any(1, keepdim=True) & box.any(0, keepdim=True))  # one rectangle


def shares(mixing: Mixing, number: int) -> Tensor:
    """What the first sample keeps of itself, in many batches."""
    generator, images, labels = seeded(5), torch.zeros(2, 1, 64, 64), torch.tensor([0, 1])
    return torch.stack([mixing(images, labels, generator)[1][0, 0] for _ in range(number)]).double()


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8, 1.0, 3.0])
def test_mixup_shares_follow_beta(alpha: float) -> None:
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)); the fourth moment about the mean bounds the latter's error."""
    drawn = shares(Mixing(mixup=alpha, cutmix=0.0, classes=2), 3000)
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(drawn.mean() - 0.5) < 5 * math.sqrt(variance / 3000)
    # The fourth moment about the mean is variance^2 * kurtosis, and Beta(a, a) has kurtosis 3 - 6 / (2 a + 3).
    spread = variance * math.sqrt((3 - 6 / (2 * alpha + 3) - 1) / 3000)
    assert abs(((drawn - 0.5) ** 2).mean() - variance) < 5 * spread


def test_boxes_are_as_large_and_lie_where_timm_s_do(timm: ModuleType) -> None:
    np.random.seed(1)
    ours = shares(Mixing(mixup=0.0, cutmix=1.0, classes=2), 3000).sort().values
    drawn = [timm.mixup.cutmix_bbox_and_lam((1, 1, 64, 64), np.random.beta(1.0, 1.0))[1] for _ in range(3000)]
    theirs = torch.tensor(drawn, dtype=torch.float64).sort().values
    points = torch.cat([ours, theirs]) + 1e-6
    distance = (torch.searchsorted(ours, points) - torch.searchsorted(theirs, points)).abs().max() / 3000
    assert distance < 2.23 * math.sqrt(2 / 3000)  # Kolmogorov and Smirnov; chance exceeds it once in 10 000


def test_how_often_batches_are_mixed_and_in_which_way() -> None:
    mixing = Mixing(mixup=1.0, cutmix=1.0, probability=0.6, switch_probability=0.3, classes=2)
    generator, labels = seeded(6), torch.tensor([0, 1])
    images = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 32, 32)
    ways = {"none": 0, "mixup": 0, "cutmix": 0}
    for _ in range(3000):
        mixed, targets = mixing(images, labels, generator)
        values = mixed[0].unique()
        way = "none" if targets[0, 0] == 1 else "mixup" if len(values) == 1 and 0 < values[0] < 1 else "cutmix"
        ways[way] += 1
    for way, probability in (("none", 0.4), ("mixup", 0.42), ("cutmix", 0.18)):
        # A box smaller than a pixel counts as none; its share is below 1/1024 of the area.
        slack = 3000 * 0.18 / 500
        assert abs(ways[way] - 3000 * probability) < 5 * math.sqrt(3000 * probability * (1 - probability)) + slack


def test_an_unmixed_batch_keeps_its_images_and_labels() -> None:
    images = noise(3, 6, 1, 4, 4)
    mixed, targets = Mixing(mixup=0.5, cutmix=0.5, probability=0.0, classes=5)(images, LABELS, seeded(0))
    assert torch.equal(mixed, images)
    assert torch.equal(targets, torch.nn.functional.one_hot(LABELS, 5).float())


def test_an_odd_batch_mixes_its_middle_with_itself() -> None:
    images, labels = noise(4, 5, 1, 8, 8), torch.tensor([0, 1, 2, 3, 3])
    mixed, targets = Mixing(mixup=1.0, cutmix=0.0, classes=4)(images, labels, seeded(1))
    assert torch.equal(mixed[2], images[2])
    assert targets[2].tolist() == pytest.approx([0, 0, 1, 0])


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.5, 0.0), (0.0, 1.0)])
def test_the_generator_decides_everything_and_the_batch_is_left_alone(mixup: float, cutmix: float) -> None:
    images = noise(5, 6, 3, 8, 8)
    mixing, kept = Mixing(mixup=mixup, cutmix=cutmix, classes=4), images.clone()
    first, targets = mixing(images, LABELS, seeded(8))
    np.random.seed(0)
    torch.manual_seed(0)
    again, targets_again = mixing(images, LABELS, seeded(8))
    assert torch.equal(first, again)
    assert torch.equal(targets, targets_again)
    assert torch.equal(images, kept)
    assert any(not torch.equal(mixing(images, LABELS, seeded(9 + more))[1], targets) for more in range(3))


def test_mistakes() -> None:
    with pytest.raises(ConfigError, match="mixup and cutmix are both 0"):
        Mixing(mixup=0, cutmix=0, classes=3)
    with pytest.raises(ConfigError, match=r"mixup is -1; it must be 0 or more"):
        Mixing(mixup=-1, cutmix=0, classes=3)
    with pytest.raises(ConfigError, match=r"switch_probability is 1\.5"):
        Mixing(mixup=1, cutmix=1, switch_probability=1.5, classes=3)
    with pytest.raises(ConfigError, match="classes is 0"):
        Mixing(mixup=1, cutmix=1, classes=0)
    mixing = Mixing(mixup=1, cutmix=0, classes=3)
    with pytest.raises(InputError, match=r"labels run from 0 to 3, but with 3 classes they must lie in 0 to 2"):
        mixing(noise(0, 6, 1, 2, 2), LABELS, seeded(0))
    with pytest.raises(InputError, match=r"one int64 label per image, \[6\]; got torch.float32 \[5\]|\(5,\)"):
        mixing(noise(0, 6, 1, 2, 2), torch.zeros(5), seeded(0))
