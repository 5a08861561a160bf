"""EventMix: which cells are pasted, and what becomes of the labels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.data.augment import EventMix, Mixing
from spikeformers.data.augment.event_mix import WIDTHS
from spikeformers.errors import ConfigError, InputError
from tests.data.augment.pictures import noise, seeded

SHAPE = (8, 5, 2, 12, 10)
LABELS = torch.tensor([0, 1, 2, 3, 0, 1, 2, 4])


def frames(seed: int) -> Tensor:
    return noise(seed, *SHAPE, high=6).float() + 1


def mixed(mix: EventMix, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """The batch, the mixed batch and its targets."""
    images = frames(0)
    return images, *mix(images, LABELS, seeded(seed))


def test_every_cell_is_its_own_or_its_partners_in_all_channels() -> None:
    mix = EventMix(alpha=1.0, classes=5)
    images, result, _ = mixed(mix)
    pasted = mix.draw(images.shape, seeded(1)).unsqueeze(2)
    assert torch.equal(result, torch.where(pasted, images.flip(0), images))
    assert 0.02 < pasted.double().mean() < 0.98


def test_labels_have_the_share_of_the_volume() -> None:
    mix = EventMix(alpha=1.0, classes=5)
    pasted = mix.draw(torch.Size(SHAPE), seeded(1))
    _, _, targets = mixed(mix)
    share = pasted.float().mean((1, 2, 3))
    expected = torch.zeros(8, 5)
    for row, (own, other) in enumerate(zip(LABELS.tolist(), LABELS.flip(0).tolist(), strict=True)):
        expected[row, own] += 1 - share[row]
        expected[row, other] += share[row]
    torch.testing.assert_close(targets, expected)
    torch.testing.assert_close(targets.sum(1), torch.ones(8))


def test_labels_may_have_the_share_of_the_events() -> None:
    mix = EventMix(alpha=1.0, classes=5, labels="events")
    images = frames(0)
    images[:4] *= 9  # these have more events in the same volume
    result, targets = mix(images, LABELS, seeded(1))
    pasted = mix.draw(images.shape, seeded(1)).unsqueeze(2)
    own = torch.where(pasted, 0.0, images).sum((1, 2, 3, 4)) / result.sum((1, 2, 3, 4))
    for row in range(8):
        if LABELS[row] != LABELS[7 - row]:
            assert targets[row, LABELS[row]].item() == pytest.approx(own[row].item(), abs=1e-6)
    _, by_area = EventMix(alpha=1.0, classes=5)(images, LABELS, seeded(1))
    assert (targets - by_area).abs().max() > 0.1


def test_without_any_event_labels_have_the_share_of_the_volume() -> None:
    nothing = torch.zeros(SHAPE)
    _, by_events = EventMix(alpha=1.0, classes=5, labels="events")(nothing, LABELS, seeded(1))
    _, by_area = EventMix(alpha=1.0, classes=5)(nothing, LABELS, seeded(1))
    assert torch.equal(by_events, by_area)


def test_shares_are_drawn_from_the_beta_distribution() -> None:
    """For alpha = 1 they are uniform: mean 1/2, variance 1/12."""
    share = EventMix(alpha=1.0, classes=2).draw(torch.Size((3000, 4, 1, 6, 6)), seeded(2)).double().mean((1, 2, 3))
    assert share.mean().item() == pytest.approx(1 / 2, abs=0.02)
    assert share.var().item() == pytest.approx(1 / 12, abs=0.01)
    half = EventMix(alpha=1.0, classes=2, probability=0.5).draw(torch.Size((3000, 4, 1, 6, 6)), seeded(2))
    untouched = (~half.flatten(1).any(1)).double().mean().item()
    assert untouched == pytest.approx(0.5, abs=0.03)


def test_the_region_is_one_ellipsoid() -> None:
    """Along every line it is one stretch, as what a Gaussian is above a level on is convex."""
    region = EventMix(alpha=1.0, classes=2).draw(torch.Size((200, 6, 1, 16, 16)), seeded(3))
    for axis in (1, 2, 3):
        edges = torch.nn.functional.pad(region.movedim(axis, -1).int(), (1, 1)).diff(dim=-1)
        assert (edges == 1).sum(-1).max() <= 1
    assert 0 < WIDTHS[0] < WIDTHS[1]


def test_mixup_and_cutmix_take_frames_too() -> None:
    images = frames(0)
    for words in ({"mixup": 0.5, "cutmix": 0.0}, {"mixup": 0.0, "cutmix": 1.0}):
        result, targets = Mixing(**words, classes=5)(images, LABELS, seeded(4))
        assert (result.shape, result.dtype) == (images.shape, torch.float32)
        share = (targets[3, 3] if LABELS[3] != LABELS[4] else targets[0, 0]).item()
        if words["mixup"]:
            torch.testing.assert_close(result, images * share + images.flip(0) * (1 - share))
        else:
            own = (result == images).all(2).all(1)  # the same box in all time steps and channels
            assert own.double().mean((1, 2)).min().item() == pytest.approx(share, abs=0.02)
        torch.testing.assert_close(targets.sum(1), torch.ones(8))


def test_what_cannot_be_mixed_is_refused() -> None:
    mix = EventMix(alpha=1.0, classes=5)
    with pytest.raises(InputError, match=r"takes frames \[B, T, C, H, W\]; got the shape \(2, 3, 4, 4\)"):
        mix(torch.zeros(2, 3, 4, 4), LABELS[:2], seeded(0))
    with pytest.raises(InputError, match="EventMix: the labels run from 0 to 4, but with 3 classes"):
        EventMix(alpha=1.0, classes=3)(frames(0), LABELS, seeded(0))
    for words, message in (
        ({"alpha": 0.0}, "alpha is 0"),
        ({"classes": 0}, "classes is 0"),
        ({"probability": 2.0}, "probability is 2"),
        ({"labels": "areas"}, "Did you mean 'area'"),
    ):
        with pytest.raises(ConfigError, match=message):
            EventMix(**{"alpha": 1.0, "classes": 2, **words})
