"""A batch norm and the neuron behind it, run as one operation where nobody looks at what passes between them."""

from __future__ import annotations

from typing import TypeGuard

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.lif import LIF
from spikeformers.layers.norms import BatchNorm, ThresholdDependentBatchNorm
from spikeformers.layers.watched import watched
from spikeformers.ops.norm_lif import norm_lif, serves


def run_norm_neuron(norm: nn.Module, neuron: nn.Module, y: Tensor, memory: Memory | None) -> Tensor | None:
    """Norm, then neuron over [T, B, C, ...], in one pass over memory; None where that cannot be done for these two."""
    if not (_is_batch_norm(norm) and is_lif(neuron)) or watched(norm, neuron):
        return None
    # Channels that do not fit the norm are its own to refuse.
    if not norm.affine or y.dim() < 3 or y.shape[2] != norm.num_features:
        return None
    values_per_channel = y.numel() // y.shape[2]
    if not serves(y, neuron.dynamics) or (norm.training and values_per_channel == 1):
        return None
    statistics = None
    if not norm.training:
        if norm.running_mean is None or norm.running_var is None:
            return None
        statistics = (norm.running_mean, norm.running_var)
    result = norm_lif(
        y,
        norm.weight if norm.factor == 1 else norm.weight * norm.factor,
        norm.bias,
        neuron.dynamics,
        statistics=statistics,
        eps=norm.eps,
        v=None if memory is None else memory.recall(neuron),
        inverse_tau=neuron.inverse_tau,
        keep_last=memory is not None,
    )
    if result.mean is not None and result.variance is not None:
        norm.move_statistics(result.mean, result.variance, values_per_channel)
    if memory is not None and result.last is not None:
        memory.keep(neuron, result.last)
    return result.out


def _is_batch_norm(norm: nn.Module) -> TypeGuard[BatchNorm]:
    # By their `forward`: a class of a user's own, or one made around these, may compute something else.
    return isinstance(norm, BatchNorm) and type(norm).forward in (
        BatchNorm.forward,
        ThresholdDependentBatchNorm.forward,
    )


def is_lif(neuron: nn.Module) -> TypeGuard[LIF]:
    """Whether a neuron is of the LIF family and runs as that does."""
    return isinstance(neuron, LIF) and type(neuron).forward is LIF.forward
