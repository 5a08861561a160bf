"""What may be done with the pre-activations of a forward pass."""

from __future__ import annotations

from typing import Final, Literal, get_args

from spikeformers.errors import ConfigError, suggest

PreActivations = Literal["exact", "bfloat16", "recompute"]

PRE_ACTIVATIONS: Final[tuple[PreActivations, ...]] = get_args(PreActivations)


def checked(word: str) -> PreActivations:
    """The word.

    Raises:
        ConfigError: it is none of `PRE_ACTIVATIONS`.
    """
    for known in PRE_ACTIVATIONS:
        if word == known:
            return known
    raise ConfigError(
        f"pre-activations cannot be kept as {word!r}.{suggest(word, PRE_ACTIVATIONS)} Known: "
        f"{', '.join(PRE_ACTIVATIONS)}."
    )
