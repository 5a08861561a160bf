"""How alive the neurons of a model are while it is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from spikeformers.data import Source, normalise
from spikeformers.measure import Summary, activity, summary
from spikeformers.models import SpikingModel
from spikeformers.train.evaluate import eval_mode
from spikeformers.train.seeding import seeded

LOOKED_AT = 64  # images: enough that a channel silent on all of them is worth a word, few enough to cost little


def vital_signs(model: SpikingModel, source: Source, *, mean: Sequence[float], std: Sequence[float]) -> Summary:
    """Return firing rate and shares of dead and saturated channels on the first images of a source, in eval mode."""
    pictures = source.read(torch.arange(min(LOOKED_AT, len(source))))
    x = normalise(pictures.images, mean, std).to(next(model.parameters()).device)
    with eval_mode(model), seeded(0, "evaluation"):
        return summary(activity(model, x))
