"""How a branch joins the residual stream."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.values import Values


class Add(nn.Module):
    """stream + branch, in training with stochastic depth (Huang et al., ECCV 2016).

    With a branch that ends in a neuron this is the SEW-ADD rule (integers that grow with depth: Spikformer); with one
    that starts with a neuron and ends in a norm it is the membrane shortcut (a real stream: Spikingformer).

    Args:
        drop_path: probability with which a sample loses the branch in a training pass, at all its time steps; the
            samples that keep it get it times 1 / (1 - drop_path). The declared values are those of eval mode: in
            training the spikes of a branch are scaled by that factor too.
    """

    def __init__(self, drop_path: float = 0.0) -> None:
        super().__init__()
        self.drop_path = drop_path

    def forward(self, stream: Tensor, branch: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] twice -> the same. A streaming step drops nothing: it does not know what the last one did."""
        if self.training and self.drop_path and memory is None:
            branch = branch * self._survival(branch)
        return stream + branch

    def _survival(self, branch: Tensor) -> Tensor:
        """0 or 1 / (1 - drop_path) for each sample, [1, B, 1, ...]."""
        # Drawn in float32, so that autocast does not change who survives.
        drawn = torch.rand(branch.shape[1], dtype=torch.float32, device=branch.device)
        survival = (drawn >= self.drop_path).to(branch.dtype) / (1 - self.drop_path)
        return survival.view(1, -1, *[1] * (branch.dim() - 2))

    def extra_repr(self) -> str:
        """The rate, where there is one."""
        return f"drop_path={self.drop_path:g}" if self.drop_path else ""

    @staticmethod
    def values(stream: Values, branch: Values) -> Values:
        """Values on the stream after the addition, in eval mode."""
        return stream + branch
