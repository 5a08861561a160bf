"""The face of the operation: checks its arguments and picks the implementation."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.ops.backend import transformed
from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.fused import lif_fused
from spikeformers.ops.lif.kernels import serves
from spikeformers.ops.lif.operator import lif_operator
from spikeformers.ops.lif.reference import lif_reference

# Made once: torch.compile cannot trace the making of it.
_SPIKFORMER = Dynamics()


def lif(
    x: Tensor,
    v: Tensor | None = None,
    dynamics: Dynamics | None = None,
    *,
    inverse_tau: Tensor | None = None,
    keep_last: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Run a neuron of the LIF family over T time steps.

    The reference charges, fires and resets in x's dtype. Under autocast a convolution or linear hands it half
    precision, so it integrates the membrane potential in half precision too, as in the papers' training with native
    AMP; near the threshold it may then fire where float32 does not. The fused kernels compute a time step in
    float32, whatever the dtype, and round what leaves it: the output, and the potential the next step starts from.

    Args:
        x: input current, floating point, [T, ...] with T >= 1.
        v: membrane potential [...] before the first step, in x's dtype; None is the potential at rest.
        dynamics: the neuron; None is the LIF of Spikformer (tau 2, threshold 1, hard reset to 0).
        inverse_tau: a learned 1/tau, scalar tensor in (0, 1), in place of dynamics.tau (PLIF, Fang et al. 2021).
        keep_last: whether the potential after the last step is wanted.

    Returns:
        Output [T, ...] and the membrane potential [...] after the last step, which continues the run as the next `v`;
        None in its place where it is not wanted.

    Raises:
        InputError: x has no time step, is not floating point, v does not fit it, or inverse_tau is not a scalar.
    """
    dynamics = _SPIKFORMER if dynamics is None else dynamics
    check_arguments(x, v, inverse_tau)
    if torch.compiler.is_exporting() or transformed():
        # An exported program must run where this package is not installed: plain operations only.
        out, last = lif_reference(x, v, dynamics, inverse_tau)
    elif serves("lif", x, dynamics):
        out, last = lif_fused(x, v, inverse_tau, keep_last, dynamics.words)
    else:
        tensors = (x, v, inverse_tau)
        keep_h = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
        out, last, _ = lif_operator(x, v, inverse_tau, keep_h, dynamics.words)
    return out, last if keep_last else None


def potentials(
    x: Tensor, v: Tensor | None = None, dynamics: Dynamics | None = None, *, inverse_tau: Tensor | None = None
) -> Tensor:
    """Membrane potentials H right before firing, [T, ...]: what the threshold is held against. No gradient.

    Args: as `lif`, for whose outputs they decide.

    Raises:
        InputError: as `lif`.
    """
    check_arguments(x, v, inverse_tau)
    with torch.no_grad():
        _, _, h = lif_operator(x, v, inverse_tau, True, (_SPIKFORMER if dynamics is None else dynamics).words)
    return torch.stack(h)


def check_arguments(x: Tensor, v: Tensor | None, inverse_tau: Tensor | None) -> None:
    """Refuse what no neuron can run on; see `lif` for the errors."""
    if x.dim() == 0 or x.shape[0] == 0 or not x.is_floating_point():
        raise InputError(
            f"a neuron takes a floating point current [T, ...] with T >= 1, got {x.dtype} {list(x.shape)}."
        )
    if v is not None and (v.shape != x.shape[1:] or v.dtype != x.dtype):
        raise InputError(
            f"the membrane potential must be {x.dtype} {list(x.shape[1:])} for a current {list(x.shape)}, "
            f"got {v.dtype} {list(v.shape)}."
        )
    if inverse_tau is not None and not (inverse_tau.dim() == 0 and inverse_tau.is_floating_point()):
        raise InputError(
            f"inverse_tau must be one floating point number, a tensor [], got {inverse_tau.dtype} "
            f"{list(inverse_tau.shape)}."
        )
