"""The oracle: the two products and the LIF reference behind them, in plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.reference import lif_reference


def attention_reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    inverse_tau: Tensor | None,
    heads: int,
    scale: float,
    keys_first: bool,
    dynamics: Dynamics,
) -> Tensor:
    """neuron(scale Q K^T V) over rows of tokens.

    Args:
        q, k: [T, B, N, C].
        v: [T, B, N, C'].
        inverse_tau, dynamics: as `lif_reference`.
        heads: how many; head-major channels.
        scale: constant on the product.
        keys_first: K^T V first, or else Q K^T.

    Returns:
        [T, B, N, C'].
    """
    queries, keys, values = (torch.unflatten(rows, -1, (heads, -1)).transpose(2, 3) for rows in (q, k, v))
    turned = keys.transpose(-1, -2)  # [T, B, h, d, N]
    product = queries @ (turned @ values) if keys_first else (queries @ turned) @ values  # [T, B, h, N, d']
    return lif_reference((product * scale).transpose(2, 3).flatten(3), None, dynamics, inverse_tau)[0]
