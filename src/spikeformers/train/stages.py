"""The stages of a model, by the names of its parameters."""

from __future__ import annotations

from itertools import takewhile


def stage_of(parameter: str) -> str:
    """The stage of a model that a parameter belongs to: its first name, with the indices where numbers follow.

    >>> [stage_of(name) for name in ("tokenizer.stages.0.conv.weight", "blocks.3.mlp.expand.bias", "head.weight")]
    ['tokenizer', 'blocks.3', 'head']
    """
    first, *rest = parameter.split(".")
    return ".".join([first, *takewhile(str.isdigit, rest)])
