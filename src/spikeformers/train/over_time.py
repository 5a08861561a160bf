"""How good one model is with other numbers of time steps than it was trained with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from spikeformers.data import Source
from spikeformers.data.streams import seeded
from spikeformers.models import adapt
from spikeformers.train.evaluation import Evaluation, evaluate


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """What a model reaches with a number of time steps."""

    time_steps: int
    result: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, ready for JSON."""
        return {"time_steps": self.time_steps, **self.result.to_dict()}


def evaluate_over_time(
    checkpoint: str | os.PathLike[str],
    source: Source,
    time_steps: Iterable[int],
    *,
    batch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    workers: int = 0,
    device: str | torch.device = "cpu",
) -> list[OverTime]:
    """Evaluate the model of a checkpoint with each of these numbers of time steps, without training it again.

    The caller's random state is left as it was.

    Args:
        batch_size, mean, std, workers: as for `evaluate`.
        device: where to compute.

    Raises:
        CheckpointError: the checkpoint cannot be read, or its weights depend on the number of time steps.
        ConfigError: a number of time steps that the model cannot have.
        InputError, DataError: as `evaluate`.
    """
    rows = []
    for number in time_steps:
        with seeded(0, "evaluation"):  # building a model draws weights, even if all of them are replaced
            model, _ = adapt(checkpoint, time_steps=number)
        result = evaluate(model.to(device), source, batch_size=batch_size, mean=mean, std=std, workers=workers)
        rows.append(OverTime(time_steps=number, result=result))
    return rows
