"""`torch.ops.spikeformers.norm_lif`: batch norm and the LIF behind it as one operator that keeps only its input.

The norm is a factor and a shift for each channel, applied where the neuron reads its current; the backward pass
computes normalised values and membrane potentials again, and folds the way through the batch statistics into one affine
map for each channel:

    dL/dy = gain (g - sum(g) / n - (y - mean) / var sum(g (y - mean)) / n),   g = dL/dz of z = gain (y - mean) + bias
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, library

from spikeformers.ops.layout import Layout, by_channel, empty_like_steps, laid_out_as, with_dense_steps
from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.kernels import kernels_for
from spikeformers.ops.norm_lif.reference import norm_lif_reference


@library.custom_op("spikeformers::norm_lif", mutates_args=())
def norm_lif_operator(
    y: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    eps: float,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    keep_last: bool,
    words: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Output [T, B, C, ...], last membrane potential, and the batch's mean and biased variance, float64 [C].

    Where mean and variance are given (eval mode), those of the batch are not computed and have no elements.
    """
    out, last, *_ = _fake(y, weight, bias, mean, variance, eps, v, inverse_tau, keep_last, words)
    y = _in_order(y)
    layout, kernels = by_channel(y), kernels_for("norm_lif", y)
    of_batch = y.new_empty(0, dtype=torch.float64), y.new_empty(0, dtype=torch.float64)
    if mean is None or variance is None:
        mean, variance = of_batch = kernels.channel_moments(y, layout)
    kernels.forward(
        y, layout, Dynamics.from_words(words), inverse_tau=inverse_tau, **_affine(weight, bias, mean, variance, eps),
        v=None if v is None else laid_out_as(v, y[0]), last=last if keep_last else None, out=out,
    )  # fmt: skip
    return out, last, *of_batch


