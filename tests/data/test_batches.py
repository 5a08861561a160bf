"""Batches depend on seed, epoch and number, and on nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikeformers.data import Batch, Batches, Images, Normalised, Pictures
from spikeformers.data.streams import mixed, stream
from spikeformers.errors import ConfigError, DataError

PLAIN = Normalised((0.0,), (1.0,))


@dataclass(frozen=True)
class Noisy:
    """Adds noise of the generator, and tells the epoch."""

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        noise = torch.rand(pictures.images.shape, generator=generator)
        return pictures.images.float() + noise + 1000 * epoch, pictures.labels


def numbered(count: int) -> Images:
    """Images whose every pixel and label tell which one it is."""
    number = torch.arange(count)
    return Images(number.view(-1, 1, 1, 1).expand(-1, 1, 2, 3).to(torch.uint8).clone(), number)


def make(count: int, size: int, **words: Any) -> Batches:
    return Batches(source=numbered(count), batch_size=size, **{"prepare": PLAIN, **words})


def equal(first: list[Batch], second: list[Batch]) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all(torch.equal(a.x, b.x) and torch.equal(a.targets, b.targets) for a, b in pairs)


@given(
    count=st.integers(1, 60),
    size=st.integers(1, 25),
    seed=st.none() | st.integers(0, 2**40),
    keep_last=st.booleans(),
    number=st.integers(0, 5),
)
def test_an_epoch_holds_every_image_once_with_its_label(
    count: int, size: int, seed: int | None, keep_last: bool, number: int
) -> None:
    batches = make(count, size, seed=seed, keep_last=keep_last)
    epoch = list(batches.epoch(number))
    assert len(epoch) == len(batches) > 0
    labels = torch.cat([batch.targets for batch in epoch])
    whole = keep_last or count < size
    assert len(labels) == len(labels.unique()) == (count if whole else count - count % size)
    assert all(len(batch) == size for batch in epoch[:-1])
    if seed is None:
        assert labels.tolist() == list(range(len(labels)))
    for batch in epoch:
        assert batch.x.shape == (len(batch), 1, 2, 3)
        torch.testing.assert_close(batch.x[:, 0, 1, 2], batch.targets / 255)


@settings(deadline=None)
@given(start=st.integers(0, 7), number=st.integers(0, 3))
def test_an_epoch_goes_on_at_any_batch(start: int, number: int) -> None:
    batches = make(30, 4, seed=1, prepare=Noisy())
    assert equal(list(batches.epoch(number))[start:], list(batches.epoch(number, start=start)))


def test_epochs_and_seeds_differ_in_order_and_augmentation() -> None:
    first = make(40, 8, seed=1, prepare=Noisy())
    orders = [
        torch.cat([batch.targets for batch in batches.epoch(number)]).tolist()
        for batches in (first, replace(first, seed=2))
        for number in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4
    noise = [batch.x.frac() for number in (0, 1) for batch in first.epoch(number)]
    assert not any(torch.equal(a, b) for a, b in pairwise(noise))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing_not_even_the_global_random_state(workers: int) -> None:
    alone = make(50, 8, seed=3, prepare=Noisy())
    before = torch.get_rng_state()
    helped = list(replace(alone, workers=workers).epoch(2, start=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert equal(list(alone.epoch(2, start=1)), helped)


@dataclass(frozen=True)
class Interrupted:
    """Sends its own process the signal of Ctrl-C."""

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        os.kill(os.getpid(), signal.SIGINT)
        return pictures.images.float(), pictures.labels


def test_workers_leave_ctrl_c_to_the_parent() -> None:
    assert len(list(make(8, 4, prepare=Interrupted(), workers=1).epoch())) == 2


def test_an_error_of_a_worker_reaches_the_caller() -> None:
    with pytest.raises(TypeError):
        list(make(8, 4, prepare=None, workers=1).epoch())


@dataclass(frozen=True)
class Complaining:
    """Meets something the user can act on."""

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        raise DataError("picture 3: not readable. Replace it.")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_a_user_can_act_on_arrives_as_it_is_and_ends_the_workers(workers: int) -> None:
    with closing(make(8, 2, prepare=Complaining(), workers=workers).epoch()) as batches:
        with pytest.raises(DataError) as caught:
            next(batches)
    assert str(caught.value) == "picture 3: not readable. Replace it."
    assert multiprocessing.active_children() == []


@dataclass(frozen=True)
class Dying:
    """Kills its own process, as the system does when memory runs out."""

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        os.kill(os.getpid(), signal.SIGKILL)
        return pictures.images.float(), pictures.labels


def test_a_dead_worker_is_an_error_with_a_way_out() -> None:
    with pytest.raises(DataError, match=r"has died, often for lack of memory .*--workers 0"):
        list(make(8, 2, prepare=Dying(), workers=1).epoch())


def test_an_epoch_that_is_left_ends_its_workers() -> None:
    with closing(make(40, 2, workers=2).epoch()) as batches:
        next(batches)
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


@dataclass(frozen=True)
class Terminated:
    """Sends its own process what the system sends to every process of a job that has to end."""

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        os.kill(os.getpid(), signal.SIGTERM)
        return pictures.images.float(), pictures.labels


def test_workers_live_on_for_the_parent_to_save() -> None:
    assert len(list(make(8, 4, prepare=Terminated(), workers=1).epoch())) == 2


def test_unreadable_pictures_are_handed_on() -> None:
    class Holed(Images):
        def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
            return replace(super().read(indices), unreadable=(f"picture {int(indices[0])}",))

    images = numbered(4)
    batches = Batches(source=Holed(images.images, images.labels), batch_size=2, prepare=PLAIN)
    assert [batch.unreadable for batch in batches.epoch()] == [("picture 0",), ("picture 2",)]


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size is 0"):
        make(4, 0)
    with pytest.raises(ConfigError, match="workers is -1"):
        make(4, 2, workers=-1)


def test_streams_repeat_and_differ_by_seed_and_purpose() -> None:
    def draw(seed: int, purpose: str) -> list[float]:
        return torch.rand(4, generator=stream(seed, purpose)).tolist()

    assert draw(1, "order") == draw(1, "order")
    kinds = [(seed, purpose) for seed in range(3) for purpose in ("order", "augment")]
    assert len({tuple(draw(seed, purpose)) for seed, purpose in kinds}) == len(kinds)
    assert all(0 <= mixed(seed, purpose) < 2**63 for seed, purpose in kinds)
