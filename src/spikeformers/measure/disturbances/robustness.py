"""Robustness: how accurate a model stays when pictures, weights or spikes are disturbed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.data.streams import seeded
from spikeformers.errors import InputError
from spikeformers.measure.batches import Progress, batches
from spikeformers.measure.disturbances.settings import Disturbances
from spikeformers.measure.disturbances.trials import Family, Shown, Trial, trials
from spikeformers.measure.disturbances.victim import Victim
from spikeformers.models.mode import eval_mode

_Z95 = 1.959963984540054  # the normal distribution holds 95 % within so many standard deviations


@dataclass(frozen=True, kw_only=True)
class RobustnessRow:
    """Accuracy under one disturbance of one strength.

    Args:
        family: "corruption" of pictures, "attack" on them, noise on "weights", or faults of "spikes".
        name: within the family.
        variant: of an attack, the surrogate gradient it follows: a word, "own" (the model's), or "worst": a picture
            counts as right if it is under each of the others. Otherwise "".
        strength: of a corruption its constant, of an attack epsilon in units of 1/255, of weight noise the share of the
            standard deviation, of spikes a probability; `detail` says it in words.
        severity: of a corruption, 1 to 5; otherwise None.
        samples: number of pictures.
        correct: how many of them were right, over all draws together.
        draws: how often the disturbance was drawn for each picture.
        spread: standard deviation of the accuracies of the draws; None where there is one draw.
        blind: of an attack, the number of pictures for which there was no gradient to follow, zero for every pixel; it
            says nothing about those. None otherwise.
        detail: what the strength means.
    """

    family: Family
    name: str
    variant: str = ""
    strength: float
    severity: int | None = None
    samples: int
    correct: int
    draws: int = 1
    spread: float | None = None
    blind: int | None = None
    detail: str

    @property
    def accuracy(self) -> float:
        """Share of the pictures that were right; the mean over draws."""
        return self.correct / (self.samples * self.draws)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the accuracy; None of several draws, which look at the same pictures."""
        return wilson(self.correct, self.samples) if self.draws == 1 else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the accuracy and its interval included."""
        return {**asdict(self), "accuracy": self.accuracy, "interval": self.interval}


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """Accuracies of one model, undisturbed and disturbed.

    Args:
        name: of the model in the catalogue, or its class.
        samples: number of pictures, the same in every row.
        correct: how many were right undisturbed.
        rows: one for each disturbance and strength.
        settings: what was tried.
    """

    name: str
    samples: int
    correct: int
    rows: tuple[RobustnessRow, ...]
    settings: Disturbances = field(default_factory=Disturbances)

    @property
    def clean(self) -> float:
        """Accuracy on the undisturbed pictures."""
        return self.correct / self.samples

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the clean accuracy."""
        return wilson(self.correct, self.samples)

    @property
    def seed(self) -> int:
        """Of all random numbers."""
        return self.settings.seed

    def of(self, family: Family, name: str | None = None, variant: str | None = None) -> tuple[RobustnessRow, ...]:
        """The rows of a family, of one name, of one variant."""
        return tuple(
            row
            for row in self.rows
            if row.family == family and name in (None, row.name) and variant in (None, row.variant)
        )

    def corruption_accuracy(self, name: str | None = None) -> float | None:
        """Mean accuracy over the severities of one corruption, or of all: the mean corruption accuracy."""
        rows = self.of("corruption", name)
        return fmean(row.accuracy for row in rows) if rows else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the accuracies and the means included."""
        return {
            "name": self.name,
            "samples": self.samples,
            "correct": self.correct,
            "clean": self.clean,
            "interval": self.interval,
            "corruption_accuracy": self.corruption_accuracy(),
            "settings": self.settings.to_dict(),
            "rows": [row.to_dict() for row in self.rows],
        }


def wilson(correct: int, samples: int) -> tuple[float, float]:
    """The 95 % interval of a share of independent samples (Wilson, 1927)."""
    z2 = _Z95**2
    share = correct / samples
    middle = (share + z2 / (2 * samples)) / (1 + z2 / samples)
    half = _Z95 / (1 + z2 / samples) * math.sqrt(share * (1 - share) / samples + z2 / (4 * samples**2))
    # Rounding may push an end past the share itself.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def robustness(
    model: nn.Module,
    data: Iterable[tuple[Tensor, Tensor]],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    disturbances: Disturbances | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Robustness:
    """Measure the accuracy of a model under corruptions, attacks, noise on its weights and faults of its spikes.

    Every picture has random numbers of its own, so that they do not depend on the size of batches. Rounding may: a
    convolution of another batch size can push a membrane potential over its threshold. An encoder that draws spikes
    is seeded for every batch, and so does depend on them.

    Args:
        model: takes normalised pictures [B, C, H, W], or frames [B, T, C, H, W], and returns logits [B, K], on any
            device. It is run in eval mode; afterwards its modes, weights, gradients and surrogates are what they were.
        data: batches of uint8 pictures [B, C, H, W], or counts of events, float32 [B, T, C, H, W], and their labels,
            int64 [B]. It is read once, in order.
        mean, std: normalisation per channel, of pixels scaled to 0..1.
        disturbances: which, and how strong; None is the default `Disturbances`, of events their `for_events`.
        limit: pictures at most; the last batch is cut.
        progress: is told how far it is, as a number of pictures: each counts by the share of trials it went through.

    Raises:
        InputError: no samples, samples of another form, no labels or labels outside of the model's classes, attacks on
            events or on a model through which no gradient passes, or corruptions that are not for these samples.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps; hooks need the modules themselves
    bench: _Bench | None = None
    with eval_mode(model):
        for images, labels in batches(data, limit):
            if bench is None:
                bench = _Bench(Victim(model, mean, std), _suiting(disturbances, images), progress)
            bench.show(_checked(images, labels, bench.samples))
    if bench is None:
        raise InputError("there is nothing to measure: the data holds no samples.")
    return bench.result()


class _Bench:
    """Counts that grow batch by batch."""

    def __init__(self, victim: Victim, words: Disturbances, progress: Progress | None) -> None:
        self.victim, self.words, self.progress = victim, words, progress
        self.trials: list[Trial] = list(trials(words, victim.model))
        self.samples = self.correct = 0
        self._right: dict[int, Tensor] = {}
        self._blind: dict[int, Tensor] = {}
        self._size: tuple[int, ...] = ()

    def show(self, shown: Shown) -> None:
        """Try everything on one batch."""
        self._size = self._size or tuple(shown.images.shape[-2:])
        if shown.images.shape[-2:] != self._size:
            raise InputError(f"all pictures must have one size; got {self._size} and {tuple(shown.images.shape[-2:])}.")
        self.correct += self._clean(shown)
        passes, all_passes = 1, 1 + sum(trial.passes for trial in self.trials)
        for index, trial in enumerate(self.trials):
            self._tell(shown, passes / all_passes)
            with seeded(self.words.seed, f"encoder {shown.first}"):
                outcome = trial.run(self.victim, shown)
            self._right[index] = self._right.get(index, 0) + outcome.right.sum(-1)  # [settings, draws]
            if outcome.blind is not None:
                self._blind[index] = self._blind.get(index, 0) + outcome.blind.sum(-1)  # [settings]
            passes += trial.passes
        self.samples += len(shown.images)
        self._tell(shown, 0.0)

    def result(self) -> Robustness:
        """Everything so far."""
        model = self.victim.model
        return Robustness(
            name=getattr(model, "name", None) or type(model).__name__,
            samples=self.samples,
            correct=self.correct,
            rows=tuple(row for index in range(len(self.trials)) for row in self._rows(index)),
            settings=self.words,
        )

    def _clean(self, shown: Shown) -> int:
        with seeded(self.words.seed, f"encoder {shown.first}"), torch.no_grad():
            logits = self.victim.logits(shown.images).cpu()
        if not 0 <= int(shown.labels.min()) <= int(shown.labels.max()) < logits.shape[1]:
            raise InputError(
                f"the labels go from {int(shown.labels.min())} to {int(shown.labels.max())}, but the model has "
                f"{logits.shape[1]} classes."
            )
        return int((logits.argmax(1) == shown.labels.cpu()).sum())

    def _rows(self, index: int) -> Iterator[RobustnessRow]:
        height, width = self._size
        settings, right = self.trials[index].settings(height, width), self._right[index].tolist()
        blind = self._blind[index].tolist() if index in self._blind else [None] * len(settings)
        for setting, counts, without in zip(settings, right, blind, strict=True):
            yield RobustnessRow(
                **vars(setting),
                samples=self.samples,
                correct=sum(counts),
                draws=len(counts),
                spread=stdev(count / self.samples for count in counts) if len(counts) > 1 else None,
                blind=without,
            )

    def _tell(self, shown: Shown, share: float) -> None:
        if self.progress is not None:
            self.progress(self.samples + int(share * len(shown.images)))


def _suiting(disturbances: Disturbances | None, images: Tensor) -> Disturbances:
    """What the first batch is to be tried with."""
    if images.dim() != 5:
        return disturbances or Disturbances()
    if disturbances is None:
        return Disturbances().for_events()
    if disturbances.attacks and disturbances.epsilons:
        raise InputError(
            "attacks change pixels by a part of their range, and counts of events have none. Leave attacks out: "
            "--only corruptions,weights,spikes."
        )
    return disturbances


def _checked(images: Tensor, labels: Tensor | None, first: int) -> Shown:
    if (images.dtype, images.dim()) not in ((torch.uint8, 4), (torch.float32, 5)):
        raise InputError(
            "robustness takes uint8 pictures [B, C, H, W], not yet normalised, or counts of events, float32 "
            f"[B, T, C, H, W]; got {images.dtype} {list(images.shape)}."
        )
    if labels is None or len(labels) != len(images):
        raise InputError("robustness needs the label of every picture: give pairs of pictures and labels.")
    return Shown(images, labels.long(), first)
