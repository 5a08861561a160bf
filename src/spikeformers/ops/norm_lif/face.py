"""The face of the operation: batch norm, then a neuron of the LIF family, over [T, B, C, ...]."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.ops.backend import transformed
from spikeformers.ops.lif import kernels
from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.face import check_arguments
from spikeformers.ops.norm_lif.operator import norm_lif_operator


class Normed(NamedTuple):
    """What `norm_lif` gives.

    Args:
        out: [T, B, C, ...].
        last: membrane potential [B, C, ...] after the last step, or None where it was not asked for.
        mean, variance: of the batch, biased, float64 [C]; None in eval mode.
    """

    out: Tensor
    last: Tensor | None
    mean: Tensor | None
    variance: Tensor | None


def serves(y: Tensor, dynamics: Dynamics) -> bool:
    """Whether there is a fused kernel for this neuron on this input, and it is not switched off."""
    if torch.compiler.is_exporting() or transformed() or y.numel() == 0:
        return False
    return kernels.serves("norm_lif", y, dynamics)


def norm_lif(
    y: Tensor,
    weight: Tensor,
    bias: Tensor,
    dynamics: Dynamics,
    *,
    statistics: tuple[Tensor, Tensor] | None = None,
    eps: float = 1e-5,
    v: Tensor | None = None,
    inverse_tau: Tensor | None = None,
    keep_last: bool = False,
) -> Normed:
    """Batch norm and a neuron in one pass over memory; in float32 registers, whatever the dtype of y.

    Args:
        y: [T, B, C, ...], what `serves`; steps may all be the same one (stride 0).
        weight, bias: of the norm [C].
        dynamics: the neuron.
        statistics: mean and variance to normalise by [C]; None takes those of y.
        eps: added to the variance.
        v, inverse_tau: as `ops.lif`.
        keep_last: whether the last membrane potential is wanted.

    Raises:
        InputError: as `ops.lif`; a parameter or statistic that is not of the channels of y.
    """
    check_arguments(y, v, inverse_tau)
    mean, variance = (None, None) if statistics is None else statistics
    of_channels = {"weight": weight, "bias": bias, "mean": mean, "variance": variance}
    for name, tensor in of_channels.items():
        if tensor is not None and tensor.shape != y.shape[2:3]:
            raise InputError(
                f"the norm's {name} must have one element for each channel of {list(y.shape)} [T, B, C, ...], "
                f"got {list(tensor.shape)}."
            )
    out, last, *moments = norm_lif_operator(
        y, weight, bias, mean, variance, eps, v, inverse_tau, keep_last, dynamics.words
    )
    of_batch = moments if statistics is None else (None, None)
    return Normed(out, last if keep_last else None, *of_batch)
