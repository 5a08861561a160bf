"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikeformers.train.recipe import ScheduleWords


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Linear warm-up, then half a cosine; the cosine starts where the warm-up ends.

    With W warm-up steps of S in all, peak p, warm-up start w and minimum m, step s = 0 .. S-1 has the rate

        w + (p - w) s / W                                     s < W
        m + (p - m) (1 + cos(pi (s - W) / (S - W))) / 2       s >= W
    """

    peak: float
    warmup_lr: float
    min_lr: float
    warmup_steps: int
    total_steps: int

    @classmethod
    def of(cls, words: ScheduleWords, *, peak: float, steps_per_epoch: int) -> Schedule:
        """Return the schedule of a recipe's words, counted in steps."""
        return cls(
            peak=peak,
            warmup_lr=words.warmup_lr,
            min_lr=words.min_lr,
            warmup_steps=round(words.warmup_epochs * steps_per_epoch),
            total_steps=words.epochs * steps_per_epoch,
        )

    def rate(self, step: int) -> float:
        """Return the learning rate of the update number `step`, counted from 0."""
        if step < self.warmup_steps:
            return self.warmup_lr + (self.peak - self.warmup_lr) * step / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        return self.min_lr + 0.5 * (self.peak - self.min_lr) * (1.0 + math.cos(math.pi * done))
