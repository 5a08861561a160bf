"""A finished or interrupted run, opened for use: its model and where that model comes from."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from spikeformers.errors import CheckpointError
from spikeformers.models import SpikingModel, load, read_header
from spikeformers.train.directory import RunDirectory
from spikeformers.train.result import EvalPart
from spikeformers.train.words import EventWords, ImageWords


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a trained model comes from and how its inputs were normalised: part of each checkpoint's header."""

    recipe: dict[str, Any]
    dataset: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]  # per channel, of pixels in 0 .. 1
    std: tuple[float, ...]
    epoch: int
    accuracy: float  # on the eval part after that epoch
    seed: int
    versions: dict[str, str]
    eval_part: EvalPart = "test"

    @property
    def images(self) -> ImageWords:
        """How pictures became inputs; the defaults where an older recipe does not say."""
        return ImageWords(**self.recipe.get("images", {}))

    @property
    def events(self) -> EventWords:
        """How recordings became inputs; the defaults where an older recipe does not say."""
        return EventWords(**self.recipe.get("events", {}))

    @property
    def fold(self) -> tuple[int, int]:
        """Which fold of how many was kept apart for testing; of 0 folds: none."""
        return self.recipe.get("fold", 0), self.recipe.get("folds", 0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """A trained model in eval mode, the checkpoint it was read from and its provenance."""

    model: SpikingModel
    provenance: Provenance
    checkpoint: Path


def load_run(path: str | Path, *, which: Literal["best", "last"] = "last") -> LoadedRun:
    """Load the model of a run directory, or of one checkpoint file that `fit` wrote.

    Args:
        which: the checkpoint to take from a directory; for a file it does not matter. The best one was chosen by its
            accuracy on the eval part; where that is the test part, its accuracy there flatters it.

    Raises:
        CheckpointError: nothing there, no run there, a damaged file, or a checkpoint that training did not write.
    """
    checkpoint = find_checkpoint(Path(path), which)
    return LoadedRun(model=load(checkpoint), provenance=read_provenance(checkpoint), checkpoint=checkpoint)


def read_provenance(checkpoint: Path) -> Provenance:
    """Read the provenance that `fit` stores in a checkpoint, without its tensors.

    Raises:
        CheckpointError: the file is damaged, or holds a model that was not saved by training.
    """
    stored = read_header(checkpoint).provenance
    missing = [field.name for field in fields(Provenance) if field.default is MISSING and field.name not in stored]
    if missing:
        raise CheckpointError(
            f"{checkpoint} holds a model but not how it was trained ({', '.join(missing)} missing from its "
            f"provenance). Expected a checkpoint written by training; `spikeformers.models.load` reads the bare model."
        )
    known = {field.name: stored[field.name] for field in fields(Provenance) if field.name in stored}
    lists = {word: tuple(known[word]) for word in ("classes", "mean", "std")}
    return Provenance(**{**known, **lists})


def find_checkpoint(path: Path, which: Literal["best", "last"] = "last") -> Path:
    """Return the checkpoint that a path stands for: itself, or the one of a run directory.

    Raises:
        CheckpointError: there is no file, and no run.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise CheckpointError(f"There is no run directory or checkpoint at {path}.")
    directory = RunDirectory(path)
    checkpoint = directory.best if which == "best" else directory.last
    if checkpoint.exists():
        return checkpoint
    raise CheckpointError(f"{path} is not a run directory: expected {checkpoint.name} in it, as training writes.")
