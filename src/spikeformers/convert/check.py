"""Telling a user in which way tensors, form and configuration disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.catalog import official
from spikeformers.catalog.official import Form
from spikeformers.convert.translate import Translation, join, official_name, official_shape, split, translate
from spikeformers.layers import Constants

_SHOWN = 12
_ROUNDING = 2**-7  # of bfloat16, once more than there
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def disagreements(config: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """Return a sentence for every configuration word that is not what the tensors show."""
    return [
        f"the config says {word} {config[word]!r}, the tensors "
        + (f"have {value} blocks" if word == "depth" else f"show {word} {_written(value)}")
        for word, value in shown.items()
        if word in config and _comparable(config[word]) != value
    ]


def problems(translation: Translation, form: Form, model: nn.Module, *, values: bool = True) -> dict[str, list[str]]:
    """Compare tensors with the state of the model; by kind, the official names (with shapes, where those differ).

    Without `values`, names and shapes are all that is looked at.
    """
    expected = model.state_dict()
    state = {name: official_shape(name, tensor, form) for name, tensor in expected.items()}
    modules = form.names(form.count_ours(state))
    tensors = translation.tensors
    found = {
        "missing": [official_name(name, modules) for name in state if name not in tensors],
        "unexpected": translation.unexpected + [translation.given[name] for name in tensors if name not in state],
        "of another shape": [
            f"{translation.given[name]} {tuple(tensor.shape)} where {state[name]} is expected"
            for name, tensor in tensors.items()
            if name in state and tuple(tensor.shape) != state[name]
        ],
        "without usable values": [
            f"{translation.given[name]} ({flaw})"
            for name, tensor in tensors.items()
            if values and name in state and (flaw := _flaw(tensor, expected[name]))
        ],
    }
    return {kind: names for kind, names in found.items() if names}


def contradictions(translation: Translation, model: nn.Module) -> list[str]:
    """Return a sentence for every constant kept beside the weights that is not what the model's config says."""
    return [
        f"{translation.given[name]} is {found:g}, not {expected:g}"
        for module, constants in model.named_modules()
        if isinstance(constants, Constants)
        for leaf, parameter in constants.named_parameters(recurse=False)
        for name, expected in [(join(module, leaf), parameter.item())]
        if not math.isclose(found := translation.tensors[name].item(), expected, rel_tol=_ROUNDING)
    ]


def report(form: Form, found: Mapping[str, Sequence[str]], tensors: Mapping[str, Tensor]) -> str:
    """Return the message for tensors that are not what the form has."""
    lines = [f"These {len(tensors)} tensors are not a whole {form.system!r} in the form {form.variant!r}."]
    for kind, names in found.items():
        if names:
            lines.append(f"  {len(names)} {kind}: {shortened(names)}")
    if found.get("unexpected"):
        lines += _advice(tensors)
    return "\n".join(lines)


def shortened(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{rest}"


def _flaw(tensor: Tensor, expected: Tensor) -> str:
    """Return why a tensor cannot stand for another of its shape, or ""."""
    if tensor.is_meta:
        return "on the meta device, where tensors have none"
    if tensor.layout != torch.strided:
        return f"{tensor.layout}, not a dense tensor"
    # A counter may have become a float, as by `module.half()`; a weight does not become an integer by chance.
    if tensor.dtype in _FLOATS or not (expected.is_floating_point() or tensor.is_complex()):
        return ""
    return f"{tensor.dtype}, not real floating point"


def has_all_names(translation: Translation) -> bool:
    """Return whether a form has a place for every tensor."""
    # Whatever lies in the model itself, beside all modules, could be anybody's.
    return not translation.unexpected and len({split(name)[0] for name in translation.tensors}) > 1


def are_ours(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether all names are those of a model of this library."""
    modules = {split(name)[0] for name in tensors}
    return any(modules <= form.names(form.count_ours(tensors)).keys() for form in official.every_form())


def _advice(tensors: Mapping[str, Tensor]) -> list[str]:
    if are_ours(tensors):
        return ["The names are this library's own. Its checkpoints are read by spikeformers.load."]
    fitting = [
        f"{form.system!r} {form.variant!r}" for form in official.every_form() if has_all_names(translate(tensors, form))
    ]
    if fitting:
        return [f"All names belong to {' or '.join(fitting)}: name that system and variant instead."]
    return ["No form known here has all these names."]


def _comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return str(list(value)) if isinstance(value, tuple) else f"{value:g}"
