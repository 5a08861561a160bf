"""From the authors' tensor names to ours, and what the tensors say about the model they belong to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

from torch import Tensor

from spikeformers.catalog.official import Form, Place
from spikeformers.catalog.official.blocks import BLOCK, start


def split(name: str) -> tuple[str, str]:
    """Return the module of a tensor, "" for the model itself, and what the tensor is called in it."""
    module, _, leaf = name.rpartition(".")
    return module, leaf


def join(module: str, leaf: str) -> str:
    """Return the name of a tensor of a module."""
    return f"{module}.{leaf}" if module else leaf


def official_name(name: str, modules: Mapping[str, str]) -> str:
    """Return the authors' name of a tensor of ours; a part they do not have keeps our name."""
    module, leaf = split(name)
    return join(modules.get(module, module), leaf)


def official_shape(name: str, tensor: Tensor, form: Form) -> tuple[int, ...]:
    """Return the shape the authors give to a tensor of ours: a 1x1 convolution's dimensions follow."""
    return (*tensor.shape, *(1,) * form.trailing_dimensions(name))


@dataclass
class Translation:
    """Tensors under our names.

    Attributes:
        counts: Number of blocks they belong to, by group.
        tensors: Our name to tensor, still in the authors' shape.
        given: Our name to the name it was given under.
        unused: Given names that their files carry in vain.
        unexpected: Given names that no part of the form has.
    """

    counts: dict[str, int]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def official_name(self, name: str, form: Form) -> str:
        """Return the name under which a tensor of ours was given, or should have been."""
        return self.given.get(name) or official_name(name, form.names(self.counts, at_least=1))


def named_as_official(tensors: Mapping[str, Tensor], form: Form) -> Mapping[str, Tensor]:
    """Return the tensors under names that begin with what all names of the form begin with."""
    if all(name.startswith(form.container) for name in tensors):
        return tensors
    return {form.container + name: tensor for name, tensor in tensors.items()}


def translate(tensors: Mapping[str, Tensor], form: Form) -> Translation:
    """Sort the tensors of an official state dict into known ones, unused ones, and unexpected ones."""
    tensors = named_as_official(tensors, form)
    result = Translation(form.count_theirs(tensors))
    ours = {theirs: ours for ours, theirs in form.names(result.counts).items()}
    former, unused = form.former_names(result.counts), form.unused_names(result.counts)
    for name, tensor in tensors.items():
        module, leaf = split(name)
        own_module = ours.get(former.get(module, module))
        own = join(own_module or "", leaf)
        if own_module is not None and own not in result.tensors:
            result.tensors[own] = tensor
            result.given[own] = name
        elif name in unused or module in unused:
            result.unused.append(name)
        else:
            result.unexpected.append(name)
    return result


def words_shown(translation: Translation, form: Form, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration words that the tensors show, such as depth, dim and num_classes.

    Many ratios give the same size: where the one that was said is among them, it is the one that is returned.
    """
    shown: dict[str, Any] = {}
    for word, groups in form.depths.items():
        counted = [translation.counts.get(g, 0) if isinstance(g, str) else g for g in _several(groups)]
        if all(counted):
            shown[word] = tuple(counted) if isinstance(groups, tuple) else counted[0]
    for word, places in form.sizes.items():
        sizes = [_size(place, translation, shown) for place in _several(places)]
        found = [size for size in sizes if size is not None]
        if found and found[0].base is not None:
            shown[word] = _ratio(found, said.get(word))
        elif len(found) == len(sizes):
            shown[word] = tuple(size for size, _ in found) if isinstance(places, tuple) else found[0].size
    return shown | {word: tensor in translation.tensors for word, tensor in form.present.items()}


def words_likely(translation: Translation, form: Form, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration words that the tensors suggest; other values may fit them too."""
    likely: dict[str, Any] = {}
    for word, (template, there, absent) in form.by_block.items():
        number = translation.counts[start(template).removesuffix(".")]
        names = [template.replace(BLOCK, str(i)) for i in range(number)]
        if names:
            likely[word] = tuple(there if name in translation.tensors else absent for name in names)
    for word, (name, dimension, strides) in form.squares.items():
        tensor = translation.tensors.get(name)
        factors = [strides] if isinstance(strides, int) else {**likely, **said}.get(strides)
        if tensor is not None and tensor.dim() > dimension and _are_numbers(factors):
            likely[word] = (math.isqrt(tensor.shape[dimension]) * math.prod(factors),) * 2
    return likely


def _are_numbers(value: Any) -> TypeGuard[Sequence[int]]:
    return isinstance(value, list | tuple) and all(isinstance(number, int) for number in value)


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


class _Size(NamedTuple):
    size: int
    base: int | None  # of which the word is the ratio


def _size(place: Place, translation: Translation, shown: Mapping[str, Any]) -> _Size | None:
    """Return what one place shows, or None where the tensor is not there or has no such dimensions."""
    tensor = translation.tensors.get(place.tensor)
    if tensor is None or tensor.dim() <= place.dimension:
        return None
    size = tensor.shape[place.dimension]
    if place.base is None:
        return _Size(size, None)
    if isinstance(place.base, str):
        base = shown.get(place.base)
    else:
        base = tensor.shape[place.base] if tensor.dim() > place.base else None
    return _Size(size, base) if base else None


def _ratio(sizes: Sequence[_Size], said: Any) -> float:
    """Return the ratio whose products with the bases, rounded down, are the sizes: what was said, or else the least.

    Where no ratio fits them all it is that of the first.
    """
    least = max(size / base for size, base in sizes if base)
    for ratio in (said, least, math.nextafter(least, math.inf)):
        # Compared, not rounded: what was said may be infinite.
        if isinstance(ratio, (int, float)) and all(size <= base * ratio < size + 1 for size, base in sizes if base):
            return ratio
    return _ratio(sizes[:1], said)
