"""How a model fires over a data set: by layer, time step and channel; dead and saturated neurons; potentials."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from spikeformers.catalog import official
from spikeformers.errors import InputError
from spikeformers.layers import DynamicSteps, Neuron
from spikeformers.measure.batches import Progress, batches
from spikeformers.measure.observe import fired, most, observe
from spikeformers.measure.spikes.histogram import Histogram, HistogramTally, threshold_edges
from spikeformers.models import SpikingModel


@dataclass(frozen=True, kw_only=True)
class LayerFiring:
    """One call of one neuron layer over all samples. A neuron is a channel at a position.

    Args:
        name, call: our name of the layer, and which of its calls in one pass: 0, 1, ...
        official_name: its name in the authors' code, where the model follows a released form.
        values: what the layer emits: "binary", "integer up to 4", "real", ...
        time_steps: T; the largest, where samples differ.
        channels, positions: of its output; one position where there is no map.
        spikes: an integer n counts as n, a spike of either sign as one. Of an analog neuron or an activation function,
            which have no spikes, the number of outputs other than zero.
        elements: number of outputs: samples x T x channels x positions.
        spikes_by_step, elements_by_step: the same for each time step.
        rate_by_channel: spikes per element of each channel.
        deviation: standard deviation (n - 1) of the samples' rates; None of a single sample.
        dead_channels, dead_neurons: those that never fired, at no time step of any sample.
        saturated_channels, saturated_neurons: those that fired at every time step of every sample, of an integer
            neuron its largest each time; 0 where there is no largest.
        membrane: the potentials right before firing, at every time step; None where there is no threshold.
        live_steps: the time steps at which a layer with dynamic ones is not masked; None of any other layer.
        v_threshold: what they are held against. An integer neuron emits a potential in units of it, rounded.
    """

    name: str
    call: int
    official_name: str | None
    values: str
    time_steps: int
    channels: int
    positions: int
    spikes: int
    elements: int
    spikes_by_step: tuple[int, ...]
    elements_by_step: tuple[int, ...]
    rate_by_channel: tuple[float, ...]
    deviation: float | None
    dead_channels: int
    saturated_channels: int
    dead_neurons: int
    saturated_neurons: int
    membrane: Histogram | None
    v_threshold: float | None
    live_steps: tuple[int, ...] | None = None

    @property
    def neurons(self) -> int:
        """Channels x positions."""
        return self.channels * self.positions

    @property
    def graded(self) -> bool:
        """Whether a neuron may emit more than one spike at a time step."""
        return self.values.startswith("integer")

    @property
    def rate(self) -> float:
        """Spikes per neuron and time step: of a binary neuron its firing rate."""
        return self.spikes / self.elements

    @property
    def rate_by_step(self) -> tuple[float, ...]:
        """The rate at each time step."""
        return tuple(map(_ratio, self.spikes_by_step, self.elements_by_step))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the rates included."""
        return {**asdict(self), "neurons": self.neurons, "rate": self.rate, "rate_by_step": self.rate_by_step}


