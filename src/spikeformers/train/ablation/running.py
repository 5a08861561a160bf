"""Training what a study still lacks: each run once, whoever else works on the same study, and whatever fails."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from spikeformers.errors import DataError, SpikeformersError
from spikeformers.train.ablation.cells import Ablation, Job
from spikeformers.train.ablation.record import Figures, Record, StudyDirectory
from spikeformers.train.ablation.study import BASE
from spikeformers.train.errors import InUse
from spikeformers.train.once import fit_once
from spikeformers.train.result import Event, RunStarted
from spikeformers.version import __version__

Watch = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a study has come; `seconds_left` is None before its first run is finished."""

    finished: int
    failed: int
    total: int
    seconds_left: float | None

    @classmethod
    def of(cls, records: Mapping[str, Record | None]) -> Standing:
        """Tell it from the records of all runs; those to come take as long as those that are done, on average."""
        ended = [record for record in records.values() if record is not None]
        seconds = [record.figures.seconds for record in ended if record.figures is not None]
        left = (len(records) - len(ended)) * mean(seconds) if seconds else None
        return cls(
            finished=len(seconds), failed=len(ended) - len(seconds), total=len(records), seconds_left=left
        )  # fmt: skip


class Observer:
    """Hears how a study goes on; this one does nothing with it."""

    def training(self, job: Job, number: int, total: int) -> AbstractContextManager[Watch]:
        """Return a context that lasts as long as a run is trained, with the function to tell its events."""
        return nullcontext(lambda event: None)

    def ended(self, job: Job, record: Record, standing: Standing) -> None:
        """Hear that a run has ended and that its record is on the disk."""

    def elsewhere(self, job: Job) -> None:
        """Hear that another process trains a run."""


def train_study(
    ablation: Ablation,
    out: Path,
    *,
    observer: Observer | None = None,
    keep_checkpoints: bool = False,
    **how: Any,
) -> None:
    """Train the runs of a study that have no record in the directory `out`, and those whose record is a failure.

    An unfinished run goes on, as `fit` does. A run that fails is recorded with its reason, and the others go on. Other
    processes may work on the same directory: no run is trained twice.

    Args:
        keep_checkpoints: keep what `fit` leaves of a finished run; otherwise its checkpoints go when its record is
            written, and its recipe, log and result stay.
        how: further words of `fit`.

    Raises:
        DataError: the data set cannot be read, is not the one that other runs of the study learned from, or a record is
            damaged.
        TrainingError: the directory cannot be written.
    """
    directory, watched, jobs = StudyDirectory(out), observer or Observer(), ablation.jobs()
    directory.make()
    before = {job.key: directory.read(job) for job in jobs}
    for number, job in enumerate(jobs, start=1):
        with directory.held(job.key) as ours:
            if not ours:
                watched.elsewhere(job)
                continue
            found = directory.read(job)
            if found is not None and (found.figures is not None or found != before[job.key]):
                continue  # finished, or another process has just tried it
            if found is not None:
                directory.forget(job.key)
            known = [record for record in map(directory.read, jobs) if record is not None]
            with watched.training(job, number, len(jobs)) as watch:
                record = _trained(job, directory, _Alike(job, known, watch), how)
            directory.write(job.key, record)
            if record.figures is not None and not keep_checkpoints:
                directory.drop_checkpoints(job.key)
        watched.ended(job, record, _standing({each.key: directory.read(each) for each in jobs}, before))


def _standing(now: Mapping[str, Record | None], before: Mapping[str, Record | None]) -> Standing:
    """How far the study is now; a failure of an earlier time is still to be tried again."""
    return Standing.of(
        {key: None if each and each.failure and each == before[key] else each for key, each in now.items()}
    )


def _trained(job: Job, directory: StudyDirectory, watch: _Alike, how: Mapping[str, Any]) -> Record:
    figures, failure, trace = None, "", ""
    try:
        result = fit_once(job.recipe, out=directory.run(job.key).path, watch=watch, **how)
        watch.check(result.learns_from)  # a run that was finished before tells no event
        figures = Figures.of(result)
    except (DataError, InUse):
        raise  # no fault of the cell: the next one would meet it as well
    except SpikeformersError as error:
        failure = str(error)
    except Exception as error:  # one cell that the program did not foresee must not cost a night of others
        failure, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
    value = job.value
    return Record(
        title=job.title,
        factor=value.factor if value else "",
        label=value.label if value else BASE,
        overrides=value.overrides if value else {},
        seed=job.seed,
        dataset=job.recipe.dataset,
        recipe=job.recipe.to_dict(),
        learns_from=watch.learns_from,
        version=__version__,
        ended=time.time(),
        figures=figures,
        failure=failure,
        traceback=trace,
    )


class _Alike:
    """Passes events on, and sees that a run learns from the data that others of the study learned from."""

    def __init__(self, job: Job, known: list[Record], watch: Watch) -> None:
        self._watch, self.learns_from = watch, ""
        mine = _source(job.recipe.to_dict())
        self._others = [each for each in known if each.learns_from and _source(each.recipe) == mine]

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.check(event.learns_from)
        self._watch(event)

    def check(self, learns_from: str) -> None:
        """Keep what the run learns from, and refuse it where it is not what others of the study did."""
        self.learns_from = learns_from
        for other in self._others:
            if learns_from and other.learns_from != learns_from:
                raise DataError(
                    f"The study's run '{other.title}' with seed {other.seed} learned from another data set called "
                    f"{other.dataset}, or from another teacher: number, labels, classes or normalisation differ. "
                    "Bring back what the study was started with, or choose another directory (--out)."
                )


def _source(recipe: Mapping[str, Any]) -> str:
    """The words of a recipe that decide what a run learns from."""
    model = recipe["model"]
    words = {word: recipe.get(word) for word in ("dataset", "validation", "folds", "fold", "images", "distillation")}
    return json.dumps([words, model["name"], model["config"].get("in_channels")], sort_keys=True)
