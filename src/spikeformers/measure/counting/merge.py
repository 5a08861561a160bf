"""Putting the counts of several batches together."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from spikeformers.layers.values import Kind
from spikeformers.measure.counting.counts import Count, Seen

_WIDER: tuple[Kind, ...] = ("binary", "ternary", "integer", "real")
_SUMMED = (
    "dense",
    "dense_padded",
    "nonzero",
    "binary_calls",
    "calls",
    "neurobench_acs",
    "neurobench_macs",
    "weights_read",
    "inputs",
    "outputs",
    "membranes",
    "silent",
)


def merged(one: Count, other: Count) -> Count:
    """The same call of the same operation over the samples of both."""
    events = None if one.events is None or other.events is None else one.events + other.events
    by_step = None
    if one.events_by_step is not None and other.events_by_step is not None:
        by_step = _added(one.events_by_step, other.events_by_step)
    return replace(
        one,
        **{word: getattr(one, word) + getattr(other, word) for word in _SUMMED},
        time_steps=max(one.time_steps, other.time_steps),
        events=events,
        nonzero_by_step=_added(one.nonzero_by_step, other.nonzero_by_step),
        events_by_step=by_step,
        seen=tuple(map(_seen_in_both, one.seen, other.seen)),
    )


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Step by step; one batch of event frames may have more of them."""
    return tuple(a + b for a, b in zip_longest(one, other, fillvalue=0))


def _seen_in_both(one: Seen, other: Seen) -> Seen:
    kind = max(one.kind, other.kind, key=_WIDER.index)
    return replace(
        one,
        kind=kind,
        highest=None if one.highest is None or other.highest is None else max(one.highest, other.highest),
        total=None if one.total is None or other.total is None else one.total + other.total,
        zeros=one.zeros + other.zeros,
        elements=one.elements + other.elements,
    )
