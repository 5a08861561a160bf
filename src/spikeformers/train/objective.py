"""What training minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from spikeformers.errors import InputError


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, *, label_smoothing: float = 0.0) -> torch.Tensor:
    """Return the mean cross-entropy of logits [B, K] (already averaged over time) against labels [B], a scalar.

    Args:
        label_smoothing: the share of the target spread evenly over all K classes.

    Raises:
        InputError: a label outside 0 .. K-1.
    """
    check_labels(labels, classes=logits.shape[1])
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)


def check_labels(labels: torch.Tensor, *, classes: int) -> None:
    """Raise InputError when a label of the batch is not one of 0 .. classes-1."""
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        position = int(outside.nonzero()[0])
        raise InputError(
            f"Label {int(labels[position])} at position {position} of the batch is outside the model's {classes} "
            f"classes (0 to {classes - 1}). Correct the label, or build the model with a larger num_classes."
        )
