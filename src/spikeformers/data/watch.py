"""How whoever loads a data set hears of what takes long and what went another way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _ignore_progress(what: str, done: int, total: int) -> None:
    pass


def _ignore_note(text: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Called while a data set is loaded.

    Attributes:
        progress: with what is being decoded, how many pictures are done, and of how many.
        note: with a sentence for the user: something went another way than planned, and loading goes on.
    """

    progress: Callable[[str, int, int], None] = _ignore_progress
    note: Callable[[str], None] = _ignore_note
