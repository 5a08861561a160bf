"""The oracle: batch norm as PyTorch computes it, and the LIF reference behind it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.reference import lif_reference


def norm_lif_reference(
    y: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    eps: float,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    dynamics: Dynamics,
) -> tuple[Tensor, Tensor]:
    """Run batch norm over [T, B, C, ...] and a neuron behind it.

    Args:
        y: [T, B, C, ...].
        weight, bias: [C].
        mean, variance: what to normalise by [C]; None takes those of y over time, batch and positions.
        eps: added to the variance.
        v, inverse_tau, dynamics: as `lif_reference`.

    Returns:
        Output [T, B, C, ...] and the membrane potential after the last step.
    """
    # Contiguous: of one frame with channels innermost, PyTorch's batch norm gets the gradient wrong.
    z = F.batch_norm(y.flatten(0, 1).contiguous(), mean, variance, weight, bias, mean is None, 0.0, eps)
    return lif_reference(z.view(y.shape), v, dynamics, inverse_tau)
