"""How alive the neurons of a model are while it is trained."""

from __future__ import annotations

from collections.abc import Sequence

from spikeformers.data import Source, evenly_spaced, normalise
from spikeformers.data.streams import seeded
from spikeformers.measure import Summary, activity, summary
from spikeformers.models import SpikingModel
from spikeformers.models.mode import eval_mode

LOOKED_AT = 64  # images


def vital_signs(model: SpikingModel, source: Source, *, mean: Sequence[float], std: Sequence[float]) -> Summary:
    """Return firing rate and shares of dead and saturated channels on evenly spaced images of a source, in eval mode.

    Evenly spaced, for many sources are sorted by class.
    """
    pictures = source.read(evenly_spaced(len(source), LOOKED_AT))
    x = normalise(pictures.images, mean, std).to(next(model.parameters()).device)
    with eval_mode(model), seeded(0, "evaluation"):
        return summary(activity(model, x))
