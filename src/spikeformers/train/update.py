"""One update of the weights: from batches to a step of the optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from spikeformers.data import Batch
from spikeformers.train.goal import Goal
from spikeformers.train.objective import hard_labels
from spikeformers.train.optim import set_rate
from spikeformers.train.state import TrainingState


@dataclass(frozen=True, kw_only=True)
class Update:
    """What one update saw: mean loss, correct predictions, samples, and the gradient's norm before clipping."""

    loss: float
    correct: int
    samples: int
    gradient_norm: float


class Diverged(Exception):
    """A loss or a gradient that is not a number, met before it could reach the weights."""

    def __init__(self, what: str, batches: Sequence[Batch]) -> None:
        super().__init__(what)
        self.what, self.batches = what, batches


def update(
    state: TrainingState, goal: Goal, batches: Sequence[Batch], *, rate: float, clip_norm: float = 0.0
) -> Update:
    """Do one update from the mean gradient of the batches.

    Args:
        rate: the learning rate.
        clip_norm: a longer gradient is shortened to this norm; 0 takes any.

    Raises:
        Diverged: the weights are as they were.
    """
    state.model.train()
    state.optimizer.zero_grad(set_to_none=True)
    loss_sum, correct, samples = 0.0, 0, 0
    for batch in batches:
        loss, right = _accumulate(state, goal, batch, parts=len(batches))
        if not math.isfinite(loss):
            raise Diverged(f"loss is {loss}", batches)
        loss_sum, correct, samples = loss_sum + loss * len(batch), correct + right, samples + len(batch)
    norm = _gradient_norm(state, batches)
    if clip_norm and norm > clip_norm:
        _scale_gradients(state.model, clip_norm / norm)
    set_rate(state.optimizer, rate)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.ema is not None:
        state.ema.update(state.model)
    state.step += 1
    state.position += 1
    done = Update(loss=loss_sum / samples, correct=correct, samples=samples, gradient_norm=norm)
    state.sums.add(done.loss, correct, samples)
    return done


def _accumulate(state: TrainingState, goal: Goal, batch: Batch, *, parts: int) -> tuple[float, int]:
    """Add the gradient of one batch; return its loss and its correct predictions."""
    device = next(state.model.parameters()).device
    x, targets = batch.x.to(device), batch.targets.to(device)
    loss, logits = goal(state.model, x, targets)
    value = float(loss.detach())
    if math.isfinite(value):
        state.scaler.scale(loss / parts if parts > 1 else loss).backward()  # type: ignore[no-untyped-call]
    return value, int((logits.detach().argmax(1) == hard_labels(targets)).sum())


def _gradient_norm(state: TrainingState, batches: Sequence[Batch]) -> float:
    """Observe the gradients; one that is no number stops the run.

    A loss scaler above 1 leaves such an update out and tries a smaller scale: the scale may have been what made it.
    """
    state.scaler.unscale_(state.optimizer)
    norm = state.gradients.observe()
    if not math.isfinite(norm) and state.scaler.get_scale() <= 1:
        raise Diverged(f"gradient's norm is {norm}", batches)
    return norm


def _scale_gradients(model: nn.Module, factor: float) -> None:
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    torch._foreach_mul_(gradients, factor)
