"""Opening what the user calls a trained model: a run directory, its checkpoint, or a model saved without a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spikeformers.errors import CheckpointError
from spikeformers.models import SpikingModel, load, read_header
from spikeformers.train import load_run


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model in eval mode and what its checkpoint says about its inputs; no mean and std where it does not say."""

    model: SpikingModel
    checkpoint: Path
    dataset: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The model's name in the catalogue, or that of its class."""
        return self.model.name or type(self.model).__name__


def open_trained(path: Path, dataset: str | None) -> Trained:
    """Open a run or checkpoint to be used on `dataset`; None is the data set it was trained on.

    Raises:
        CheckpointError: nothing there, a damaged file, or a model that does not say what it was trained on.
    """
    if path.is_file() and not read_header(path).provenance:
        if dataset is None:
            raise CheckpointError(
                f"{path} does not say which data set its model was trained on. Name one with --dataset."
            )
        return Trained(model=load(path), checkpoint=path, dataset=dataset)
    run = load_run(path)
    about = run.provenance
    return Trained(
        model=run.model,
        checkpoint=run.checkpoint,
        dataset=dataset or about.dataset,
        mean=about.mean,
        std=about.std,
    )
