"""What training minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from spikeformers.errors import InputError


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, *, label_smoothing: float = 0.0) -> torch.Tensor:
    """Return the mean cross-entropy of logits [B, K] (already averaged over time), a scalar.

    Args:
        targets: labels [B] of whole numbers, or the probability of each class [B, K] (mixed images).
        label_smoothing: the share of either kind of target spread evenly over all K classes.

    Raises:
        InputError: a label outside 0 .. K-1, or targets of another shape.
    """
    logits = at_least_float32(logits)
    if targets.is_floating_point():
        _check_shape(logits, targets, logits.shape)
        targets = targets.to(logits.dtype)
    else:
        _check_shape(logits, targets, logits.shape[:1])
        check_labels(targets, classes=logits.shape[1])
    return F.cross_entropy(logits, targets, label_smoothing=label_smoothing)


def tet(
    steps: torch.Tensor,
    targets: torch.Tensor,
    *,
    weight: float,
    means: float = 1.0,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Return the temporal efficient training loss of the logits of each time step [T, B, K], a scalar.

    (1 - weight) mean_t CE(o_t, y) + weight MSE(o, means), Deng et al., "Temporal Efficient Training of Spiking Neural
    Network via Gradient Re-weighting", ICLR 2022.

    Args:
        targets, label_smoothing: as for `cross_entropy`, the same for every time step.
        weight: lambda, the weight of the second term.
        means: the value that the second term pulls every logit to.

    Raises:
        InputError: as `cross_entropy`.
    """
    steps = at_least_float32(steps)
    T = steps.shape[0]
    every_step = targets.repeat(T, *[1] * (targets.dim() - 1))  # [T B] or [T B, K]
    classified = cross_entropy(steps.flatten(0, 1), every_step, label_smoothing=label_smoothing)
    return (1.0 - weight) * classified + weight * F.mse_loss(steps, torch.full_like(steps, means))


def hard_labels(targets: torch.Tensor) -> torch.Tensor:
    """Return the labels [B] to judge by: labels as they are, of probabilities [B, K] the likeliest class."""
    return targets.argmax(1) if targets.is_floating_point() else targets


def check_labels(labels: torch.Tensor, *, classes: int) -> None:
    """Raise InputError when a label of the batch is not one of 0 .. classes-1."""
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        position = int(outside.nonzero()[0])
        raise InputError(
            f"Label {int(labels[position])} at position {position} of the batch is outside the model's {classes} "
            f"classes (0 to {classes - 1}). Correct the label, or build the model with a larger num_classes."
        )


def at_least_float32(logits: torch.Tensor) -> torch.Tensor:
    """Return logits in float32 where autocast left them in half precision: exp and log need the digits."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _check_shape(logits: torch.Tensor, targets: torch.Tensor, expected: torch.Size) -> None:
    if targets.shape != expected:
        raise InputError(
            f"The targets of logits {list(logits.shape)} must be whole-number labels {list(logits.shape[:1])} or "
            f"probabilities {list(logits.shape)}, got {targets.dtype} {list(targets.shape)}."
        )
