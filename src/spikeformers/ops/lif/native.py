"""The LIF kernels of the native library: one pass over memory, membrane potentials in registers."""

from __future__ import annotations

import ctypes
import math
from functools import cache
from typing import Final

import torch
from torch import Tensor

from spikeformers import native
from spikeformers.ops.layout import Layout
from spikeformers.ops.lif.dynamics import Dynamics

TYPES: Final = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2, torch.uint8: 3}
SURROGATES: Final = ("sigmoid", "atan", "rectangular", "triangle")
_FIRE: Final = ("binary", "ternary", "integer")
_OUTPUT: Final = ("spikes", "normalised", "membrane")


class _Layout(ctypes.Structure):
    _fields_ = [(word, ctypes.c_int64) for word in Layout._fields]


class _Neuron(ctypes.Structure):
    _fields_ = [
        *((word, ctypes.c_float) for word in (
            "tau", "inverse_tau", "threshold", "v_reset", "reset_amount", "alpha", "levels",
        )),
        *((word, ctypes.c_int32) for word in (
            "charge", "by_division", "fire", "hard", "detach_reset", "detach_membrane", "surrogate", "output",
        )),
    ]  # fmt: skip


def serves(x: Tensor, dynamics: Dynamics) -> bool:
    """Whether the kernels run this neuron on this current; float64 and smooth or user-made surrogates they do not."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16, torch.float16)
        and not dynamics.surrogate.smooth
        and dynamics.surrogate.name in SURROGATES
        and dynamics.levels < 2**20
    )


@cache
def _neuron(dynamics: Dynamics, inverse_tau: float | None) -> _Neuron:
    d = dynamics
    learned = inverse_tau is not None
    mantissa, _ = math.frexp(d.tau)
    integrates = not learned and math.isinf(d.tau)
    return _Neuron(
        tau=d.tau,
        inverse_tau=inverse_tau if inverse_tau is not None else 1 / d.tau,
        threshold=d.v_threshold,
        v_reset=d.v_reset or 0.0,
        reset_amount=d.reset_amount,
        alpha=d.surrogate.slope,
        levels=d.levels,
        charge=0 if integrates else 1 if d.decay_input else 2,
        # By a power of two, the product with the inverse is the same number.
        by_division=not learned and not integrates and mantissa != 0.5,
        fire=_FIRE.index(d.fire),
        hard=d.v_reset is not None,
        detach_reset=d.detach_reset,
        detach_membrane=d.detach_membrane,
        surrogate=SURROGATES.index(d.surrogate.name),
        output=_OUTPUT.index(d.output),
    )


def _described(dynamics: Dynamics, inverse_tau: Tensor | None) -> _Neuron:
    # A learned one is another number at every step: made anew, not kept.
    return _neuron(dynamics, None) if inverse_tau is None else _neuron.__wrapped__(dynamics, inverse_tau.item())


def pointer(tensor: Tensor | None) -> int | None:
    """Address of its first element."""
    return None if tensor is None else tensor.data_ptr()


def forward(
    x: Tensor,
    layout: Layout,
    dynamics: Dynamics,
    *,
    inverse_tau: Tensor | None = None,
    gain: Tensor | None = None,
    mean: Tensor | None = None,
    shift: Tensor | None = None,
    v: Tensor | None = None,
    last: Tensor | None = None,
    out: Tensor | None = None,
    bits: Tensor | None = None,
) -> None:
    """Run the neuron on z = gain (x - mean) + shift, filling what is given: out [T, ...], its bits, the last potential.

    Args:
        x: steps as `layout` says; v, last and the steps of out lie in memory as one of them.
        gain, mean, shift: float32 [channels], or None for z = x.
    """
    _library().sf_lif_forward(
        _Layout(*layout), _described(dynamics, inverse_tau), pointer(x), TYPES[x.dtype], pointer(gain), pointer(mean),
        pointer(shift), pointer(v), pointer(last), pointer(out), 0 if out is None else TYPES[out.dtype], pointer(bits),
        torch.get_num_threads(),
    )  # fmt: skip


def backward(
    x: Tensor,
    layout: Layout,
    dynamics: Dynamics,
    *,
    inverse_tau: Tensor | None = None,
    gain: Tensor | None = None,
    mean: Tensor | None = None,
    shift: Tensor | None = None,
    v: Tensor | None = None,
    grad_out: Tensor | None = None,
    grad_last: Tensor | None = None,
    grad_x: Tensor | None = None,
    grad_v: Tensor | None = None,
    sums: Tensor | None = None,
) -> float | None:
    """Gradients of what `forward` ran, which is run again.

    Args:
        grad_out, grad_last: of one dtype, that of x; laid out as out and last.
        grad_x: [T, ...], filled with dL/dz.
        grad_v: filled.
        sums: float64 [2, channels], filled with those of grad_x and of grad_x (x - mean).

    Returns:
        The gradient of inverse_tau, where there is one.
    """
    grad_k = None if inverse_tau is None else ctypes.c_double()
    grad = grad_out if grad_out is not None else grad_last
    _library().sf_lif_backward(
        _Layout(*layout), _described(dynamics, inverse_tau), pointer(x), TYPES[x.dtype], pointer(gain), pointer(mean),
        pointer(shift), pointer(v), pointer(grad_out), 0 if grad is None else TYPES[grad.dtype], pointer(grad_last),
        pointer(grad_x), pointer(grad_v), None if grad_k is None else ctypes.byref(grad_k),
        None if sums is None else sums[0].data_ptr(), None if sums is None else sums[1].data_ptr(),
        torch.get_num_threads(),
    )  # fmt: skip
    return None if grad_k is None else grad_k.value


def channel_sums(x: Tensor, layout: Layout) -> Tensor:
    """Sum of each channel over all steps, float64 [channels]."""
    layout = layout.as_one_step()
    sums = torch.empty(layout.channels, dtype=torch.float64)
    _library().sf_channel_sums(
        _Layout(*layout), pointer(x), TYPES[x.dtype], sums.data_ptr(), torch.get_num_threads()
    )  # fmt: skip
    return sums


def channel_moments(x: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel over all steps, float64 [channels]."""
    layout = layout.as_one_step()
    moments = torch.empty(2, layout.channels, dtype=torch.float64)
    _library().sf_channel_moments(
        _Layout(*layout), pointer(x), TYPES[x.dtype], moments[0].data_ptr(), moments[1].data_ptr(),
        torch.get_num_threads(),
    )  # fmt: skip
    return moments[0], moments[1] / (layout.outer * layout.inner)


