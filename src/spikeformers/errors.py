"""Errors a user can act on.

Every message says what was given, what was expected and what to do. Programming errors stay ordinary exceptions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SpikeformersError(Exception):
    """Base of all errors whose message tells the user the way out."""


class UnknownNameError(SpikeformersError):
    """A model, recipe, data set or other name that does not exist."""


class ConfigError(SpikeformersError):
    """A configuration word that is unknown, of the wrong type, or contradicts another."""


class InputError(SpikeformersError):
    """A tensor or label the model cannot take: wrong rank, channels, size, class, or not a number."""


class CheckpointError(SpikeformersError):
    """A checkpoint that is truncated, foreign, or disagrees with its configuration."""


class DataError(SpikeformersError):
    """A data set that is missing, incomplete or damaged."""


class NotStreamable(SpikeformersError):
    """A model that cannot be run one time step at a time; the message says which part and why."""


def suggest(word: str, options: Iterable[str]) -> str:
    """Return " Did you mean ...?" with the nearest options, or "" when nothing is near.

    >>> suggest("detph", ["depth", "dim", "heads"])
    " Did you mean 'depth'?"
    """
    near = difflib.get_close_matches(str(word), list(options), n=3, cutoff=0.5)
    if not near:
        return ""
    return " Did you mean " + " or ".join(repr(name) for name in near) + "?"
