"""Model -> official names and shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from spikeformers.catalog import official
from spikeformers.convert.released import require_whole
from spikeformers.convert.translate import official_name, official_shape, split
from spikeformers.errors import CheckpointError, UnknownNameError, suggest
from spikeformers.models import SpikingModel


def to_official(model: SpikingModel, what: str = "parameters") -> dict[str, Tensor]:
    """Return tensors of a model under the authors' names and in their shapes.

    `{**to_official(model), **to_official(model, "buffers")}` is a state dict that `load_official` takes back. What the
    authors' files carry in vain (norms and position tables their models never use) is not in it.

    Args:
        model: A model that follows a released form, from `load_official`, or from the catalogue; compiled or not.
        what: "parameters"; "gradients" (a parameter without one is left out); or "buffers" (running statistics).

    Returns:
        Copies, detached, in the order of the authors' files.

    Raises:
        UnknownNameError: `what` is none of the three, or the model follows no released form.
        CheckpointError: the model is fused, or has a part that the released form has not, or lacks one (gradients may
            be partial).
    """
    if what not in _KINDS:
        raise UnknownNameError(
            f"No tensors are called {what!r}.{suggest(what, _KINDS)} There are: {', '.join(_KINDS)}."
        )
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    if not model.system or not model.variant:
        raise UnknownNameError(
            "This model follows no released form, so it has no official names. Models of the catalogue in a published "
            "size and those from load_official do; on others set model.system and model.variant."
        )
    if model.fused is not None:
        raise CheckpointError(
            "This model is fused: its norms are folded into its weights, and the authors' files have them apart. "
            "Give to_official the model it was fused from, or save this one with spikeformers.save."
        )
    form = official.form(model.system, model.variant)
    tensors = dict(_KINDS[what](model))
    modules = form.names(form.count_ours(model.state_dict()))
    order = {module: position for position, module in enumerate(modules)}
    foreign = [name for name in tensors if split(name)[0] not in modules]
    if foreign:
        raise CheckpointError(
            f"The form {form.variant!r} of {form.system!r} has no counterpart of {', '.join(foreign)}. "
            "Save this model with spikeformers.save instead."
        )
    if what != "gradients":
        require_whole(model, form)
    return {
        official_name(name, modules): tensors[name].detach().clone().reshape(official_shape(name, tensors[name], form))
        for name in sorted(tensors, key=lambda name: order[split(name)[0]])
    }


def _gradients(model: SpikingModel) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            yield name, parameter.grad


_KINDS: dict[str, Callable[[SpikingModel], Iterator[tuple[str, Tensor]]]] = {
    "parameters": SpikingModel.named_parameters,
    "gradients": _gradients,
    "buffers": SpikingModel.named_buffers,
}
