"""How good a model is on labelled images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from spikeformers.data import Images, batches
from spikeformers.errors import InputError
from spikeformers.train.objective import cross_entropy


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Result of `evaluate`; `confusion[true][predicted]` counts samples, `loss` is the mean cross-entropy."""

    accuracy: float
    loss: float
    samples: int
    correct: int
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, ready for JSON."""
        return asdict(self)


@torch.inference_mode()
def evaluate(
    model: nn.Module, images: Images, *, batch_size: int, mean: Sequence[float], std: Sequence[float]
) -> Evaluation:
    """Classify every image in eval mode, on the device of the model, and compare with the labels.

    Every module has the mode it had before when this returns.

    Args:
        mean, std: per-channel normalisation of pixels in 0 .. 1, as in training.

    Raises:
        InputError: no images, or a label outside the model's classes.
    """
    if len(images) == 0:
        raise InputError("There are no images to evaluate on.")
    device = next(model.parameters()).device
    total_loss, counts = 0.0, []
    with eval_mode(model):
        for x, y in batches(images, batch_size=batch_size, mean=mean, std=std):
            logits = model(x.to(device)).cpu()
            total_loss += cross_entropy(logits.double(), y).item() * len(y)
            counts.append(_confusion(logits, y))
    confusion = torch.stack(counts).sum(0)
    samples, correct = len(images), int(confusion.trace())
    return Evaluation(
        accuracy=correct / samples,
        loss=total_loss / samples,
        samples=samples,
        correct=correct,
        confusion=confusion.tolist(),
    )


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put the model into eval mode and give every module its own mode back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _confusion(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the counts [K, K] of one batch, true class by predicted class."""
    classes = logits.shape[1]
    return torch.bincount(labels * classes + logits.argmax(1), minlength=classes**2).view(classes, classes)
