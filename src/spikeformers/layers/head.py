"""Heads: from the last map to logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons import Neuron
from spikeformers.layers.values import REAL
from spikeformers.layers.weighted import Classifier, Init


def mean_over_positions(features: Tensor) -> Tensor:
    """[T, B, C, ...] -> [T, B, C]."""
    # Of rows of channels: so the gradient is laid out with channels innermost, as what comes to it further down.
    return features.flatten(3).transpose(-1, -2).mean(-2)


class Head(nn.Module, ABC):
    """What every head offers: logits of each time step, and those of all steps together."""

    @abstractmethod
    def outputs(self, features: Tensor, memory: Memory | None = None) -> dict[str, Tensor]:
        """[T, B, C, H, W] -> "steps" [T, B, K], "logits" [B, K], which is their mean over T, and any other output."""

    def forward(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> logits [B, K]."""
        return self.outputs(features)["logits"]

    def steps(self, features: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> logits of each time step [T, B, K]; their mean over T is `forward`."""
        return self.outputs(features, memory)["steps"]


class MeanHead(Head):
    """Mean over positions, mean over time, one linear: logits without a neuron or norm in front."""

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.linear = Classifier(dim, num_classes, inputs=REAL)

    def forward(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> logits [B, K]."""
        # The mean first: one product instead of T.
        logits: Tensor = self.linear(mean_over_positions(features).mean(0))
        return logits

    def outputs(self, features: Tensor, memory: Memory | None = None) -> dict[str, Tensor]:
        """[T, B, C, H, W] -> "logits" [B, K] and "steps" [T, B, K]."""
        return {"logits": self(features), "steps": self.linear(mean_over_positions(features))}


class SpikingHead(Head):
    """Mean over positions, a neuron, a linear at each time step, mean over time (Yao et al., NeurIPS 2023, ICLR 2024).

    With a distillation head, a second linear, the logits of training are those of the first, and "distillation" those
    of the second, for the teacher's loss; in eval mode the logits are the mean of both, as the authors evaluate.

    Args:
        dim, num_classes: channels C and classes K.
        neuron: in front of the linears; None behind a stream of spikes, whose mean is a rate and feeds them itself.
        inputs: what the first linear is fed: "spikes", or the "membrane", the mean itself, as Meta-SpikeFormer before
            March 2024 (its neuron then serves the distillation head alone).
        distillation: whether there is a second linear.
        init: of the linears.
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        *,
        neuron: Neuron | None,
        inputs: Literal["spikes", "membrane"] = "spikes",
        distillation: bool = False,
        init: Init = "trunc_normal",
    ) -> None:
        super().__init__()
        self.neuron = neuron
        self.fed = inputs
        spikes = REAL if neuron is None else neuron.values
        self.linear = Classifier(dim, num_classes, inputs=spikes if inputs == "spikes" else REAL, init=init)
        self.distillation = Classifier(dim, num_classes, inputs=spikes, init=init) if distillation else None

    def outputs(self, features: Tensor, memory: Memory | None = None) -> dict[str, Tensor]:
        """[T, B, C, H, W] -> "logits" [B, K], "steps" [T, B, K] and, where there is one, "distillation" [B, K]."""
        mean = mean_over_positions(features)  # [T, B, C]
        # The authors' code runs the neuron whatever its head is fed; their counts of spikes include it.
        spikes = mean if self.neuron is None else self.neuron(mean, memory)
        steps = self.linear(spikes if self.fed == "spikes" else mean)
        if self.distillation is None:
            return {"logits": steps.mean(0), "steps": steps}
        taught = self.distillation(spikes)
        if not self.training:
            steps = (steps + taught) / 2
        return {"logits": steps.mean(0), "steps": steps, "distillation": taught.mean(0)}
