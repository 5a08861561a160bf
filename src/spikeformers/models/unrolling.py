"""Unrolling: a model of integer neurons, run on the binary spikes that its integers stand for."""

from __future__ import annotations

import copy

from spikeformers.errors import ConfigError
from spikeformers.layers.sub_steps import SubSteps, sub_steps_needed
from spikeformers.models.base import SpikingModel


def unroll(model: SpikingModel, sub_steps: int | None = None) -> SpikingModel:
    """A copy of a model, in eval mode, each integer operand of which comes as binary sub-steps, one after the other.

    Neurons of the words `sfa` and `integer` emit integers up to D, and sums of spikes are integers too; on a
    spike-driven machine each is D spikes over D sub-steps of its time step (spike firing approximation, Yao et al.,
    T-PAMI 2025; I-LIF, Luo et al., ECCV 2024). Here every convolution, linear, product and mask that is fed integers
    from 0 up to a highest it knows adds up what it makes of those spikes. That is exact: logits and integers are the
    model's, up to rounding.

    What an unrolled operation sees is 0 or 1. These stay as they are:

    - operands that are real: the image or event frames in front of the first convolution, what a head of analog inputs
      is fed, and whatever follows a weighted operation without a neuron between them;
    - integers without a known highest: the first of the two products in an attention, as an operand of the second;
    - signed integers and ternary spikes;
    - all that is no weighted operation: the residual stream, norms, pooling, and the neurons themselves, which take the
      sum over the sub-steps and emit the integer at once.

    The copy streams and is measured as any model; to fuse, fuse first. It is for inference (no gradient passes the
    comparison that makes the spikes) and has no checkpoint: keep the model, and unroll it again.

    Args:
        model: any model; it is left as it is.
        sub_steps: of every integer operand, for a machine that has that many; the last of them may be empty. None is as
            many as each operand needs, the highest integer it may hold.

    Raises:
        ConfigError: nothing in the model is fed integers, or they need more sub-steps than that.
    """
    unrolled = copy.deepcopy(getattr(model, "_orig_mod", model)).eval()  # inside what torch.compile wraps
    operations = dict(unrolled.named_modules())
    needed = {name: needs for name, operation in operations.items() if (needs := sub_steps_needed(operation))}
    if not needed:
        raise ConfigError(
            f"no operation of this {type(unrolled).__name__} is fed integers, so there is nothing to unroll. Integers "
            'come from neurons (neuron = "sfa" or "integer") and from sums of spikes (the shortcut "sew").'
        )
    for name, needs in needed.items():
        unrolled.set_submodule(name, SubSteps(operations[name], _given(name, needs, sub_steps)))
    return unrolled


def _given(name: str, needs: tuple[int, ...], sub_steps: int | None) -> tuple[int, ...]:
    if sub_steps is None:
        return needs
    if not isinstance(sub_steps, int) or sub_steps < 1:
        raise ConfigError(f"sub_steps must be a whole number of at least 1, got {sub_steps!r}.")
    if max(needs) > sub_steps:
        raise ConfigError(
            f"{name} is fed integers up to {max(needs)}, which are as many sub-steps; got sub_steps = {sub_steps}."
        )
    return tuple(sub_steps if need > 1 else 1 for need in needs)
