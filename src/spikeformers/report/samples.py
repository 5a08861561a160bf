"""What the samples of a data set are called in tables, pictures and on the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Noun(NamedTuple):
    """One of them, and many."""

    one: str
    many: str
    short: str  # where a line is narrow

    def counted(self, number: int) -> str:
        """The word that stands behind a number of them."""
        return self.one if number == 1 else self.many


IMAGE = Noun("image", "images", "img")
RECORDING = Noun("recording", "recordings", "rec")
SAMPLE = Noun("sample", "samples", "smp")


def noun_of(dataset: str) -> Noun:
    """Return what the samples of the data set of this name are called."""
    from spikeformers.data import holds_events  # only whoever has loaded data asks

    return RECORDING if holds_events(dataset) else IMAGE


def shared(nouns: Iterable[Noun]) -> Noun:
    """Return the word for several data sets together."""
    known = set(nouns)
    return known.pop() if len(known) == 1 else SAMPLE
