"""How large a model is, and how many of its connections are there: what needs no data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from spikeformers.measure.counting.describe import describe, weight_of


@dataclass(frozen=True, kw_only=True)
class Size:
    """A model at rest.

    Args:
        parameters: elements of all parameters, shared ones once.
        footprint: bytes of parameters and buffers.
        weights, zero_weights: elements of the weights of convolutions and linears, without biases and norms.
    """

    parameters: int
    footprint: int
    weights: int
    zero_weights: int

    @property
    def connection_sparsity(self) -> float | None:
        """Part of the weights that is zero; None where there are none."""
        return self.zero_weights / self.weights if self.weights else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the sparsity included."""
        return {**asdict(self), "connection_sparsity": self.connection_sparsity}


def size(model: nn.Module) -> Size:
    """Parameters, bytes and zero weights of a model, as NeuroBench's metrics define them."""
    stored = [*model.parameters(), *model.buffers()]
    weights = [weight for module in model.modules() if (weight := _weight(module)) is not None]
    return Size(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        footprint=sum(each.numel() * each.element_size() for each in stored),
        weights=sum(weight.numel() for weight in weights),
        zero_weights=sum(weight.numel() - int(weight.count_nonzero()) for weight in weights),
    )


def _weight(module: nn.Module) -> Tensor | None:
    spec = describe(module)
    return None if spec is None else weight_of(module, spec)
