"""Say what is on images: the likeliest classes and their probabilities.

Images are PNG, JPEG or .npy files; they are brought to the size and the
channels of the model as the test images were.

Examples:
  spikeformers predict runs/digits_spikformer digit.png
  spikeformers predict runs/digits_spikformer scans/*.png --top-k 1 --json
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json
from spikeformers.errors import InputError
from spikeformers.report import tables
from spikeformers.report.results import Choice, Prediction


def run(
    run_or_checkpoint: Path, images: tuple[Path, ...], /, *, top_k: int = 3, device: str = "cpu", json: bool = False
) -> None:
    """Say what is on images.

    Args:
        run_or_checkpoint: Directory of a run, or a checkpoint file that training wrote.
        images: PNG, JPEG or .npy files.
        top_k: How many classes to show for each image.
        device: Where to compute: cpu, cuda, cuda:1 ...
        json: Print one JSON document.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.data import load_images
    from spikeformers.train import load_run, probabilities
    from spikeformers.train.feed import framing_of

    if top_k < 1:
        raise InputError(f"--top-k is {top_k}; it must be 1 or more.")
    trained = load_run(run_or_checkpoint)
    about, config = trained.provenance, trained.model.config
    pixels = load_images(images, framing_of(about.images, config))
    model = trained.model.to(usable_device(device))
    ranked = probabilities(model, pixels, mean=about.mean, std=about.std).sort(descending=True, stable=True)
    answers = [
        Prediction(image=str(image), choices=_choices(about.classes, values[:top_k], labels[:top_k]))
        for image, values, labels in zip(images, ranked.values.tolist(), ranked.indices.tolist(), strict=True)
    ]
    if json:
        print_json({"checkpoint": trained.checkpoint, "predictions": answers})
    else:
        console().print(tables.predictions(answers))


def _choices(classes: tuple[str, ...], values: list[float], labels: list[int]) -> tuple[Choice, ...]:
    return tuple(Choice(label=classes[label], probability=value) for label, value in zip(labels, values, strict=True))
