"""What a module does, as an `OpSpec` or `ElementSpec`: its own word for it, or a rule for a plain module of PyTorch.

Rules for modules of one's own are added with `@describe_plain.register`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from spikeformers.layers import REAL, DescribesElements, DescribesItself, ElementSpec, OpSpec

Spec = OpSpec | ElementSpec

ELEMENTWISE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Hardswish)
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


def describe(module: nn.Module) -> Spec | None:
    """What a module does; None where nothing is known about it."""
    # Asking whether a module is an instance of a protocol costs more than all else that is done here.
    if hasattr(type(module), "op_spec"):
        return cast(DescribesItself, module).op_spec()
    if hasattr(type(module), "element_spec"):
        return cast(DescribesElements, module).element_spec()
    return describe_plain(module)


def is_plain(module: nn.Module) -> bool:
    """Whether a module does not speak for itself: it declares no values and knows no time axis."""
    return not (hasattr(type(module), "op_spec") or hasattr(type(module), "element_spec"))


def weight_of(module: nn.Module, spec: Spec) -> Tensor | None:
    """The weights of a module: those it computes with, or of its own parameters the one of the shape it describes."""
    wanted = spec.weight_shape if isinstance(spec, OpSpec) else None
    # Pruned or parametrised, PyTorch's modules compute with this attribute, and what is stored is not it.
    used = getattr(module, "weight", None)
    if isinstance(used, Tensor) and tuple(used.shape) == wanted:
        return used
    return next((p for p in module.parameters(recurse=False) if tuple(p.shape) == wanted), None)


@singledispatch
def describe_plain(module: nn.Module) -> Spec | None:
    """What an ordinary module over [B, ...] does; None where there is no rule for it."""
    return None


@describe_plain.register
def _(module: nn.Linear) -> Spec | None:
    shape, bias = tuple(module.weight.shape), module.bias is not None
    return OpSpec(kind="linear", inputs=(REAL,), weight_shape=shape, bias=bias, axis=-1, timed=False)


@describe_plain.register
def _(module: _ConvNd) -> Spec | None:
    padding = _padding(module)
    # A transposed convolution and a border of other values than zero would be counted wrongly.
    if isinstance(module, _ConvTransposeNd) or module.padding_mode != "zeros" or padding is None:
        return None
    return OpSpec(
        kind="convolution",
        inputs=(REAL,),
        weight_shape=tuple(module.weight.shape),
        stride=module.stride,
        padding=padding,
        dilation=module.dilation,
        groups=module.groups,
        bias=module.bias is not None,
        timed=False,
    )


def _padding(module: _ConvNd) -> tuple[int, ...] | None:
    """Zeros on both sides of each axis; None where the two sides differ."""
    if isinstance(module.padding, tuple):
        return module.padding
    if module.padding == "valid":
        return (0,) * len(module.kernel_size)
    both = [gap * (taps - 1) for taps, gap in zip(module.kernel_size, module.dilation, strict=True)]
    return None if any(zeros % 2 for zeros in both) else tuple(zeros // 2 for zeros in both)


def _norm(module: nn.Module) -> Spec | None:
    return ElementSpec(kind="norm", timed=False)


def _elementwise(module: nn.Module) -> Spec | None:
    return ElementSpec(kind="neuron", timed=False)


def _softmax(module: nn.Module) -> Spec | None:
    return ElementSpec(kind="softmax", timed=False)


def _pool(module: nn.Module) -> Spec | None:
    # A window that hangs over the edge reads less than the others, by rules of its own; indices are a second result.
    if getattr(module, "ceil_mode", False) or getattr(module, "return_indices", False):
        return None
    axes = next(int(kind.__name__[-2]) for kind in POOLS if isinstance(module, kind))
    return ElementSpec(
        kind="pool",
        kernel=_each_axis(module.kernel_size, axes),
        stride=_each_axis(module.stride, axes),
        padding=_each_axis(module.padding, axes),
        dilation=_each_axis(getattr(module, "dilation", 1), axes),
        timed=False,
    )


def _each_axis(value: object, axes: int) -> tuple[int, ...]:
    if isinstance(value, tuple | list):
        return tuple(value) if len(value) == axes else tuple(value) * axes
    return (int(value),) * axes  # type: ignore[call-overload]


_RULES: dict[Callable[[nn.Module], Spec | None], tuple[type[nn.Module], ...]] = {
    _norm: (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm),
    _elementwise: ELEMENTWISE,
    _pool: POOLS,
    _softmax: (nn.Softmax,),
}
for _rule, _classes in _RULES.items():
    for _class in _classes:
        describe_plain.register(_class, _rule)