@dataclass(frozen=True, kw_only=True)
class FiringStatistics:
    """Every neuron layer of a model, in order of execution.

    Args:
        layers: one for each call.
        samples: how many were seen. Dead and saturated is said of these alone.
        name: catalogue name of the model, or its class where it has none.
    """

    layers: tuple[LayerFiring, ...]
    samples: int
    name: str

    @property
    def graded(self) -> bool:
        """Whether some neuron may emit more than one spike at a time step, so that rates are no percentages."""
        return any(layer.graded for layer in self.layers)

    @property
    def rate(self) -> float:
        """Spikes per neuron and time step over all layers, each weighed by its size; 0 where there are none."""
        return _ratio(sum(layer.spikes for layer in self.layers), sum(layer.elements for layer in self.layers))

    @property
    def neurons(self) -> int:
        """All of them."""
        return sum(layer.neurons for layer in self.layers)

    @property
    def dead(self) -> float:
        """Share of all neurons that never fired."""
        return _ratio(sum(layer.dead_neurons for layer in self.layers), self.neurons)

    @property
    def saturated(self) -> float:
        """Share of all neurons that never paused."""
        return _ratio(sum(layer.saturated_neurons for layer in self.layers), self.neurons)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, those over all layers included."""
        whole = {word: getattr(self, word) for word in ("name", "samples", "rate", "neurons", "dead", "saturated")}
        return {**whole, "layers": [layer.to_dict() for layer in self.layers]}


def statistics(
    model: SpikingModel,
    data: Tensor | Iterable[Any],
    *,
    limit: int | None = None,
    bins: int = 64,
    progress: Progress | None = None,
) -> FiringStatistics:
    """Watch every neuron layer over a data set. All counts are exact, and memory does not grow with the samples.

    Args:
        model: in the mode it is meant to be measured in; its mode, weights and buffers are left as they are.
        data: one batch, or batches: tensors as the model takes them, or pairs of them and their targets. They are moved
            to where the model is.
        limit: samples at most; the last batch is cut.
        bins: about how many bins the membrane potentials of a layer are sorted into; see `threshold_edges`.
        progress: is told the number of samples done so far, after each batch.

    Raises:
        InputError: there are no samples, images of several sizes, what is no batch, or fewer than one bin.
    """
    if bins < 1:
        raise InputError(f"a histogram has at least one bin, got bins = {bins}.")
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    device = next((parameter.device for parameter in model.parameters()), None)
    tallies: dict[tuple[str, int], _LayerTally] = {}
    samples = 0
    for batch, _ in batches(data, limit):
        calls: dict[str, int] = {}

        def look(name: str, neuron: Neuron, current: Tensor, output: Tensor, calls: dict[str, int] = calls) -> None:
            call = calls[name] = calls.get(name, -1) + 1
            if (name, call) not in tallies:
                tallies[name, call] = _LayerTally(neuron, output, bins)
            tallies[name, call].add(current, output)

        observe(model, batch.to(device), look)
        samples += len(batch)
        if progress is not None:
            progress(samples)
    if not samples:
        raise InputError("there is nothing to measure: the data holds no samples.")
    theirs = official.names(model.system, model.variant, [name for name, _ in model.named_neurons()])
    layers = tuple(tally.layer(name, call, theirs.get(name)) for (name, call), tally in tallies.items())
    return FiringStatistics(layers=layers, samples=samples, name=model.name or type(model).__name__)


class _LayerTally:
    """What is kept of one call of a layer: sums that do not depend on how samples were put into batches."""

    def __init__(self, neuron: Neuron, output: Tensor, bins: int) -> None:
        self.neuron, self.most = neuron, most(neuron.values)
        self.shape = output.shape[2:]  # [C, ...]
        self.total = torch.zeros(self.shape, dtype=torch.int64, device=output.device)
        self.seen = 0  # samples x time steps
        self.spikes_by_step: list[int] = []
        self.frames_by_step: list[int] = []
        self.samples, self.rates, self.squares = 0, Fraction(), Fraction()
        self.bins = bins
        self.membrane: HistogramTally | None = None

    def add(self, current: Tensor, output: Tensor) -> None:
        """Take in the input current and the output [T, B, C, ...] of one batch."""
        if output.shape[2:] != self.shape:
            raise InputError(
                f"a layer of shape {list(self.shape)} came back as {list(output.shape[2:])}: all images must have one "
                "size, since a neuron is a channel at a position."
            )
        spikes, (T, B) = fired(output, self.neuron.values), output.shape[:2]
        self.total += spikes.sum((0, 1), dtype=torch.int64)
        self.seen += T * B
        by_frame = spikes.flatten(2).sum(2, dtype=torch.int64)  # [T, B]
        self.spikes_by_step = _added(self.spikes_by_step, by_frame.sum(1).tolist())
        self.frames_by_step = _added(self.frames_by_step, [B] * T)
        self._spread(by_frame.sum(0).tolist(), T * self.shape.numel())
        threshold, potentials = self.neuron.v_threshold, self.neuron.potentials(current)
        if threshold is not None and potentials is not None:
            if self.membrane is None:
                self.membrane = HistogramTally(threshold_edges(threshold, self.most or 1, self.bins))
            self.membrane.add(potentials)

    def _spread(self, by_sample: list[int], elements: int) -> None:
        self.samples += len(by_sample)
        self.rates += Fraction(sum(by_sample), elements)
        self.squares += Fraction(sum(spikes**2 for spikes in by_sample), elements**2)

    def layer(self, name: str, call: int, official_name: str | None) -> LayerFiring:
        """Everything so far."""
        channels, neurons = self.shape[0], self.shape.numel()
        total, positions = self.total.reshape(channels, -1), neurons // channels
        # No output is above the largest, so that a sum of as many as there were is one of the largest each time.
        full = torch.zeros_like(total, dtype=torch.bool) if self.most is None else total.eq(self.seen * self.most)
        return LayerFiring(
            name=name,
            call=call,
            official_name=official_name,
            values=str(self.neuron.values),
            time_steps=len(self.spikes_by_step),
            channels=channels,
            positions=positions,
            spikes=int(total.sum()),
            elements=self.seen * neurons,
            spikes_by_step=tuple(self.spikes_by_step),
            elements_by_step=tuple(frames * neurons for frames in self.frames_by_step),
            rate_by_channel=tuple(spikes / (self.seen * positions) for spikes in total.sum(1).tolist()),
            deviation=self._deviation(),
            dead_channels=int(total.eq(0).all(1).sum()),
            saturated_channels=int(full.all(1).sum()),
            dead_neurons=int(total.eq(0).sum()),
            saturated_neurons=int(full.sum()),
            membrane=None if self.membrane is None else self.membrane.histogram(),
            v_threshold=self.neuron.v_threshold,
            live_steps=self.neuron.live_steps() if isinstance(self.neuron, DynamicSteps) else None,
        )

    def _deviation(self) -> float | None:
        if self.samples < 2:
            return None
        return math.sqrt((self.squares - self.rates**2 / self.samples) / (self.samples - 1))


def _added(one: list[int], other: list[int]) -> list[int]:
    """Step by step; one batch of event frames may have more of them."""
    return [a + b for a, b in zip_longest(one, other, fillvalue=0)]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
