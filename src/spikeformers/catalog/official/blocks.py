"""Names with `{i}`: the number of a block. Names with the same text before it belong to one group of blocks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby

BLOCK = "{i}"


def start(template: str) -> str:
    """Return the text before the number of the block, or "" where a name has none.

    >>> start("stages.3.blocks.{i}.mlp.expand.linear")
    'stages.3.blocks.'
    """
    before, found, _ = template.partition(BLOCK)
    return before if found else ""


def count(names: Iterable[str], groups: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Return how many different blocks of each group occur in names; a group is known by the starts of its names."""
    numbers: dict[str, set[str]] = {group: set() for group in groups}
    group_of = {begin: group for group, starts in groups.items() for begin in starts}
    block = re.compile(rf"({'|'.join(map(re.escape, sorted(group_of)))})([0-9]+)[^0-9]")
    for name in names if group_of else ():
        if match := block.match(name):
            numbers[group_of[match[1]]].add(match[2])
    return {group: len(found) for group, found in numbers.items()}


def expand(templates: Mapping[str, str], counts: Mapping[str, int]) -> dict[str, str]:
    """Write names out for every block, block after block where names of one group follow each other.

    Args:
        templates: Names to other names; `{i}` is in both or in neither.
        counts: Number of blocks, by the start of the names.
    """
    result: dict[str, str] = {}
    for begin, group in groupby(templates.items(), key=lambda pair: start(pair[0])):
        pairs = list(group)
        for i in range(counts[begin] if begin else 1):
            result |= {ours.replace(BLOCK, str(i)): theirs.replace(BLOCK, str(i)) for ours, theirs in pairs}
    return result
