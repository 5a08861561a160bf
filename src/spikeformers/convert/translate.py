"""From the authors' tensor names to ours, and what the tensors say about the model they belong to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from spikeformers.catalog import official
from spikeformers.catalog.official import Form


def official_name(name: str, modules: Mapping[str, str]) -> str:
    """Return the authors' name of a tensor of ours; a part they do not have keeps our name."""
    module, _, leaf = name.rpartition(".")
    return f"{modules.get(module, module)}.{leaf}"


def official_shape(name: str, tensor: Tensor, form: Form) -> tuple[int, ...]:
    """Return the shape the authors give to a tensor of ours: a 1x1 convolution's dimensions follow."""
    return (*tensor.shape, *(1,) * form.trailing_dimensions(name))


@dataclass
class Translation:
    """Tensors under our names.

    Attributes:
        depth: Number of blocks they belong to.
        tensors: Our name to tensor, still in the authors' shape.
        given: Our name to the name it was given under.
        unexpected: Given names that no part of the form has.
    """

    depth: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)

    def official_name(self, name: str, form: Form) -> str:
        """Return the name under which a tensor of ours was given, or should have been."""
        return self.given.get(name) or official_name(name, form.names(max(self.depth, 1)))


def translate(tensors: Mapping[str, Tensor], form: Form) -> Translation:
    """Sort the tensors of an official state dict into known ones, unused ones (dropped), and unexpected ones."""
    depth = official.count_blocks(tensors, form.modules.values())
    ours = {theirs: ours for ours, theirs in form.names(depth).items()}
    former, unused = form.former_names(depth), form.unused_names(depth)
    result = Translation(depth)
    for name, tensor in tensors.items():
        module, _, leaf = name.rpartition(".")
        own_module = ours.get(former.get(module, module))
        own = f"{own_module}.{leaf}"
        if own_module and own not in result.tensors:
            result.tensors[own] = tensor
            result.given[own] = name
        elif name not in unused and module not in unused:
            result.unexpected.append(name)
    return result


def sizes_shown(translation: Translation, form: Form, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration words that the shapes of the tensors show, such as dim, depth and num_classes.

    Many ratios give the same size: where the one that was said is among them, it is the one that is returned.
    """
    shown: dict[str, Any] = {"depth": translation.depth} if translation.depth else {}
    for word, (name, dimension, *base) in form.sizes.items():
        tensor = translation.tensors.get(name)
        if tensor is None or tensor.dim() <= dimension:
            continue
        size = tensor.shape[dimension]
        if not base:
            shown[word] = size
        elif shown.get(base[0]):
            shown[word] = _ratio(size, shown[base[0]], said.get(word))
    return shown


def _ratio(size: int, base: int, said: Any) -> float:
    """Return the ratio whose product with `base`, rounded down, is `size`: what was said, or else the quotient."""
    ratio = size / base
    candidates = (said, ratio, math.nextafter(ratio, math.inf))
    # Compared, not rounded: what was said may be infinite.
    return next(r for r in candidates if isinstance(r, (int, float)) and size <= base * r < size + 1)
