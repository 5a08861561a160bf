"""The names of one released form of a system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from spikeformers.catalog.official.blocks import count, expand, start


@dataclass(frozen=True)
class Place:
    """Where tensors show the value of a configuration word.

    Attributes:
        tensor: Our name of the tensor.
        dimension: The dimension whose size it is.
        base: What that size is a multiple of, so that the word is their ratio: a dimension of the same tensor, or
            another configuration word; None where the word is the size itself.
    """

    tensor: str
    dimension: int
    base: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class Form:
    """The names of one released form of a system. Names with `{i}` stand for every block of a group.

    A group is known by what its names on our side begin with, such as "stages.3.blocks".

    Attributes:
        system: The system, such as "spikformer".
        variant: The form, such as "imagenet".
        modules: Our module to theirs.
        aliases: Their former module names to the present ones.
        unused: Modules and tensors their files carry in vain.
        trailing: Pattern of our module to the number of dimensions of size 1 that only their weights have.
        sizes: Configuration word to its place; or to a list of places where the word is a list, or one ratio that fits
            them all.
        depths: Configuration word to the group whose blocks it counts, or to a number that the form fixes, or to a list
            of these.
        present: Configuration word to our tensor; the word is true where that tensor is there.
        by_block: Configuration word to our tensor and two values: the word has one of them for each block of the
            tensor's group, the first where the block has that tensor. What it shows is likely, not certain.
        squares: Configuration word to our tensor, a dimension and another word: the (height, width) of a square image
            with as many tokens as that dimension, where the strides of the other word make the tokens, or, given a
            number, where a token has so many pixels in each direction. Likely as well.
        wording: What the authors' configurations call otherwise: their word to the name of ours, to "word.option" of
            the part that ours names, or to one of these for each value of a list; or to what their
            values, as text, mean in our words, or, where a value is a table, to the names its parts have here.
        head: How the model classifies, in a word.
    """

    system: str
    variant: str
    modules: Mapping[str, str]
    aliases: Mapping[str, str]
    unused: tuple[str, ...]
    trailing: Mapping[str, int]
    sizes: Mapping[str, Place | tuple[Place, ...]]
    depths: Mapping[str, str | int | tuple[str | int, ...]]
    present: Mapping[str, str]
    by_block: Mapping[str, tuple[str, Any, Any]]
    squares: Mapping[str, tuple[str, int, str | int]]
    wording: Mapping[str, str | tuple[str, ...] | Mapping[str, str | Mapping[str, Any]]]
    head: str

    @property
    def shown_words(self) -> tuple[str, ...]:
        """The configuration words that tensors of this form show, the likely ones included."""
        return (*self.depths, *self.sizes, *self.present, *self.by_block, *self.squares)

    @property
    def container(self) -> str:
        """What all their names begin with, such as "model.", or "" where they have nothing in common.

        Some of their files carry it and some do not.
        """
        first, *others = {theirs.partition(".")[0] for theirs in self.modules.values()}
        return "" if others else f"{first}."

    def places(self) -> Iterator[tuple[str, tuple[Place, ...]]]:
        """Yield the words whose values the shapes of tensors show, and where."""
        for word, place in self.sizes.items():
            yield word, place if isinstance(place, tuple) else (place,)

    def count_theirs(self, names: Iterable[str]) -> dict[str, int]:
        """Return how many blocks of each group occur in their names."""
        return count(names, self._groups)

    def count_ours(self, names: Iterable[str]) -> dict[str, int]:
        """Return how many blocks of each group occur in our names."""
        return count(names, {group: [_begin(group)] for group in self._groups})

    def names(self, counts: Mapping[str, int], *, at_least: int = 0) -> dict[str, str]:
        """Return our module path to theirs for a model with so many blocks in each group, block after block."""
        return expand(self.modules, {_begin(group): max(counts.get(group, 0), at_least) for group in self._groups})

    def former_names(self, counts: Mapping[str, int]) -> dict[str, str]:
        """Return their former module paths to the present ones."""
        return expand(self.aliases, self._by_their_start(counts))

    def unused_names(self, counts: Mapping[str, int]) -> frozenset[str]:
        """Return the modules and tensors their files carry in vain."""
        return frozenset(expand(dict.fromkeys(self.unused, ""), self._by_their_start(counts)))

    def trailing_dimensions(self, tensor: str) -> int:
        """Return how many dimensions of size 1 follow in their tensor and not in ours, by our tensor's name."""
        module, _, leaf = tensor.rpartition(".")
        if leaf != "weight":
            return 0
        return next((number for pattern, number in self.trailing.items() if fnmatchcase(module, pattern)), 0)

    @cached_property
    def _groups(self) -> dict[str, set[str]]:
        """Group to the starts of its names on their side, present and former."""
        groups: dict[str, set[str]] = {}
        for ours, theirs in self.modules.items():
            if begin := start(ours):
                groups.setdefault(begin.removesuffix("."), set()).add(start(theirs))
        for former, present in self.aliases.items():
            for starts in groups.values():
                if start(former) and start(present) in starts:
                    starts.add(start(former))
        return groups

    def _by_their_start(self, counts: Mapping[str, int]) -> dict[str, int]:
        return {begin: counts.get(group, 0) for group, starts in self._groups.items() for begin in starts}


def _begin(group: str) -> str:
    return f"{group}."
