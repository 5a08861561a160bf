"""Spikes that get lost on their way, and spikes that nobody sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.layers import Neuron, Values
from spikeformers.measure.disturbances.draws import Streams, uniform
from spikeformers.measure.observe import spike_counts


@contextmanager
def faulty_spikes(model: nn.Module, draws: Streams, *, lost: float = 0.0, spurious: float = 0.0) -> Iterator[None]:
    """While this lasts, what the neurons of a model emit passes through an unreliable channel.

    The fault is behind the neuron: its membrane potential was reset by the spike that is then lost, and is not by one
    that is spurious. Random numbers are drawn anew for every neuron layer, element and time step; a spike that is lost
    at some probability is lost at every higher one, too, as long as the layer fires the same.

    Args:
        model: may hold any modules; only outputs of `layers.Neuron` are touched.
        draws: one generator for each sample of the batch that is run in here. Use them once.
        lost: probability that a spike is lost. An integer n is n spikes, each lost by itself. Of an analog neuron the
            whole output is lost.
        spurious: probability that an output of 0 becomes one spike (+1, or the neuron's scale). Analog neurons emit
            none.
    """

    def hook(neuron: Neuron, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if output.dim() < 2 or output.shape[1] != len(draws):
            raise InputError(
                f"a {type(neuron).__name__} emitted {list(output.shape)}, expected [T, B, ...] with B = {len(draws)}."
            )
        arrived = _kept(output, neuron.values, draws, lost)
        return _with_spurious(arrived, output, neuron.values, draws, spurious) if spurious else arrived

    handles = [module.register_forward_hook(hook) for module in model.modules() if isinstance(module, Neuron)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def has_neurons(model: nn.Module) -> bool:
    """Whether a model has any neuron of `layers`."""
    return any(isinstance(module, Neuron) for module in model.modules())


def _kept(output: Tensor, values: Values, draws: Streams, lost: float) -> Tensor:
    if values.kind == "real" or values.highest is None:
        return output * (_chances(output, draws) >= lost)
    counts = spike_counts(output, values)
    kept = torch.zeros_like(counts)
    for already in range(values.highest):  # the spikes behind an integer, one after the other
        kept += (counts > already) & (_chances(output, draws) >= lost)
    # What arrives whole is the output itself: an integer times its scale would be rounded anew.
    return torch.where(kept == counts, output, kept * values.scale * output.sign())


def _with_spurious(arrived: Tensor, output: Tensor, values: Values, draws: Streams, spurious: float) -> Tensor:
    if values.kind == "real":
        return arrived
    struck = (output == 0) & (_chances(output, draws) < spurious)
    return arrived.masked_fill(struck, values.scale)


def _chances(output: Tensor, draws: Streams) -> Tensor:
    """Numbers from 0 to 1 for every element of [T, B, ...], each sample's from its own generator."""
    shape = (output.shape[0], *output.shape[2:])
    return uniform(draws, shape).movedim(0, 1).to(output.device)
