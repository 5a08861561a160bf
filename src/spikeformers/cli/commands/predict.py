"""Say what is on images, or in recordings of events: the likeliest classes and their probabilities.

A model that was trained on images takes PNG, JPEG or .npy files; they are brought
to the size and the channels of the model as the test images were. One that was
trained on events takes recordings in every format that `spikeformers events` reads.

Examples:
  spikeformers predict runs/digits_spikformer digit.png
  spikeformers predict runs/digits_spikformer scans/*.png --top-k 1 --json
  spikeformers predict runs/nmnist recording.bin
  spikeformers predict runs/gesture clip.aedat4 --sensor 128x128
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikeformers.cli.output import console, error_console, print_json
from spikeformers.errors import InputError
from spikeformers.report import tables
from spikeformers.report.results import Choice, Prediction

if TYPE_CHECKING:
    from torch import Tensor

    from spikeformers.cli.trained import Trained


def run(
    run_or_checkpoint: Path,
    files: tuple[Path, ...],
    /,
    *,
    top_k: int = 3,
    format: str | None = None,
    sensor: str | None = None,
    device: str = "cpu",
    json: bool = False,
) -> None:
    """Say what is on images or in recordings.

    Args:
        run_or_checkpoint: Directory of a run, or a checkpoint file that training wrote.
        files: PNG, JPEG or .npy files; for a model trained on events, recordings.
        top_k: How many classes to show for each file.
        format: Of recordings. None: as each file tells.
        sensor: Columns x rows of the camera that recorded. None: as the file tells, else as in the training data.
        device: Where to compute: cpu, cuda, cuda:1 ...
        json: Print one JSON document.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.cli.trained import open_trained
    from spikeformers.report.samples import noun_of
    from spikeformers.train import load_run, probabilities

    if top_k < 1:
        raise InputError(f"--top-k is {top_k}; it must be 1 or more.")
    load_run(run_or_checkpoint)  # a model alone does not say what its classes are called
    trained = open_trained(run_or_checkpoint, None)
    samples, noun = _read(trained, files, format, sensor), noun_of(trained.dataset)
    model = trained.model.to(usable_device(device))
    ranked = probabilities(model, samples, mean=trained.mean, std=trained.std).sort(descending=True, stable=True)
    answers = [
        Prediction(file=str(file), choices=_choices(trained.classes, values[:top_k], labels[:top_k]))
        for file, values, labels in zip(files, ranked.values.tolist(), ranked.indices.tolist(), strict=True)
    ]
    if json:
        told = [{noun.one: each.file, "choices": each.choices} for each in answers]
        print_json({"checkpoint": trained.checkpoint, "predictions": told})
    else:
        console().print(tables.predictions(answers, noun))


def _read(trained: Trained, files: tuple[Path, ...], format: str | None, sensor: str | None) -> Tensor:
    """Files as the model takes them; what is lost while reading recordings is told on stderr."""
    from spikeformers.cli.recordings import parse_sensor, read_inputs
    from spikeformers.data import holds_events, load_images
    from spikeformers.train.feed import framing_of

    if not holds_events(trained.dataset):
        if format is not None or sensor is not None:
            raise InputError(
                f"--format and --sensor are for recordings; the model was trained on images ({trained.dataset})."
            )
        return load_images(files, framing_of(trained.images, trained.model.config))
    if not files:
        raise InputError("No recording was named. Name at least one file.")
    size = None if sensor is None else parse_sensor(sensor)
    frames, lost = read_inputs(trained, files, format=format, sensor=size)
    for path, losses in lost.items():
        if losses:
            error_console().print(f"{path}: left out {losses}.", style="yellow", markup=False, soft_wrap=True)
    return frames


def _choices(classes: tuple[str, ...], values: list[float], labels: list[int]) -> tuple[Choice, ...]:
    return tuple(Choice(label=classes[label], probability=value) for label, value in zip(labels, values, strict=True))