@norm_lif_operator.register_fake
def _fake(
    y: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    eps: float,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    keep_last: bool,
    words: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    out = empty_like_steps(_in_order(y))
    channels = 0 if mean is not None else y.shape[2]
    of_mean, of_variance = (y.new_empty(channels, dtype=torch.float64) for _ in range(2))
    return out, torch.empty_like(out[0]) if keep_last else y.new_empty(0), of_mean, of_variance


@library.custom_op("spikeformers::norm_lif_backward", mutates_args=())
def norm_lif_backward(
    y: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    of_batch: bool,
    eps: float,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    grad_out: Tensor | None,
    grad_last: Tensor | None,
    words: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of y, weight, bias, v and inverse_tau; those of absent ones have no elements.

    Args:
        of_batch: whether mean and variance are those of y, so that gradients go through them.
    """
    grad_y, grad_weight, grad_bias, grad_v, grad_k = _fake_backward(
        y, weight, bias, mean, variance, of_batch, eps, v, inverse_tau, grad_out, grad_last, words
    )
    y = _in_order(y)
    layout, kernels = by_channel(y), kernels_for("norm_lif", y)
    affine = _affine(weight, bias, mean, variance, eps)
    sums = y.new_empty(2, layout.channels, dtype=torch.float64)
    of_k = kernels.backward(
        y, layout, Dynamics.from_words(words), inverse_tau=inverse_tau, **affine,
        v=None if v is None else laid_out_as(v, y[0]),
        grad_out=None if grad_out is None else laid_out_as(grad_out.to(y.dtype), grad_y),
        grad_last=None if grad_last is None else laid_out_as(grad_last.to(y.dtype), grad_y[0]),
        grad_x=grad_y, grad_v=None if v is None else grad_v, sums=sums,
    )  # fmt: skip
    sums[1] -= (mean - affine["mean"].double()) * sums[0]
    grad_weight.copy_(sums[1] * torch.rsqrt(variance.double() + eps))
    grad_bias.copy_(sums[0])
    coefficients = _through_statistics(layout, weight, mean, variance, eps, sums, of_batch)
    if layout.step_stride == 0:
        for grad_of_step in grad_y:
            kernels.norm_backward(grad_of_step, y, layout, affine["mean"], coefficients, grad_of_step)
    else:
        kernels.norm_backward(grad_y, y, layout, affine["mean"], coefficients, grad_y)
    if of_k is not None:
        grad_k.fill_(of_k)
    return grad_y, grad_weight, grad_bias, grad_v, grad_k


@norm_lif_backward.register_fake
def _fake_backward(
    y: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    of_batch: bool,
    eps: float,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    grad_out: Tensor | None,
    grad_last: Tensor | None,
    words: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    grad_y = empty_like_steps(_in_order(y))
    grad_v = y.new_empty(0) if v is None else torch.empty_like(grad_y[0])
    grad_k = y.new_empty(0) if inverse_tau is None else torch.empty_like(inverse_tau)
    return grad_y, torch.empty_like(weight), torch.empty_like(bias), grad_v, grad_k


def _in_order(y: Tensor) -> Tensor:
    """Steps dense and right behind each other, or all the same one."""
    y = with_dense_steps(y)
    return y if y.shape[0] == 1 or y.stride(0) in (0, y[0].numel()) else y.contiguous()


def _affine(weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float) -> dict[str, Tensor]:
    gain = weight.double() * torch.rsqrt(variance.double() + eps)
    rounded = mean.float()
    # What rounding the mean takes off is added behind: it would show where the mean is many deviations from zero.
    return {"gain": gain.float(), "mean": rounded, "shift": (bias - (mean - rounded.double()) * gain).float()}


def _through_statistics(
    layout: Layout, weight: Tensor, mean: Tensor, variance: Tensor, eps: float, sums: Tensor, of_batch: bool
) -> Tensor:
    """Factors of dL/dz, of y - mean and of 1 in dL/dy, float32 [3, C]."""
    inverse = torch.rsqrt(variance.double() + eps)
    gain = weight.double() * inverse
    count = layout.outer * layout.inner * layout.steps
    if not of_batch:
        return torch.stack([gain, torch.zeros_like(gain), torch.zeros_like(gain)]).float()
    of_deviation = -gain * inverse.square() * sums[1] / count
    rounding = (mean - mean.float().double()) * of_deviation
    return torch.stack([gain, of_deviation, -gain * sums[0] / count - rounding]).float()


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    y, weight, bias, mean, variance, ctx.eps, v, inverse_tau, ctx.keep_last, ctx.words = inputs
    ctx.of_batch = mean is None
    statistics = output[2:] if ctx.of_batch else (mean, variance)
    ctx.save_for_backward(y, weight, bias, *statistics, v, inverse_tau)
    ctx.mark_non_differentiable(*output[2:])
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_out: Tensor | None, grad_last: Tensor | None, *_: Tensor | None) -> tuple[Any, ...]:
    y, weight, bias, mean, variance, v, inverse_tau = ctx.saved_tensors
    if not ctx.keep_last:
        grad_last = None
    if grad_out is None and grad_last is None:
        return (None,) * 10
    if torch.is_grad_enabled():
        of_batch = (None, None) if ctx.of_batch else (mean, variance)
        grads = _differentiable(
            (y, weight, bias, v, inverse_tau), of_batch, ctx.eps, Dynamics.from_words(ctx.words), grad_out, grad_last
        )
    else:
        found = norm_lif_backward(
            y, weight, bias, mean, variance, ctx.of_batch, ctx.eps, v, inverse_tau, grad_out, grad_last, ctx.words
        )
        grads = [
            grad if tensor is not None else None
            for grad, tensor in zip(found, (y, weight, bias, v, inverse_tau), strict=True)
        ]
    grad_y, grad_weight, grad_bias, grad_v, grad_k = grads
    return grad_y, grad_weight, grad_bias, None, None, None, grad_v, grad_k, None, None


def _differentiable(
    inputs: tuple[Tensor | None, ...],
    statistics: tuple[Tensor | None, Tensor | None],
    eps: float,
    dynamics: Dynamics,
    grad_out: Tensor | None,
    grad_last: Tensor | None,
) -> list[Tensor | None]:
    """The same gradients with a graph of their own."""
    y, weight, bias, v, inverse_tau = inputs
    assert y is not None
    assert weight is not None
    assert bias is not None
    outputs = norm_lif_reference(y, weight, bias, *statistics, eps, v, inverse_tau, dynamics)
    wanted = [t for t in inputs if t is not None and t.requires_grad]
    pairs = [(o, g) for o, g in zip(outputs, (grad_out, grad_last), strict=True) if g is not None]
    found = iter(
        torch.autograd.grad([o for o, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True)
    )
    return [next(found) if t is not None and t.requires_grad else None for t in inputs]


norm_lif_operator.register_autograd(_backward, setup_context=_setup_context)
