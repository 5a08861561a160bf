"""Opening what the user calls a trained model: a run directory, its checkpoint, or a model saved without a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from spikeformers.cli.output import error_console
from spikeformers.data import Dataset, EventFraming, Framing, Watch, holds_events, load_dataset
from spikeformers.errors import CheckpointError, DataError
from spikeformers.models import SpikingModel, load, read_header
from spikeformers.train import load_run
from spikeformers.train.feed import event_framing_of, framing_of, tested_on_fold
from spikeformers.train.words import EventWords, ImageWords


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model in eval mode and what its checkpoint says about its inputs.

    Mean, std and classes are empty where it does not say.
    """

    model: SpikingModel
    checkpoint: Path
    dataset: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    images: ImageWords = field(default_factory=ImageWords)
    events: EventWords = field(default_factory=EventWords)
    fold: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """The model's name in the catalogue, or that of its class."""
        return self.model.name or type(self.model).__name__

    def open(self, data_dir: Path | None, *, time_steps: int | None = None) -> Dataset:
        """Load the data set as this model's inputs, normalised as in its training, with a test part.

        Args:
            time_steps: frames that recordings of events are cut into; None: as many as the model has time steps.

        Raises:
            DataError: its files cannot be read, or its classes are not those the model was trained for.
        """
        framing: Framing | EventFraming
        if holds_events(self.dataset):
            framing = event_framing_of(self.events, self.model.config, time_steps)
        else:
            framing = framing_of(self.images, self.model.config)
        data = load_dataset(self.dataset, data_dir, framing=framing)
        data = tested_on_fold(data, *self.fold, Watch(note=_tell)).need("test")
        if self.classes and self.classes != data.classes:
            raise DataError(
                f"The model was trained for the classes {_listed(self.classes)}, the data set {data.name!r} has "
                f"{_listed(data.classes)}. Name the data it was trained for, or fine-tune it: spikeformers train "
                f"finetune --init {self.checkpoint} --data-dir DIR"
            )
        return replace(data, mean=self.mean or data.mean, std=self.std or data.std)


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
        classes=about.classes,
        images=about.images,
        events=about.events,
        fold=about.fold,
    )


def _tell(note: str) -> None:
    error_console().print(note, markup=False, soft_wrap=True)


def _listed(classes: tuple[str, ...]) -> str:
    more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
    return ", ".join(classes[:5]) + more
