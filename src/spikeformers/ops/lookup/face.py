"""The face of the operation: decides whether tables are looked up at all."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.ops.backend import choose, readable
from spikeformers.ops.lookup import native
from spikeformers.ops.lookup.function import LookupConvolution
from spikeformers.ops.lookup.native import Window

# Filling a table costs about as much as looking it up for 64 results, and as many for the gradient of the weight.
_LEAST_RESULTS, _LEAST_TERMS, _LEAST_OUTPUTS = 256, 128, 16


def lookup(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
) -> Tensor | None:
    """Convolution of spikes, equal to `torch.nn.functional.conv2d` up to the order of additions.

    In float32 all but the gradient of x is looked up. In bfloat16, also by autocast, only the gradient of the weight
    is, where a product of matrices is slower; it is summed in float32.

    A weight that is infinite or NaN shows only where it meets a spike.

    Args:
        x: maps [F, C, H, W] meant to hold 0 and 1 only, best with channels innermost.
        weight: [O, C, h, w].
        bias: [O] or None.
        stride, padding: of height and width.

    Returns:
        [F, O, H', W'], or None: x holds something else, is small or of another dtype, nothing would be looked up, or
        this process has no library that does.
    """
    dtype = _computed_in(x)
    may_be = (torch.float32, dtype) if dtype != x.dtype or torch.is_autocast_enabled("cpu") else (dtype,)
    parameters = [weight] if bias is None else [weight, bias]
    if not (
        _can_look_up(x, *parameters)
        and x.dim() == 4
        and x.shape[1] == weight.shape[1]
        and len(weight) >= _LEAST_OUTPUTS
        and all(t.dtype in may_be for t in parameters)
        and (dtype == torch.float32 or (dtype == torch.bfloat16 and _learns(weight)))
    ):
        return None
    sizes = [
        (n + 2 * p - k) // s + 1 for n, p, k, s in zip(x.shape[2:], padding, weight.shape[2:], stride, strict=True)
    ]
    frames, channels, height, width = x.shape
    window = Window._make((frames, height, width, channels, *sizes, *weight.shape[2:], *stride, *padding))
    # Where the kernel is larger than the map, the convolution says so.
    if min(sizes) < 1 or window.results < _LEAST_RESULTS or window.terms < _LEAST_TERMS:
        return None
    halves = native.pack(x.detach().contiguous(memory_format=torch.channels_last), window)
    if halves is None:
        return None
    rows: Tensor = LookupConvolution.apply(x.to(dtype), weight, bias, halves, window)  # type: ignore[no-untyped-call]
    return rows.movedim(-1, 1)


def weight_gradient(rows: Tensor, grad: Tensor) -> Tensor | None:
    """Gradient of a linear's weight, grad^T rows, looked up where that is the faster way.

    Args:
        rows: [R, C], the linear's input; channels innermost and dense.
        grad: [R, O], that of its output.

    Returns:
        Float32 [O, C], or None: the input holds something else than 0 and 1, or see `lookup`.
    """
    count, channels = rows.shape
    if not _can_look_up(rows, grad) or grad.shape[1] < _LEAST_OUTPUTS or min(count, channels) < _LEAST_TERMS:
        return None
    window = Window(1, 1, count, channels, 1, count, 1, 1, 1, 1, 0, 0)
    halves = native.pack(rows, window)
    return None if halves is None else native.grad_weight(halves, window, grad)[:, :channels]


def _computed_in(x: Tensor) -> torch.dtype:
    """The dtype of a convolution of x on the CPU, which autocast may say."""
    cast = torch.is_autocast_enabled("cpu") and x.dtype in (torch.float32, torch.bfloat16, torch.float16)
    return torch.get_autocast_dtype("cpu") if cast else x.dtype


def _learns(weight: Tensor) -> bool:
    # A 1x1 convolution in bfloat16 is the linear's, which looks its gradient up by itself.
    return weight.requires_grad and torch.is_grad_enabled() and weight.shape[2:] != (1, 1)


def _can_look_up(*tensors: Tensor) -> bool:
    return readable(*tensors) and choose("lookup").backend == "native" and native.serves()