def norm_backward(grad: Tensor, y: Tensor, layout: Layout, mean: Tensor, coefficients: Tensor, out: Tensor) -> None:
    """Fill out with a grad + b (y - mean) + d for each channel.

    Args:
        grad, y, out: laid out alike; out may be grad.
        mean: float32 [channels].
        coefficients: a, b and d, float32 [3, channels].
    """
    a, b, d = (row.data_ptr() for row in coefficients)
    _library().sf_norm_backward(
        _Layout(*layout.as_one_step()), pointer(grad), TYPES[grad.dtype], pointer(y), TYPES[y.dtype], pointer(mean),
        a, b, d, pointer(out), TYPES[out.dtype], torch.get_num_threads(),
    )  # fmt: skip


@cache
def _library() -> ctypes.CDLL:
    library = native.library()
    assert library is not None
    p, i = ctypes.c_void_p, ctypes.c_int32
    layout, neuron = ctypes.POINTER(_Layout), ctypes.POINTER(_Neuron)
    library.sf_lif_forward.argtypes = [layout, neuron, p, i, p, p, p, p, p, p, i, p, i]
    library.sf_lif_backward.argtypes = [layout, neuron, p, i, p, p, p, p, p, i, p, p, p, p, p, p, i]
    library.sf_channel_sums.argtypes = [layout, p, i, p, i]
    library.sf_channel_moments.argtypes = [layout, p, i, p, p, i]
    library.sf_norm_backward.argtypes = [layout, p, i, p, i, p, p, p, p, p, i, i]
    for name in ("lif_forward", "lif_backward", "channel_sums", "channel_moments", "norm_backward"):
        getattr(library, f"sf_{name}").restype = None
    return library
