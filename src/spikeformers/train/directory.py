"""The files of a run and how they are written: each is whole or absent, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from spikeformers.errors import DataError
from spikeformers.files import atomic_write
from spikeformers.train.errors import TrainingError
from spikeformers.train.result import EpochLog


@dataclass(frozen=True)
class RunDirectory:
    """Where a run keeps its recipe, log, checkpoints and result."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe as it was run, overrides included; `load_recipe` reads it."""
        return self.path / "recipe.json"

    @property
    def log(self) -> Path:
        """One JSON object per completed epoch and line."""
        return self.path / "log.jsonl"

    @property
    def last(self) -> Path:
        """Checkpoint of the last completed epoch."""
        return self.path / "last.safetensors"

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch with the best test accuracy."""
        return self.path / "best.safetensors"

    @property
    def result(self) -> Path:
        """Written once, when the run is complete."""
        return self.path / "result.json"

    def claim(self, *, overwrite: bool) -> None:
        """Create the directory and see that it can be written; where it holds a run, refuse unless `overwrite`.

        Nothing is removed: a former run stays whole until `replacing` has something to put in its place.

        Raises:
            TrainingError: the directory holds a run, is a file, or cannot be written.
        """
        former = [file.name for file in (self.result, self.best, self.last, self.log, self.recipe) if file.exists()]
        if former and not overwrite:
            raise TrainingError(
                f"{self.path} already holds a run ({', '.join(former)}). Choose another directory, or replace that run "
                f"with --overwrite (in Python: overwrite=True)."
            )
        make_directory(self.path)

    @contextmanager
    def replacing(self) -> Iterator[RunDirectory]:
        """Yield an empty directory; when the block ends, its files take the place of those here.

        A block that raises changes nothing here, so a full disk cannot leave files of two runs side by side. With the
        first new file the `result` goes: it is not the result of these files.

        Raises:
            TrainingError: the directory cannot be written.
        """
        make_directory(self.path)
        with TemporaryDirectory(dir=self.path, prefix=".saving-") as name:
            fresh = RunDirectory(Path(name))
            yield fresh
            with saving(self.path):
                self.result.unlink(missing_ok=True)
                for file in sorted(fresh.path.iterdir()):
                    file.replace(self.path / file.name)

    def write_json(self, file: Path, content: dict[str, Any]) -> None:
        """Write one of the run's JSON files."""
        with saving(file), atomic_write(file) as stream:
            stream.write(json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")

    def write_log(self, epochs: Sequence[EpochLog]) -> None:
        """Write the log of all epochs so far.

        The file is replaced as a whole instead of appended to: no crash leaves half a line, and the log cannot
        disagree with the state it is written from. A few hundred short lines cost nothing.
        """
        lines = (json.dumps(epoch.to_dict(), allow_nan=False) + "\n" for epoch in epochs)
        with saving(self.log), atomic_write(self.log) as stream:
            stream.write("".join(lines).encode())

    def read_log(self) -> list[EpochLog]:
        """Read the log back; a run without a completed epoch has an empty one.

        Raises:
            DataError: the file is not a log of this tool.
        """
        if not self.log.exists():
            return []
        try:
            return [EpochLog(**json.loads(line)) for line in self.log.read_text(encoding="utf-8").splitlines()]
        except (ValueError, TypeError) as error:
            raise DataError(f"{self.log} is not a training log: {error}.") from error


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
