"""Small models that attacks and faults are tried on."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.data import load_dataset, normalise, read_all
from spikeformers.layers import LIF
from spikeformers.measure.disturbances.victim import Victim
from spikeformers.ops import Surrogate


class Spiking(nn.Module):
    """One hidden layer of LIF neurons over four time steps."""

    def __init__(self, **words) -> None:
        super().__init__()
        self.inner, self.neuron, self.outer = (
            nn.Linear(64, 48),
            LIF(surrogate=Surrogate("sigmoid"), **words),
            nn.Linear(48, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        current = self.inner(x.flatten(1))
        return self.outer(self.neuron(current.expand(4, *current.shape))).mean(0)


@cache
def digits(count: int = 100) -> tuple[Tensor, Tensor]:
    """Test images, uint8 [count, 1, 8, 8], and their labels."""
    pictures = load_dataset("digits").test.read(torch.arange(count))
    return pictures.images, pictures.labels


def trained() -> Victim:
    """A spiking network that knows the digits, after a second of training; the same each time."""
    data = load_dataset("digits")
    torch.manual_seed(0)
    model, pictures = Spiking(), read_all(data.train)
    x = normalise(pictures.images, data.mean, data.std)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(model(x), pictures.labels).backward()
        optimizer.step()
    optimizer.zero_grad()
    return Victim(model.eval(), data.mean, data.std)
