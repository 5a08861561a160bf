"""Numbers of time steps as a user writes them: "4", "1,2,4" or "1..8"."""

from __future__ import annotations

import re

from spikeformers.errors import InputError

MOST = 1000


def parse_time_steps(text: str) -> tuple[int, ...]:
    """Return the numbers that the text names, in its order, each once.

    >>> parse_time_steps("1..4"), parse_time_steps("1,2,8"), parse_time_steps("4")
    ((1, 2, 3, 4), (1, 2, 8), (4,))

    Raises:
        InputError: the text is none of these, or a number is not 1 to 1000.
    """
    numbers: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,9})(?:\s*\.\.\s*(\d{1,9}))?\s*", part, re.ASCII)
        if not found:
            raise InputError(f"--time-steps {text!r} cannot be read. Write a number, a list (1,2,4) or a range (1..8).")
        first, last = int(found[1]), int(found[2] or found[1])
        if not 1 <= first <= last <= MOST:
            raise InputError(f"--time-steps {text!r}: expected numbers from 1 to {MOST}, the smaller one first.")
        numbers += range(first, last + 1)
    return tuple(dict.fromkeys(numbers))
