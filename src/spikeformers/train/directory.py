"""The files of a run and how they are written: each is whole or absent, whatever happens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from spikeformers.errors import CheckpointError, ConfigError
from spikeformers.files import atomic_write
from spikeformers.train.errors import TrainingError
from spikeformers.train.lock import locked
from spikeformers.train.recipe import PROSE, Recipe, differences, load_recipe
from spikeformers.train.result import EpochLog, EpochTime
from spikeformers.train.vault import prune, read_state, state_file, state_files, write_state


@dataclass(frozen=True)
class Unfinished:
    """The newest readable state of an unfinished run, and which newer ones could not be read, and why."""

    state: dict[str, Any]
    damaged: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunDirectory:
    """Where a run keeps its recipe, log, checkpoints and result.

    The newest `state-*.bin` decides where an unfinished run goes on. It is put in place after all other files of its
    epoch, so whatever it is missing is made again from it, with the same bytes.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe as it is run, overrides included; `load_recipe` reads it."""
        return self.path / "recipe.json"

    @property
    def log(self) -> Path:
        """One JSON object per completed epoch and line."""
        return self.path / "log.jsonl"

    @property
    def times(self) -> Path:
        """How long each epoch took, and the one that was going on when the last state was saved."""
        return self.path / "times.jsonl"

    @property
    def last(self) -> Path:
        """Checkpoint of the last completed epoch."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch with the best accuracy on the eval part."""
        return self.path / "best.safetensors"

    @property
    def result(self) -> Path:
        """Written once, when the run is complete."""
        return self.path / "result.json"

    @property
    def diverged(self) -> Path:
        """Where a run that diverged leaves the batch and the weights that show it."""
        return self.path / "diverged"

    @property
    def occupied(self) -> bool:
        """Whether it holds any file of a run."""
        return any(file.exists() for file in self._files())

    def state(self, step: int) -> Path:
        """Everything that is needed to go on after `step` updates."""
        return state_file(self.path, step)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Create the directory, see that it can be written, and keep other runs out of it for the block.

        What a killed run left half-written is swept up; its complete files are not touched.

        Raises:
            TrainingError: the directory is a file, cannot be written, or another run is writing to it.
        """
        make_directory(self.path)
        with ExitStack() as held:
            with saving(self.path):
                held.enter_context(locked(self.path / ".lock"))
                for folder in self.path.glob(".saving-*"):
                    shutil.rmtree(folder, ignore_errors=True)
                for file in self.path.glob(".result.json.*.part"):
                    file.unlink(missing_ok=True)
            yield

    def unfinished(self, recipe: Recipe) -> Unfinished | None:
        """Return where an unfinished run of this recipe goes on; None where there is nothing to go on from.

        Raises:
            TrainingError: the directory holds a finished run, one of another recipe, or one without a readable state.
        """
        files = [file.name for file in self._files() if file.exists()]
        if not files:
            return None
        if self.result.exists() or not self.recipe.exists():
            what = "a finished run" if self.result.exists() else "files of a run"
            raise TrainingError(f"{self.path} already holds {what} ({', '.join(files)}). {_WAY_OUT}")
        there = _read_recipe(self.recipe).to_dict()
        differing = [row for row in differences(there, recipe.to_dict()) if row[0].partition(".")[0] not in PROSE]
        if differing:
            listed = "; ".join(f"{key}: {theirs} there, {ours} now" for key, theirs, ours in differing[:5])
            more = f"; and {len(differing) - 5} more" if len(differing) > 5 else ""
            raise TrainingError(f"{self.path} holds an unfinished run of another recipe ({listed}{more}). {_WAY_OUT}")
        damaged: dict[Path, str] = {}
        for file in state_files(self.path):
            try:
                return Unfinished(read_state(file), damaged)
            except CheckpointError as error:
                damaged[file] = str(error)
        if damaged:
            raise TrainingError(
                f"{self.path} holds an unfinished run, but no state it could go on from: {' '.join(damaged.values())} "
                f"Restore one from a copy, or start again from the beginning with --overwrite."
            )
        return None

    @contextmanager
    def replacing(self, *, former: bool) -> Iterator[RunDirectory]:
        """Yield an empty directory; when the block ends, its files take the place of those here.

        A block that raises changes nothing here, so a full disk cannot leave files of two runs side by side.

        Args:
            former: the files here belong to another run, and go before the first new one arrives.

        Raises:
            TrainingError: the directory cannot be written.
        """
        make_directory(self.path)
        with TemporaryDirectory(dir=self.path, prefix=".saving-") as name:
            fresh = RunDirectory(Path(name))
            yield fresh
            with saving(self.path):
                if former:
                    self._remove()
                for file in fresh._files():
                    if file.exists():
                        file.replace(self.path / file.name)
                prune(self.path)

    def write_json(self, file: Path, content: Mapping[str, Any]) -> None:
        """Write one of the run's JSON files."""
        with saving(file), atomic_write(file) as stream:
            stream.write(json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")

    def write_state(self, step: int, content: dict[str, Any]) -> None:
        """Write everything that is needed to go on after `step` updates."""
        file = self.state(step)
        with saving(file):
            write_state(file, content)

    def write_lines(self, file: Path, lines: Sequence[EpochLog] | Sequence[EpochTime]) -> None:
        """Write log or times of all epochs so far.

        The file is replaced as a whole instead of appended to: no crash leaves half a line, and the log cannot
        disagree with the state it is written from. A few hundred short lines cost nothing.
        """
        text = "".join(json.dumps(line.to_dict(), allow_nan=False) + "\n" for line in lines)
        with saving(file), atomic_write(file) as stream:
            stream.write(text.encode())

    def _files(self) -> list[Path]:
        """The files of a run in the order they are put in place: the state last."""
        states = sorted(state_files(self.path))
        return [self.recipe, self.times, self.log, self.best, self.last, *states, self.result]

    def _remove(self) -> None:
        """Remove the run; its recipe goes last, so that what is left of it can still be told from another."""
        for file in reversed(self._files()):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.diverged, ignore_errors=True)


_WAY_OUT = (
    "Choose another directory, or replace that run with --overwrite (in Python: overwrite=True); with its own recipe, "
    "seed and number of epochs an unfinished run goes on."
)


def make_directory(path: Path) -> None:
    """Create a directory where there is none, and try whether it can be written: before hours of work, not after.

    Raises:
        TrainingError: `path` is a file, or cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise TrainingError(f"{path} is a file; name a directory instead.")
    with saving(path):
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            pass


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn a failed write into an error that says what is left and what to do."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{path} could not be written: {error.strerror or error}. Files saved before are unchanged. Free space or "
            f"make the directory writable, then start the run again."
        ) from error


def _read_recipe(path: Path) -> Recipe:
    try:
        return load_recipe(path)
    except ConfigError as error:
        raise TrainingError(f"{error} {_WAY_OUT}") from error
