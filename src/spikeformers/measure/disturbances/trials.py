"""Trials: a model is shown one batch under one disturbance; which pictures does it still get right?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from spikeformers.measure.disturbances.attacks import Attacked, fgsm, pgd
from spikeformers.measure.disturbances.corruptions import corrupt, corruption
from spikeformers.measure.disturbances.draws import streams
from spikeformers.measure.disturbances.settings import Disturbances
from spikeformers.measure.disturbances.spikes import faulty_spikes, has_neurons
from spikeformers.measure.disturbances.surrogates import OWN, has_surrogate, using_surrogate
from spikeformers.measure.disturbances.victim import Victim
from spikeformers.measure.disturbances.weights import noisy_weights

Family = Literal["corruption", "attack", "weights", "spikes"]
_GRADIENT = 3  # what a forward and a backward pass take, in forward passes; tells only how far a measurement is


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is measured: see `measure.RobustnessRow`, whose words these are."""

    family: Family
    name: str
    strength: float
    severity: int | None = None
    variant: str = ""
    detail: str


@dataclass(frozen=True, eq=False)
class Shown:
    """A batch.

    Args:
        images: uint8 [B, C, H, W], or counts of events, float32 [B, T, C, H, W].
        labels: int64 [B].
        first: number of its first picture.
    """

    images: Tensor
    labels: Tensor
    first: int


class Outcome(NamedTuple):
    """What became of one batch.

    Attributes:
        right: which pictures are still right, bool [settings, draws, B].
        blind: of an attack, for which there was no gradient to follow, bool [settings, B]; otherwise None.
    """

    right: Tensor
    blind: Tensor | None = None


class Trial(Protocol):
    """One disturbance; `passes` is about how many forward passes it takes."""

    @property
    def passes(self) -> int: ...

    def settings(self, height: int, width: int) -> tuple[Setting, ...]:
        """What it measures, on pictures of this size."""
        ...

    def run(self, victim: Victim, shown: Shown) -> Outcome:
        """Show the model the disturbed batch."""
        ...


@dataclass(frozen=True)
class _Corruption:
    name: str
    severity: int
    seed: int
    passes: int = 1

    def settings(self, height: int, width: int) -> tuple[Setting, ...]:
        kind = corruption(self.name)
        strength = kind.strength(self.severity, height, width)
        detail = kind.detail(strength)
        return (Setting(family="corruption", name=self.name, strength=strength, severity=self.severity, detail=detail),)

    def run(self, victim: Victim, shown: Shown) -> Outcome:
        images = corrupt(shown.images, self.name, self.severity, seed=self.seed, first=shown.first)
        return Outcome(victim.right(images, shown.labels).view(1, 1, -1))


@dataclass(frozen=True)
class _Attack:
    name: str
    epsilon: float
    surrogates: tuple[str, ...]
    words: Disturbances

    @property
    def passes(self) -> int:
        return len(self.surrogates) * (1 + _GRADIENT * (self.words.steps if self.name == "pgd" else 1))

    def settings(self, height: int, width: int) -> tuple[Setting, ...]:
        how = f"at most {self.epsilon:g}/255 per value"
        if self.name == "pgd":
            how += f", {self.words.steps} steps of {self.words.size_of_steps(self.epsilon):g}/255"
        each = Setting(family="attack", name=self.name, strength=self.epsilon, detail=how)
        names = [*self.surrogates, *(["worst"] if len(self.surrogates) > 1 else [])]
        return tuple(replace(each, variant=name) for name in names)

    def run(self, victim: Victim, shown: Shown) -> Outcome:
        under = []
        for word in self.surrogates:
            with using_surrogate(victim.model, word):
                under.append(self._attacked(victim, shown))
        right, blind = (torch.stack([getattr(each, what).cpu() for each in under]) for what in ("right", "blind"))
        if len(under) > 1:
            right, blind = (torch.cat([each, each.all(0, keepdim=True)]) for each in (right, blind))
        return Outcome(right.unsqueeze(1), blind)

    def _attacked(self, victim: Victim, shown: Shown) -> Attacked:
        if self.name == "fgsm":
            return fgsm(victim, shown.images, shown.labels, self.epsilon)
        draws = streams(self.words.seed, "pgd", shown.first, len(shown.images))
        steps, size = self.words.steps, self.words.size_of_steps(self.epsilon)
        return pgd(victim, shown.images, shown.labels, self.epsilon, steps=steps, step_size=size, draws=draws)


@dataclass(frozen=True)
class _WeightNoise:
    strength: float
    draws: int
    seed: int

    @property
    def passes(self) -> int:
        return self.draws

    def settings(self, height: int, width: int) -> tuple[Setting, ...]:
        detail = f"standard deviation {self.strength:g} times that of each weight tensor"
        return (Setting(family="weights", name="gaussian_noise", strength=self.strength, detail=detail),)

    def run(self, victim: Victim, shown: Shown) -> Outcome:
        noisy = (noisy_weights(victim.model, self.strength, seed=self.seed, draw=draw) for draw in range(self.draws))
        seen = [replace(victim, weights=weights).right(shown.images, shown.labels) for weights in noisy]
        return Outcome(torch.stack(seen).unsqueeze(0))


@dataclass(frozen=True)
class _Spikes:
    name: Literal["lost", "spurious"]
    probability: float
    seed: int
    passes: int = 1

    def settings(self, height: int, width: int) -> tuple[Setting, ...]:
        what = {"lost": "each spike is lost", "spurious": "each silent neuron fires"}[self.name]
        detail = f"{what} with probability {self.probability:g}"
        return (Setting(family="spikes", name=self.name, strength=self.probability, detail=detail),)

    def run(self, victim: Victim, shown: Shown) -> Outcome:
        draws = streams(self.seed, f"{self.name} spikes", shown.first, len(shown.images))
        with faulty_spikes(victim.model, draws, **{self.name: self.probability}):
            return Outcome(victim.right(shown.images, shown.labels).view(1, 1, -1))


def trials(words: Disturbances, model: nn.Module) -> Iterator[Trial]:
    """Everything that a model is tried with, in order.

    A model without neurons has no spikes to lose, and one whose gradient no surrogate changes is attacked
    along its own.
    """
    for corrupted in words.corruptions:
        yield from (_Corruption(corrupted, severity, words.seed) for severity in words.severities)
    surrogates = words.surrogates if has_surrogate(model) else (OWN,)
    for attack in words.attacks:
        yield from (_Attack(attack, epsilon, surrogates, words) for epsilon in words.epsilons)
    yield from (_WeightNoise(strength, words.draws, words.seed) for strength in words.weight_noise)
    if has_neurons(model):
        yield from (_Spikes("lost", probability, words.seed) for probability in words.lost_spikes)
        yield from (_Spikes("spurious", probability, words.seed) for probability in words.spurious_spikes)
