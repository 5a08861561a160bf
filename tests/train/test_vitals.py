"""What is looked at while a model is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.data import Dataset, Images, Pictures
from spikeformers.measure import activity, summary
from spikeformers.models import create_model
from spikeformers.train.vitals import vital_signs


class Asked(Images):
    """Images that remember which of them were read."""

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        object.__setattr__(self, "asked", indices.tolist())
        return super().read(indices)


def test_images_of_every_class_are_looked_at_where_they_are_sorted_by_class(digits: Dataset) -> None:
    order = digits.train.labels.argsort(stable=True)
    source = Asked(digits.train.images[order], digits.train.labels[order])
    model = create_model("spikformer_2_64.digits", dim=32, depth=1, heads=2, time_steps=2).train()
    signs = vital_signs(model, source, mean=(0.0,), std=(1.0,))
    assert len(set(source.asked)) == 64
    assert set(source.labels[source.asked].tolist()) == set(range(10))
    assert model.training
    with torch.no_grad():
        assert signs == summary(activity(model.eval(), source.images[source.asked] / 255))
