"""The authors' names for our modules, as data. No torch here.

One file per system. Its tables:

    unused                what their files carry and their models never use: modules, or single tensors
    [sizes]               configuration words that the tensors show: our tensor and its dimension, and optionally
                          the word that dimension is a multiple of
    [modules]             our module = theirs, in the order of their files, neurons included; {i} is the number of
                          the block, any other word in braces comes from `words` of the variant. A tensor has the
                          name of its module, then the same leaf on both sides: weight, bias, running_mean, ...
    [trailing]            how many dimensions of size 1 follow in their weights, not in ours, by pattern of our module
    [variants.NAME]       one released form: `words`, and its own `unused`, `trailing` and `aliases`
    [variants.NAME.aliases]  older names: their old module = their present one
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from spikeformers.catalog.tables import read_toml
from spikeformers.errors import UnknownNameError, suggest

BLOCK = "{i}"


@dataclass(frozen=True, kw_only=True)
class Form:
    """The names of one released form of a system. Names with `{i}` stand for every block.

    Attributes:
        system: The system, such as "spikformer".
        variant: The form, such as "imagenet".
        modules: Our module to theirs.
        aliases: Their former module names to the present ones.
        unused: Modules and tensors their files carry in vain.
        trailing: Pattern of our module to the number of dimensions of size 1 that only their weights have.
        sizes: Configuration word to (our tensor, dimension) or (our tensor, dimension, word it is a multiple of).
    """

    system: str
    variant: str
    modules: Mapping[str, str]
    aliases: Mapping[str, str]
    unused: tuple[str, ...]
    trailing: Mapping[str, int]
    sizes: Mapping[str, tuple[Any, ...]]

    def names(self, depth: int) -> dict[str, str]:
        """Return our module path to theirs for a model of `depth` blocks, block after block."""
        return _expand(self.modules, depth)

    def former_names(self, depth: int) -> dict[str, str]:
        """Return their former module paths to the present ones."""
        return _expand(self.aliases, depth)

    def unused_names(self, depth: int) -> frozenset[str]:
        """Return the modules and tensors their files carry in vain."""
        return frozenset(_expand(dict.fromkeys(self.unused, ""), depth))

    def trailing_dimensions(self, tensor: str) -> int:
        """Return how many dimensions of size 1 follow in their tensor and not in ours, by our tensor's name."""
        module, _, leaf = tensor.rpartition(".")
        if leaf != "weight":
            return 0
        return next((count for pattern, count in self.trailing.items() if fnmatchcase(module, pattern)), 0)


def systems() -> list[str]:
    """Return the systems whose official names are known."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


def forms(system: str) -> list[Form]:
    """Return the released forms of a system.

    Raises:
        UnknownNameError: there is no such system; the message offers the nearest.
    """
    if system not in systems():
        raise UnknownNameError(
            f"No official names are known for a system {system!r}.{suggest(system, systems())} "
            f"There are: {', '.join(systems())}."
        )
    return list(_read(system).values())


def form(system: str, variant: str) -> Form:
    """Return the names of one released form.

    Raises:
        UnknownNameError: no such form was released; the message says which were.
    """
    known = {form.variant: form for form in forms(system)}
    if variant not in known:
        raise UnknownNameError(
            f"No official form {variant!r} of {system!r} is known.{suggest(variant, known)} "
            f"There are: {', '.join(known)}."
        )
    return known[variant]


def names(system: str | None, variant: str | None, depth: int) -> dict[str, str]:
    """Return our module path to the official one, neurons included, for a model of `depth` blocks.

    What follows no released form has no official names: the result is empty.

    >>> names("spikformer", "cifar", 1)["blocks.0.attention.neuron"]
    'block.0.attn.attn_lif'
    """
    known = {form.variant: form for form in forms(system)} if system in systems() else {}
    return known[variant].names(depth) if variant in known else {}


def count_blocks(names: Iterable[str], templates: Iterable[str]) -> int:
    """Return how many different blocks occur in names that are made after templates with `{i}`."""
    starts = {re.escape(template.partition(BLOCK)[0]) for template in templates if BLOCK in template}
    block = re.compile(rf"(?:{'|'.join(sorted(starts))})[0-9]+\.")
    return len({match[0] for name in names if (match := block.match(name))})


@cache
def _read(system: str) -> dict[str, Form]:
    table = read_toml(Path(__file__).parent / f"{system}.toml")
    return {name: _form(system, name, table, own) for name, own in table["variants"].items()}


def _form(system: str, variant: str, table: Mapping[str, Any], own: Mapping[str, Any]) -> Form:
    words = {"i": BLOCK, **own.get("words", {})}
    return Form(
        system=system,
        variant=variant,
        modules={ours: theirs.format(**words) for ours, theirs in table["modules"].items()},
        aliases=own.get("aliases", {}),
        unused=(*table["unused"], *own.get("unused", [])),
        trailing={**table.get("trailing", {}), **own.get("trailing", {})},
        sizes={word: tuple(place) for word, place in table["sizes"].items()},
    )


def _expand(templates: Mapping[str, str], depth: int) -> dict[str, str]:
    """Write out the names of every block, block after block, between the names before and after the blocks."""
    result: dict[str, str] = {}
    for of_blocks, group in groupby(templates.items(), key=lambda pair: BLOCK in pair[0]):
        pairs = list(group)
        for i in range(depth if of_blocks else 1):
            result |= {ours.replace(BLOCK, str(i)): theirs.replace(BLOCK, str(i)) for ours, theirs in pairs}
    return result
