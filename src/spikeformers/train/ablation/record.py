"""What is kept of a run of a study, and where. Needs no torch."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeformers.errors import DataError
from spikeformers.files import atomic_write
from spikeformers.train.directory import RunDirectory, make_directory, saving
from spikeformers.train.errors import InUse
from spikeformers.train.lock import locked
from spikeformers.train.reading import read_object, read_text, typed
from spikeformers.train.recipe import PROSE, Recipe, differences
from spikeformers.train.result import EvalPart, RunResult
from spikeformers.train.vault import state_files

if TYPE_CHECKING:
    from spikeformers.train.ablation.cells import Job

_PAUSE = 0.05  # seconds between two looks at a lock


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a finished run achieved, after its last epoch."""

    accuracy: float  # on the eval part: the validation part where the recipe holds one out, else the test part
    loss: float  # cross-entropy there
    eval_part: EvalPart
    test_accuracy: float
    train_loss: float
    firing_rate: float  # mean over all spiking neurons, on up to 64 samples of the eval part
    dead: float  # share of the channels that never fired there
    parameters: int
    epochs: int
    seconds: float

    @classmethod
    def of(cls, result: RunResult) -> Figures:
        """Take them out of a run's result."""
        last = result.epochs[-1]
        return cls(
            accuracy=last.eval_accuracy,
            loss=last.eval_loss,
            eval_part=last.eval_part,
            test_accuracy=result.test_accuracy,
            train_loss=last.train_loss,
            firing_rate=last.firing_rate,
            dead=last.dead,
            parameters=result.parameters,
            epochs=len(result.epochs),
            seconds=result.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run of a study that has ended: its figures, or why it has none.

    Attributes:
        title: the first line of the study's table that it belongs to.
        recipe: what was trained, as `Recipe.to_dict` gives it.
        learns_from: a text that two runs share only if they learn from the same data and teacher.
        version: of spikeformers, which trained it.
        ended: when, in seconds since 1970.
        failure: why it has no figures.
        traceback: of a failure that the program did not foresee.
    """

    title: str
    factor: str = ""
    label: str
    overrides: dict[str, Any] = field(default_factory=dict)
    seed: int
    dataset: str
    recipe: dict[str, Any]
    learns_from: str = ""
    version: str
    ended: float
    figures: Figures | None = None
    failure: str = ""
    traceback: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        return asdict(self)


def _check(record: Record, recipe: Recipe, source: str) -> None:
    """Refuse the record of another run, and one that says neither figures nor a failure."""
    there = typed(Recipe, record.recipe, f"{source}: recipe").to_dict()
    for word, theirs, ours in differences(there, recipe.to_dict()):
        if word.partition(".")[0] not in PROSE:
            raise DataError(f"{source} is the record of another run: {word} is {theirs} there and {ours} in the study.")
    if (record.figures is None) == (not record.failure):
        raise DataError(f"{source} must hold either figures or a failure.")
    if record.figures is not None:
        _check_figures(record.figures, source)


def _check_figures(figures: Figures, source: str) -> None:
    """Refuse what no run can have achieved."""
    for name in ("accuracy", "test_accuracy", "dead"):
        share = getattr(figures, name)
        if not 0 <= share <= 1:
            raise DataError(f"{source}: figures.{name} must be a share from 0 to 1, got {share}.")
    for name, least in (("loss", 0), ("seconds", 0), ("parameters", 1), ("epochs", 1)):
        number = getattr(figures, name)
        if number < least:
            raise DataError(f"{source}: figures.{name} must be {least} or more, got {number}.")


@dataclass(frozen=True)
class StudyDirectory:
    """Where a study keeps its records, its runs, and what it shows of them."""

    path: Path

    def record(self, key: str) -> Path:
        """The file of a record; it is there when its run has ended."""
        return self.path / "cells" / f"{key}.json"

    def run(self, key: str) -> RunDirectory:
        """Where a run is trained."""
        return RunDirectory(self.path / "runs" / key)

    def make(self) -> None:
        """Create the directories, and try whether they can be written.

        Raises:
            TrainingError: one is a file, or cannot be written.
        """
        make_directory(self.path / "cells")

    def read(self, job: Job) -> Record | None:
        """Return the record of a run; None where the run has not ended.

        Raises:
            DataError: the record is damaged, of another version, or that of another run.
        """
        file = self.record(job.key)
        if not file.exists():
            return None
        try:
            record = typed(Record, read_object(read_text(file), str(file)), str(file))
            _check(record, job.recipe, str(file))
        except DataError as error:
            raise DataError(
                f"{error} Remove the file: it is made again from the result.json of its run, which is trained again "
                "only where that is gone."
            ) from error
        return record

    def write(self, key: str, record: Record) -> None:
        """Keep a record.

        Raises:
            TrainingError: it could not be written.
        """
        file = self.record(key)
        with saving(file), atomic_write(file) as stream:
            stream.write(json.dumps(record.to_dict(), indent=2, allow_nan=False).encode() + b"\n")

    def drop_checkpoints(self, key: str) -> None:
        """Remove what a finished run would go on from; its recipe, log and result stay."""
        run = self.run(key)
        for file in (run.best, run.last, *state_files(run.path)):
            file.unlink(missing_ok=True)

    def forget(self, key: str) -> None:
        """Remove a record and its run, so that it is trained from the beginning."""
        shutil.rmtree(self.run(key).path, ignore_errors=True)
        self.record(key).unlink(missing_ok=True)

    @contextmanager
    def held(self, key: str) -> Iterator[bool]:
        """Keep other processes from training a run for the block; yields False where one of them keeps this one."""
        with ExitStack() as stack:
            yield self._taken(self.record(f".{key}").with_suffix(".lock"), stack)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Wait until no other process writes tables and pictures; then it is this one's turn for the block.

        Records are to be read within, so that the last one to write knows of all of them.
        """
        with ExitStack() as stack:
            while not self._taken(self.path / ".showing.lock", stack):
                time.sleep(_PAUSE)
            yield

    def _taken(self, lock: Path, stack: ExitStack) -> bool:
        try:
            stack.enter_context(locked(lock))
        except InUse:
            return False
        return True
