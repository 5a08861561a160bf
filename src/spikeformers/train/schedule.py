"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Linear warm-up, a cosine down, then a cooldown at the lowest rate.

    Time t is counted in updates, or in whole epochs with `per_epoch`. With a warm-up of W and a cosine that ends at E,
    peak p, warm-up start w and minimum m the rate is

        w + (p - w) t / W                                     t < W
        m + (p - m) (1 + cos(pi (t - W) / (E - W))) / 2       W <= t < E, the warm-up as a prefix
        m + (p - m) (1 + cos(pi t / E)) / 2                   W <= t < E, otherwise
        m                                                     E <= t

    From the epoch of one of `rates` on the rate is that one, until the next.

    Per epoch and without a prefix this is timm's cosine schedule, which the scripts of Spikformer, Spikingformer and
    Spike-driven Transformer step once per epoch: the rate jumps down where the warm-up ends. Per update and with a
    prefix it is the half-cosine of QKFormer's and Meta-SpikeFormer's ImageNet scripts.

    Args:
        peak: rate at the end of the warm-up.
        warmup_lr: rate of the first update, where there is a warm-up.
        min_lr: rate at the end of the cosine and of the cooldown.
        epochs: epochs until the cooldown, the warm-up included.
        warmup_epochs: length of the warm-up; per update it is rounded to whole updates.
        cooldown_epochs: epochs after the cosine.
        steps_per_epoch: updates per epoch.
        per_epoch: the rate moves with every epoch, not with every update.
        warmup_is_prefix: the cosine starts where the warm-up ends; otherwise it started together with it.
        cosine_epochs: epochs until the cosine would end, of a run that stops before; 0: `epochs`.
        rates: (epoch, rate) in the order of the epochs.
    """

    peak: float
    warmup_lr: float
    min_lr: float
    epochs: int
    warmup_epochs: float
    cooldown_epochs: int
    steps_per_epoch: int
    per_epoch: bool
    warmup_is_prefix: bool
    cosine_epochs: int = 0
    rates: tuple[tuple[int, float], ...] = ()

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run, the cooldown included."""
        return self.epochs + self.cooldown_epochs

    @property
    def total_steps(self) -> int:
        """Updates of the whole run, the cooldown included."""
        return self.total_epochs * self.steps_per_epoch

    def rate(self, step: int) -> float:
        """Return the learning rate of the update number `step`, counted from 0."""
        by_hand = [rate for epoch, rate in self.rates if step >= epoch * self.steps_per_epoch]
        return by_hand[-1] if by_hand else self._curve(step)

    def _curve(self, step: int) -> float:
        time: int = step // self.steps_per_epoch if self.per_epoch else step
        warmup = self.warmup_epochs if self.per_epoch else round(self.warmup_epochs * self.steps_per_epoch)
        epochs = self.cosine_epochs or self.epochs
        end = epochs if self.per_epoch else epochs * self.steps_per_epoch
        if time < warmup:
            return self.warmup_lr + (self.peak - self.warmup_lr) * time / warmup
        if time >= end:
            return self.min_lr
        start = warmup if self.warmup_is_prefix else 0
        done = (time - start) / (end - start)
        return self.min_lr + 0.5 * (self.peak - self.min_lr) * (1.0 + math.cos(math.pi * done))
