"""Histograms of membrane potentials, in units of the threshold, exact and of a fixed size however much data comes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from spikeformers.errors import InputError

LOWEST, BEYOND = -4, 3  # thresholds: the lowest edge, and how far the highest is above where a neuron fires all it can


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many values lie between two edges; an edge belongs to what is above it, as a threshold that is reached does.

    Args:
        edges: n + 1, rising.
        counts: n.
        below, above: how many lie below the first edge, and at or above the last one.
        undefined: how many are no number.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int
    above: int
    undefined: int = 0

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.counts) + self.below + self.above + self.undefined

    def reaching(self, edge: float) -> int:
        """How many values are at or above one of the edges.

        Raises:
            InputError: that is no edge.
        """
        if edge not in self.edges:
            raise InputError(f"{edge} is no edge of this histogram; they are {', '.join(map(str, self.edges))}.")
        return sum(self.counts[self.edges.index(edge) :]) + self.above

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def threshold_edges(v_threshold: float, highest: int, bins: int) -> tuple[float, ...]:
    """Edges of about `bins` equal bins, from four thresholds below zero to three above what fires all a neuron can.

    They are fixed before any data is seen, so that batches add up, whatever their size. An even number of them makes
    up a threshold: all its multiples are edges, and the halves at which an integer neuron rounds.

    Args:
        v_threshold: the threshold.
        highest: the most spikes of one time step: 1 of a binary neuron.
        bins: how many.
    """
    span = highest + BEYOND - LOWEST
    each = max(2, 2 * round(bins / span / 2))
    return tuple(v_threshold * (step / each) for step in range(LOWEST * each, (highest + BEYOND) * each + 1))


class HistogramTally:
    """A histogram that grows."""

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.edges = edges
        self._bins: Tensor | int = 0  # below, between the edges, above, undefined

    def add(self, values: Tensor) -> None:
        """Sort values of any shape in."""
        # The edges are rounded as the neuron's threshold is; half precision is then compared in float32.
        edges = torch.tensor(self.edges, dtype=values.dtype, device=values.device)
        if values.dtype in (torch.float16, torch.bfloat16):
            edges, values = edges.float(), values.float()
        values = values.contiguous()
        index = torch.bucketize(values, edges, right=True, out_int32=True)
        index.masked_fill_(values.isnan(), len(self.edges) + 1)
        self._bins = self._bins + torch.bincount(index.flatten(), minlength=len(self.edges) + 2)

    def histogram(self) -> Histogram:
        """All of them."""
        bins = self._bins.tolist() if isinstance(self._bins, Tensor) else [0] * (len(self.edges) + 2)
        below, *counts, above, undefined = bins
        return Histogram(edges=self.edges, counts=tuple(counts), below=below, above=above, undefined=undefined)
