"""Times of epochs add up over interruptions."""

from __future__ import annotations

import pytest

from spikeformers.train import clock
from spikeformers.train.clock import Clock
from spikeformers.train.result import EpochTime


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until the test moves it."""
    hands = [100.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: hands[0])
    return hands


def test_an_epoch_counts_its_images_while_it_trains(now: list[float]) -> None:
    watch = Clock()
    assert watch.images_per_second == 0
    for _ in range(2):
        now[0] += 2
        watch.trained(32)
    assert watch.images_per_second == 16
    now[0] += 1  # evaluation
    assert watch.finish_epoch() == EpochTime(epoch=1, seconds=5, images_per_second=16)
    now[0] += 3
    assert watch.now() == EpochTime(epoch=2, seconds=3, images_per_second=0)


def test_a_resumed_epoch_keeps_the_time_it_had(now: list[float]) -> None:
    times = [EpochTime(epoch=number, seconds=10 * number, images_per_second=8) for number in (1, 2, 3)]
    watch = Clock(times, epochs_done=1)
    assert watch.done == times[:1]
    now[0] += 4
    watch.trained(8)
    assert watch.finish_epoch() == EpochTime(epoch=2, seconds=24, images_per_second=2)
    assert [time.epoch for time in watch.done] == [1, 2]
