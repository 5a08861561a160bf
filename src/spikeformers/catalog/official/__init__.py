"""The authors' names for our modules, as data. No torch here.

One file per system. Its tables:

    head                  how the model classifies, in a word
    unused                what their files carry and their models never use: modules, or single tensors
    [sizes]               configuration words that the shapes of tensors show, one of
                              word = ["our.tensor", 0]            the size of that dimension
                              word = ["our.tensor", 0, 1]         that size over the size of dimension 1
                              word = ["our.tensor", 0, "dim"]     that size over the word `dim`, listed before it
                              word = [["a", 0], ["b", 0]]         a list of these; of ratios, the one that fits all
    [depths]              configuration words that count blocks: a group, or a number that the form fixes, or a list of
                          these, as in depths_by_stage = [1, 1, 2, "stages.3.blocks", "stages.4.blocks"]
    [present]             configuration words that are true where the tensor they name (ours) is there
    [by_block]            word = ["stem.{i}.shortcut.weight", 2, 1]: a list with a value for each block of that group,
                          the first where the block has that tensor, else the second. Likely, not certain
    [squares]             word = ["our.tensor", 1, "strides"]: the (height, width) of a square image that gives as many
                          tokens as that dimension, by the strides of the word `strides`, or by the number of pixels of
                          a token and direction. Likely as well
    [wording]             what the authors' configurations call otherwise: their_word = "our_word", or "our_word.option"
                          of the part that our word names, or a list of these for a list of values; or what its values,
                          as text, mean: their_word = { "a text" = { our_word = 3 }, "one that says nothing" = {} }.
                          Where a value is a table, what its parts are: their_word = { part = "our_word" }
    [modules]             our module = theirs, in the order of their files, neurons included. A tensor has the name of
                          its module, then the same leaf on both sides: weight, bias, running_mean, ... {i}, at most
                          once in a name, is the number of a block. Names with the same text before it are a group,
                          counted by itself, and that text without its last dot, on our side, is the group's name:
                          "blocks", "stages.3.blocks". Where two of ours are one of theirs, its tensors are those of
                          the later. Any other word in braces comes from `words` of the variant
    [trailing]            how many dimensions of size 1 follow in their weights, not in ours, by pattern of our module
    [variants.NAME]       one released form: `words`, `aliases`, and what it adds to, or changes in, the tables above;
                          `like` names another form, whose own tables it has where it has none
    [variants.NAME.aliases]  older names: their old module = their present one
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from spikeformers.catalog.official.blocks import BLOCK
from spikeformers.catalog.official.form import Form, Place
from spikeformers.catalog.tables import read_toml
from spikeformers.errors import UnknownNameError, suggest

__all__ = ["Form", "Place", "every_form", "form", "forms", "names", "systems"]


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


def every_form() -> list[Form]:
    """Return the released forms of all systems."""
    return [form for system in systems() for form in forms(system)]


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


def names(system: str | None, variant: str | None, own: Iterable[str]) -> dict[str, str]:
    """Return our module path to the official one, neurons included, for a model with the modules or tensors `own`.

    What follows no released form has no official names: the result is empty.

    >>> names("spikformer", "cifar", ["blocks.0.attention.neuron"])["blocks.0.mlp.expand.linear"]
    'block.0.mlp.fc1_linear'
    """
    known = {form.variant: form for form in forms(system)} if system in systems() else {}
    return known[variant].names(known[variant].count_ours(own)) if variant in known else {}


@cache
def _read(system: str) -> dict[str, Form]:
    table = read_toml(Path(__file__).parent / f"{system}.toml")
    variants = table["variants"]
    return {
        name: _form(system, name, table, {**variants.get(own.get("like"), {}), **own}) for name, own in variants.items()
    }


def _form(system: str, variant: str, table: Mapping[str, Any], own: Mapping[str, Any]) -> Form:
    def both(name: str) -> dict[str, Any]:
        return {**table.get(name, {}), **own.get(name, {})}

    words = {"i": BLOCK, **own.get("words", {})}
    return Form(
        system=system,
        variant=variant,
        modules={ours: theirs.format(**words) for ours, theirs in both("modules").items()},
        aliases=own.get("aliases", {}),
        unused=(*table.get("unused", []), *own.get("unused", [])),
        trailing=both("trailing"),
        sizes={word: _places(value) for word, value in both("sizes").items()},
        depths={word: tuple(value) if isinstance(value, list) else value for word, value in both("depths").items()},
        present=both("present"),
        by_block={word: tuple(value) for word, value in both("by_block").items()},
        squares={word: tuple(value) for word, value in both("squares").items()},
        wording={w: tuple(v) if isinstance(v, list) else v for w, v in both("wording").items()},
        head=table["head"],
    )


def _places(value: list[Any]) -> Place | tuple[Place, ...]:
    if isinstance(value[0], list):
        return tuple(Place(*place) for place in value)
    return Place(*value)
