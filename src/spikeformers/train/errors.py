"""The error of a training run."""

from __future__ import annotations

from spikeformers.errors import SpikeformersError


class TrainingError(SpikeformersError):
    """A run that cannot start or go on: diverged loss, occupied directory, full disk."""


class InUse(TrainingError):
    """A directory or file that another run is writing to."""
