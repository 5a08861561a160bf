"""What a study found: means, spreads and differences to the base. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from spikeformers.train.ablation.record import Figures, Record, StudyDirectory
from spikeformers.train.ablation.study import BASE
from spikeformers.train.recipe import flat

if TYPE_CHECKING:
    from spikeformers.train.ablation.cells import Ablation, Cell

CLOSE = 2.0  # a difference below so many standard errors is no difference


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Mean accuracy less that of the base.

    Attributes:
        standard_error: root of the sum of both variances, each over its number of seeds: seeds are not taken as pairs,
            since models of other shapes share no weights. None where one of the two has fewer than two seeds.
    """

    mean: float
    standard_error: float | None

    @property
    def within_spread(self) -> bool | None:
        """Whether it is below twice its standard error; None where that is not known."""
        return None if self.standard_error is None else abs(self.mean) <= CLOSE * self.standard_error


@dataclass(frozen=True, kw_only=True)
class Line:
    """A value of a factor, or the base, with what its runs achieved."""

    factor: str
    label: str
    is_base: bool
    overrides: dict[str, Any]
    parameters: int
    runs: dict[int, Figures]  # finished ones, by seed
    failures: dict[int, str] = field(default_factory=dict)
    missing: tuple[int, ...] = ()  # seeds that were not trained yet
    difference: Difference | None = None  # None of the base, and where there are no runs

    @property
    def accuracies(self) -> list[float]:
        """Of the finished runs, by seed."""
        return [figures.accuracy for figures in self.runs.values()]

    @property
    def mean(self) -> float | None:
        """Mean accuracy; None where there are no runs."""
        return mean(self.accuracies) if self.runs else None

    @property
    def spread(self) -> float | None:
        """Standard deviation of the accuracy over seeds, as of a sample; None for fewer than two."""
        return stdev(self.accuracies) if len(self.runs) > 1 else None

    def over_runs(self, word: str) -> float | None:
        """Mean of another figure; None where there are no runs."""
        return mean(getattr(figures, word) for figures in self.runs.values()) if self.runs else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        difference = self.difference
        return {
            **{word: getattr(self, word) for word in ("factor", "label", "is_base", "overrides", "parameters")},
            "accuracy": self.mean,
            "spread": self.spread,
            "difference": difference.mean if difference else None,
            "standard_error": difference.standard_error if difference else None,
            "within_spread": difference.within_spread if difference else None,
            "runs": {str(seed): asdict(figures) for seed, figures in self.runs.items()},
            "failures": {str(seed): why for seed, why in self.failures.items()},
            "missing": list(self.missing),
        }


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A study as far as it was trained."""

    name: str
    title: str
    recipe: str
    dataset: str
    model: str
    epochs: int
    seeds: tuple[int, ...]
    settings: dict[str, Any]  # what makes the base of the recipe, with dotted keys
    base: Line
    lines: tuple[Line, ...]
    total: int  # runs, each counted once
    finished: int
    failures: dict[str, str]  # by the run's name
    seconds: float  # of all finished runs
    versions: tuple[str, ...]

    @property
    def factors(self) -> dict[str, list[Line]]:
        """The lines of each factor."""
        return {name: [line for line in self.lines if line.factor == name] for name in self._names()}

    @property
    def missing(self) -> int:
        """Runs that have not ended."""
        return self.total - self.finished - len(self.failures)

    @property
    def eval_part(self) -> str | None:
        """The part of the data that accuracies are on; None before a run is finished."""
        parts = [figures.eval_part for line in (self.base, *self.lines) for figures in line.runs.values()]
        return parts[0] if parts else None

    def _names(self) -> list[str]:
        return list(dict.fromkeys(line.factor for line in self.lines))

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        words = ("name", "title", "recipe", "dataset", "model", "epochs", "seeds", "settings", "eval_part")
        counts = ("total", "finished", "missing", "failures", "seconds", "versions")
        return {
            **{word: getattr(self, word) for word in (*words, *counts)},
            "base": self.base.to_dict(),
            "lines": [line.to_dict() for line in self.lines],
        }


def read_findings(ablation: Ablation, out: Path) -> Findings:
    """Sum up what the directory of a study holds; none of it needs to be finished.

    Raises:
        DataError: a record is damaged, of another version, or that of another run.
    """
    directory = StudyDirectory(out)
    found = {job.key: directory.read(job) for job in ablation.jobs()}
    return find(ablation, {key: record for key, record in found.items() if record is not None})


def find(ablation: Ablation, records: Mapping[str, Record]) -> Findings:
    """Sum up a study.

    Args:
        records: by the key of their runs; a run without one was not trained yet.
    """
    jobs, study = ablation.jobs(), ablation.study
    ended = [(job, records[job.key]) for job in jobs if job.key in records]
    by_cell: dict[str, dict[int, Record]] = {}
    for job, record in ended:
        by_cell.setdefault(job.cell.identity, {})[job.seed] = record

    def line(cell: Cell, **words: Any) -> Line:
        return _line(by_cell.get(cell.identity, {}), study.seeds, parameters=cell.parameters, **words)

    recipe = ablation.base.recipe
    base = line(ablation.base, factor="", label=BASE, is_base=True, overrides={})
    lines = (
        line(each.cell, factor=each.factor, label=each.label, is_base=each.is_base, overrides=each.overrides)
        for each in ablation.values
    )
    finished = [record.figures for _, record in ended if record.figures is not None]
    return Findings(
        name=study.name,
        title=study.title or study.name,
        recipe=study.recipe,
        dataset=recipe.dataset,
        model=recipe.model.name,
        epochs=recipe.schedule.total_epochs,
        seeds=study.seeds,
        settings=flat(study.set),
        base=base,
        lines=tuple(_compared(each, base) for each in lines),
        total=len(jobs),
        finished=len(finished),
        failures={f"{job.title}, seed {job.seed}": record.failure for job, record in ended if record.figures is None},
        seconds=sum(figures.seconds for figures in finished),
        versions=tuple(sorted({record.version for _, record in ended})),
    )


def _line(records: Mapping[int, Record], seeds: Sequence[int], **words: Any) -> Line:
    return Line(
        runs={seed: record.figures for seed, record in records.items() if record.figures is not None},
        failures={seed: record.failure for seed, record in records.items() if record.figures is None},
        missing=tuple(seed for seed in seeds if seed not in records),
        **words,
    )


def _compared(line: Line, base: Line) -> Line:
    if line.is_base or line.mean is None or base.mean is None:
        return line
    error = None
    if line.spread is not None and base.spread is not None:
        error = math.sqrt(line.spread**2 / len(line.runs) + base.spread**2 / len(base.runs))
    return replace(line, difference=Difference(mean=line.mean - base.mean, standard_error=error))
