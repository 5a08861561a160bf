"""How long each epoch takes, over interruptions."""

from __future__ import annotations

import time
from collections.abc import Sequence

from spikeformers.train.result import EpochTime


class Clock:
    """Times of the completed epochs and of the one that is going on.

    Args:
        times: of the run so far, as read back after an interruption.
        epochs_done: completed epochs; the time of one that was interrupted counts for the one that goes on.
    """

    def __init__(self, times: Sequence[EpochTime] = (), epochs_done: int = 0) -> None:
        self.done = [time for time in times if time.epoch <= epochs_done]
        self._epoch = epochs_done + 1
        self._before = sum(time.seconds for time in times if time.epoch == epochs_done + 1)
        self._started, self._training, self._samples = time.perf_counter(), 0.0, 0

    def trained(self, samples: int) -> None:
        """Count samples of one more update; evaluation is not part of images per second."""
        self._samples += samples
        self._training = time.perf_counter() - self._started

    @property
    def images_per_second(self) -> float:
        """Of the epoch that is going on, since it began or went on."""
        return self._samples / self._training if self._training else 0.0

    def now(self) -> EpochTime:
        """Return the time of the epoch that is going on."""
        seconds = self._before + time.perf_counter() - self._started
        return EpochTime(epoch=self._epoch, seconds=seconds, images_per_second=self.images_per_second)

    def finish_epoch(self) -> EpochTime:
        """Return the time of the epoch that ends here, and begin the next."""
        self.done.append(self.now())
        self._epoch += 1
        self._before = 0.0
        self._started, self._training, self._samples = time.perf_counter(), 0.0, 0
        return self.done[-1]
