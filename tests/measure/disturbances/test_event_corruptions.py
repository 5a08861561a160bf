"""Disturbances of events: what is lost, added and moved, drawn per recording; robustness on recordings."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.measure import Disturbances, robustness
from spikeformers.measure.disturbances.corruptions import CORRUPTIONS, EVENT_CORRUPTIONS, SEVERITIES, corrupt
from spikeformers.measure.disturbances.draws import streams
from spikeformers.measure.disturbances.events import (
    dead_pixels,
    dropped_steps,
    hot_pixels,
    lost_events,
    noise_events,
    time_jitter,
)
from tests.models.tiny import tiny_model


def counts(*shape: int, highest: int = 6, seed: int = 0) -> Tensor:
    return torch.randint(0, highest + 1, shape, generator=torch.Generator().manual_seed(seed)).float()


def drawn(change, frames: Tensor, strength: float) -> Tensor:
    return change(frames, strength, streams(0, "test", 0, len(frames)))


@pytest.mark.parametrize("name", EVENT_CORRUPTIONS)
def test_results_are_counts_and_distortion_grows_with_severity(name: str) -> None:
    frames = counts(8, 5, 2, 12, 9)
    kept = frames.clone()
    distortion = []
    for severity in SEVERITIES:
        corrupted = corrupt(frames, name, severity)
        assert (corrupted.dtype, corrupted.shape) == (frames.dtype, frames.shape)
        assert bool(((corrupted >= 0) & (corrupted == corrupted.round())).all())
        distortion.append(float((corrupted - frames).abs().sum()))
    assert torch.equal(frames, kept)
    assert distortion[0] > 0
    assert distortion == sorted(distortion)


@pytest.mark.parametrize("name", EVENT_CORRUPTIONS)
def test_a_recording_is_disturbed_the_same_in_every_batch(name: str) -> None:
    frames = counts(7, 3, 2, 6, 5)
    together = corrupt(frames, name, 4, seed=5)
    parts = [corrupt(frames[first : first + 3], name, 4, seed=5, first=first) for first in (0, 3, 6)]
    assert torch.equal(together, torch.cat(parts))
    assert not torch.equal(together, corrupt(frames, name, 4, seed=6))


def test_losing_is_binomial() -> None:
    frames = torch.full((4, 4, 2, 32, 32), 10.0)
    kept = drawn(lost_events, frames, 0.3)
    assert bool((kept <= frames).all())
    # 32768 numbers of mean 7 and variance 2.1: six standard errors of each.
    assert float(kept.mean()) == pytest.approx(7, abs=6 * (2.1 / kept.numel()) ** 0.5)
    assert float(kept.var()) == pytest.approx(2.1, rel=0.06)


def test_noise_is_poisson_and_independent_of_where_events_are() -> None:
    frames = torch.zeros(2, 4, 2, 64, 64)
    frames[..., :32] = 4.0  # 2 on the average
    added = drawn(noise_events, frames, 0.5) - frames
    for half in (added[..., :32], added[..., 32:]):
        assert float(half.mean()) == pytest.approx(1, abs=6 * (1 / half.numel()) ** 0.5)
        assert float(half.var()) == pytest.approx(1, rel=0.06)


def test_pixels_are_hot_or_dead_at_all_time_steps_and_more_share_includes_less() -> None:
    frames = counts(3, 4, 2, 20, 20)
    added = drawn(hot_pixels, frames, 0.1) - frames
    most = frames.amax((1, 2, 3, 4), keepdim=True)
    assert bool(((added == 0) | (added == most)).all())
    assert torch.equal(added, added[:, :1].expand_as(added))
    assert 0.05 < float((added > 0).float().mean()) < 0.15
    assert bool((drawn(hot_pixels, frames, 0.3) - frames >= added).all())

    alive, fewer = drawn(dead_pixels, frames + 1, 0.2), drawn(dead_pixels, frames + 1, 0.5)
    silent = alive == 0
    assert torch.equal(alive[~silent], (frames + 1)[~silent])
    assert torch.equal(silent, silent[:, :1, :1].expand_as(silent))
    assert bool((fewer <= alive).all())
    assert 0.1 < float(silent.float().mean()) < 0.3


def test_jitter_moves_events_by_one_time_step_and_loses_none() -> None:
    frames = torch.zeros(1, 7, 1, 40, 40)
    frames[:, 3] = 100.0
    moved = drawn(time_jitter, frames, 0.5)
    shares = moved.mean((0, 2, 3, 4)) / 100
    assert shares.tolist() == pytest.approx([0, 0, 0.25, 0.5, 0.25, 0, 0], abs=0.005)  # 160,000 events
    many = counts(2, 5, 2, 6, 6)
    for steps in (1, 2, 5):
        assert torch.equal(drawn(time_jitter, many[:, :steps], 0.5).sum(1), many[:, :steps].sum(1))
    assert torch.equal(drawn(time_jitter, many[:, :1], 1.0), many[:, :1])


def test_whole_time_steps_are_dropped() -> None:
    frames = counts(50, 10, 2, 3, 3) + 1
    left = drawn(dropped_steps, frames, 0.3)
    empty = left.flatten(2).amax(2) == 0
    assert torch.equal(left[~empty], frames[~empty])
    assert 0.2 < float(empty.float().mean()) < 0.4


def test_pictures_and_events_have_their_own_corruptions() -> None:
    pictures = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"takes counts of events.*Of pictures there are: gaussian_noise"):
        corrupt(pictures, "lost_events", 1)
    with pytest.raises(InputError, match=r"takes uint8 pictures.*Of events there are: lost_events"):
        corrupt(counts(1, 2, 2, 4, 4), "jpeg", 1)
    for odd in (counts(1, 2, 2, 4, 4) / 2, -counts(1, 2, 2, 4, 4)):
        with pytest.raises(InputError, match="--only weights,spikes"):
            corrupt(odd, "lost_events", 1)
    assert not CORRUPTIONS.keys() & EVENT_CORRUPTIONS.keys()


def test_robustness_of_recordings_counts_what_the_model_says() -> None:
    model = tiny_model("spikformer_2_256.cifar10dvs", in_channels=2)
    c = model.config
    frames = counts(6, c.time_steps, 2, *c.image_size)
    with torch.no_grad():
        labels = model(frames).argmax(1)
    words = Disturbances(draws=1, weight_noise=(0.2,), lost_spikes=(0.5,)).for_events()
    assert (words.corruptions, words.attacks) == (tuple(EVENT_CORRUPTIONS), ())
    mean, std = (0.0, 0.0), (1 / 255, 1 / 255)
    batches = [(frames[:4], labels[:4]), (frames[4:], labels[4:])]
    result = robustness(model, batches, mean=mean, std=std, disturbances=words)
    assert result.clean == 1.0
    assert {row.family for row in result.rows} == {"corruption", "weights", "spikes"}
    for name in ("hot_pixels", "dropped_steps"):
        with torch.no_grad():
            right = model(corrupt(frames, name, 5)).argmax(1) == labels
        (row,) = [row for row in result.of("corruption", name) if row.severity == 5]
        assert row.correct == int(right.sum())
    whole = robustness(model, batches, mean=mean, std=std, limit=1)
    assert whole.settings == Disturbances().for_events()
    with pytest.raises(InputError, match="Leave attacks out"):
        robustness(model, batches, mean=mean, std=std, disturbances=Disturbances())
