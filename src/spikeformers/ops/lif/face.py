"""The face of the operation: checks its arguments and picks the implementation."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.ops.backend import choose
from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.operator import lif_operator, words_of
from spikeformers.ops.lif.reference import lif_reference

# Made once: torch.compile cannot trace the making of it.
_SPIKFORMER = Dynamics()


def lif(
    x: Tensor, v: Tensor | None = None, dynamics: Dynamics | None = None, *, inverse_tau: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Run a neuron of the LIF family over T time steps.

    Charge, fire and reset all run in x's dtype. Under autocast a convolution or linear hands it half precision, so the
    membrane potential is integrated in half precision too, as in the papers' training with native AMP; near the
    threshold it may then fire where float32 does not.

    Args:
        x: input current, floating point, [T, ...] with T >= 1.
        v: membrane potential [...] before the first step, in x's dtype; None is the potential at rest.
        dynamics: the neuron; None is the LIF of Spikformer (tau 2, threshold 1, hard reset to 0).
        inverse_tau: a learned 1/tau, scalar tensor in (0, 1), in place of dynamics.tau (PLIF, Fang et al. 2021).

    Returns:
        Output [T, ...] and the membrane potential [...] after the last step, which continues the run as the next `v`.

    Raises:
        InputError: x has no time step, is not floating point, v does not fit it, or inverse_tau is not a scalar.
    """
    dynamics = _SPIKFORMER if dynamics is None else dynamics
    _check(x, v, inverse_tau)
    if torch.compiler.is_exporting():
        # An exported program must run where this package is not installed: plain operations only.
        return lif_reference(x, v, dynamics, inverse_tau)
    choose("lif")  # one implementation so far: this only refuses to run another than the one asked for
    tensors = (x, v, inverse_tau)
    keep_h = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    out, last, _ = lif_operator(x, v, inverse_tau, keep_h, *words_of(dynamics))
    return out, last


def potentials(
    x: Tensor, v: Tensor | None = None, dynamics: Dynamics | None = None, *, inverse_tau: Tensor | None = None
) -> Tensor:
    """Membrane potentials H right before firing, [T, ...]: what the threshold is held against. No gradient.

    Args: as `lif`, for whose outputs they decide.

    Raises:
        InputError: as `lif`.
    """
    _check(x, v, inverse_tau)
    choose("lif")
    with torch.no_grad():
        _, _, h = lif_operator(x, v, inverse_tau, True, *words_of(_SPIKFORMER if dynamics is None else dynamics))
    return torch.stack(h)


def _check(x: Tensor, v: Tensor | None, inverse_tau: Tensor | None) -> None:
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
