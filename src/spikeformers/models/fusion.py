"""Fusing: what only training needs, norms and re-parameterised convolutions, goes into the weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from spikeformers.layers import RepConv, TakesMemory
from spikeformers.layers.folding import affine, chained, last_operation, one_convolution, take_on
from spikeformers.models.base import SpikingModel

_ONE = "one 3x3 convolution"


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """What went where.

    Args:
        rows: name of each norm that is gone -> name of the operation it went into; name of each RepConv that is one
            convolution now -> "one 3x3 convolution".
        left: name of each norm, and with `rep_conv` of each RepConv, that stayed -> why.
        parameters_before, parameters_after: values that training changes; running statistics are none.
    """

    rows: dict[str, str]
    left: dict[str, str]
    parameters_before: int
    parameters_after: int

    @property
    def rep_convs(self) -> tuple[str, ...]:
        """Names of the RepConvs that are one convolution now."""
        return tuple(name for name, into in self.rows.items() if into == _ONE)

    @property
    def norms(self) -> tuple[str, ...]:
        """Names of the norms that are gone."""
        return tuple(name for name, into in self.rows.items() if into != _ONE)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def fuse(model: SpikingModel, *, rep_conv: bool = False) -> tuple[SpikingModel, Fusion]:
    """A copy of a model whose norms are folded into the convolutions and linears in front of them, in eval mode.

    Its logits and spikes are those of the model in eval mode, up to rounding: in float64 they agree, in float32 single
    membrane potentials may fall on the other side of their threshold, and what follows differs. Weights are folded in
    float64 and kept in the model's dtype. Where a norm was is an `nn.Identity`; the other names stay.

    The copy streams, is measured, saved and loaded as any model. It may be trained, but that is another training than
    the model's: no norm normalises its batches. It has no official names, and its checkpoint cannot be adapted to other
    words; keep the model for those.

    Args:
        model: any model; it is left as it is.
        rep_conv: turn each RepConv into one dense 3x3 convolution too. Its input is then the only one of the former
            three convolutions, and of spikes where the neuron in front emits them; weights and operations grow.

    Returns:
        The copy, and what was fused and what was not. Norms that depend on their input (LayerNorm, GroupNorm) and norms
        behind anything but a convolution or linear stay.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    fused = copy.deepcopy(model).eval()
    dtype = next(fused.parameters()).dtype
    fused.double()
    names = {module: name for name, module in fused.named_modules()}
    rows = dict(_fold_norms(fused, names))
    left = _left(fused)
    if rep_conv:
        _merge_rep_convs(fused, rows, left)
    fused.to(dtype)
    fused.fused = "rep_conv" if rep_conv else model.fused or "norms"
    remaining = dict(fused.named_modules())
    fused.frozen = tuple(name for name in fused.frozen if name in remaining)
    before, after = (sum(parameter.numel() for parameter in each.parameters()) for each in (model, fused))
    return fused, Fusion(rows=rows, left=left, parameters_before=before, parameters_after=after)


def _fold_norms(module: nn.Module, names: dict[nn.Module, str]) -> Iterator[tuple[str, str]]:
    """Fold the norms inside a module, innermost first; yields each norm's name and that of its operation."""
    for child in module.children():
        yield from _fold_norms(child, names)
    for part, norm in chained(module):
        operation, behind = last_operation(getattr(module, part)), affine(getattr(module, norm))
        if operation is not None and behind is not None:
            yield names[getattr(module, norm)], names[operation]
            take_on(operation, behind)
            setattr(module, norm, nn.Identity())


def _left(model: nn.Module) -> dict[str, str]:
    """The norms that are still there, and why; a norm that is no batch norm is known by the name of its part."""
    left = {}
    for name, module in model.named_modules():
        if affine(module) is not None:
            left[name] = "what is directly in front of it is no convolution or linear that can take it on"
        elif name.endswith("norm") and not isinstance(module, nn.Identity):
            decides = "the time step" if isinstance(module, TakesMemory) else "its input"
            left[name] = f"what {type(module).__name__} does depends on {decides}"
    return left


def _merge_rep_convs(model: nn.Module, rows: dict[str, str], left: dict[str, str]) -> None:
    """Replace each RepConv by its convolution, in the model and in what is said about it."""
    for name, module in list(model.named_modules()):
        if not isinstance(module, RepConv):
            continue
        dense = one_convolution(module)
        if dense is None:
            left[name] = "a norm inside it stayed"
            continue
        model.set_submodule(name, dense)
        for norm, operation in rows.items():
            if operation.startswith(f"{name}."):
                rows[norm] = name
        rows[name] = _ONE
