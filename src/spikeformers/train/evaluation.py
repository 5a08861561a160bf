"""How good a model is on labelled images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.data import Batch, Batches, Normalised, Source, normalise, refuse_many
from spikeformers.data.streams import seeded
from spikeformers.errors import InputError
from spikeformers.models.mode import eval_mode
from spikeformers.train.objective import cross_entropy


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Result of `evaluate`; `confusion[true][predicted]` counts samples, `loss` is the mean cross-entropy.

    Pictures that could not be read are in none of the figures; `unreadable` names them, with reasons.
    """

    accuracy: float
    loss: float
    samples: int
    correct: int
    confusion: list[list[int]]
    unreadable: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, ready for JSON."""
        return asdict(self)


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    source: Source,
    *,
    batch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    workers: int = 0,
) -> Evaluation:
    """Classify every image in eval mode, on the device of the model, and compare with the labels.

    Every module has the mode it had before when this returns. Encoders that draw spikes draw the same in every
    evaluation. A picture that cannot be read is left out, and no other one counted in its place.

    Args:
        mean, std: per-channel normalisation of pixels in 0 .. 1, as in training.
        workers: processes that read pictures ahead.

    Raises:
        InputError: no images, or a label outside the model's classes.
        DataError: more than 1 % of the pictures, and more than one, cannot be read, or none can.
    """
    if len(source) == 0:
        raise InputError("There are no images to evaluate on.")
    device = next(model.parameters()).device
    total_loss, counts = 0.0, []
    unreadable: dict[str, None] = {}  # in the order they were met
    batches = Batches(
        source=source,
        batch_size=batch_size,
        prepare=Normalised(tuple(mean), tuple(std)),
        workers=workers,
        stand_ins=False,
    )
    with eval_mode(model), seeded(0, "evaluation"):
        for batch in _read(batches, unreadable):
            logits = model(batch.x.to(device)).cpu()
            total_loss += cross_entropy(logits.double(), batch.targets).item() * len(batch)
            counts.append(_confusion(logits, batch.targets))
    confusion = torch.stack(counts).sum(0)
    samples, correct = int(confusion.sum()), int(confusion.trace())
    return Evaluation(
        accuracy=correct / samples,
        loss=total_loss / samples,
        samples=samples,
        correct=correct,
        confusion=confusion.tolist(),
        unreadable=tuple(unreadable),
    )


@torch.inference_mode()
def probabilities(
    model: nn.Module, images: Tensor, *, mean: Sequence[float], std: Sequence[float], batch_size: int = 100
) -> Tensor:
    """Return the probability of each class for each image, `[N, K]` on the CPU.

    The model computes in eval mode on its device; every module has the mode it had before when this returns. Encoders
    that draw spikes draw the same in every call.

    Args:
        images: uint8 `[N, C, H, W]`.
        mean, std: per channel, for pixels scaled to 0..1, as in training.
    """
    device = next(model.parameters()).device
    with eval_mode(model), seeded(0, "evaluation"):
        logits = [model(normalise(part.to(device), mean, std)) for part in torch.split(images, batch_size)]
    return torch.cat(logits).softmax(1).cpu()


def _read(batches: Batches, unreadable: dict[str, None]) -> Iterator[Batch]:
    """Yield the batches that hold any picture, and add to `unreadable` what could not be read; refuse too many."""
    with closing(batches.epoch()) as epoch:
        for batch in epoch:
            unreadable.update(dict.fromkeys(batch.unreadable))
            refuse_many(unreadable, len(batches.source), "The images to evaluate on")
            if len(batch):
                yield batch


def _confusion(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the counts [K, K] of one batch, true class by predicted class."""
    classes = logits.shape[1]
    return torch.bincount(labels * classes + logits.argmax(1), minlength=classes**2).view(classes, classes)
