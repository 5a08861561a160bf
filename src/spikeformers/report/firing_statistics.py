"""Firing statistics as a terminal table, and as rows of a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import heading, new_table
from spikeformers.report.sketch import sketch
from spikeformers.report.text import UNKNOWN, count, layer_label, percent

if TYPE_CHECKING:
    from spikeformers.measure import FiringStatistics, LayerFiring

NUMBERS, WIDEST = 6, 24  # time steps that are told in numbers; letters of a sketch of more


def firing_statistics(statistics: FiringStatistics, label: str, on: str) -> RenderableType:
    """One line for each neuron layer, in order of execution, and one for all of them.

    Args:
        statistics: of a data set.
        label: of the model.
        on: what it was measured on, in words.
    """
    steps = max((layer.time_steps for layer in statistics.layers), default=1)
    unit = "" if statistics.graded else ", in %"
    by_step = [f"by time step{unit if steps <= NUMBERS else ''}"] if steps > 1 else []
    table = new_table(
        "layer", "emits", f">rate{unit}", ">± samples", *by_step, ">neurons", ">never fire", ">always fire"
    )
    for layer in statistics.layers:
        over_time: list[RenderableType] = [_over_time(layer.rate_by_step, statistics.graded)] if by_step else []
        table.add_row(
            Text(layer_label(layer.name, layer.call)),
            layer.values.partition(" times ")[0],
            _rate(layer.rate, statistics.graded),
            UNKNOWN if layer.deviation is None else _rate(layer.deviation, statistics.graded),
            *over_time,
            count(layer.neurons),
            percent(layer.dead_neurons / layer.neurons, 1),
            percent(layer.saturated_neurons / layer.neurons, 1),
        )
    whole = Text(_rate(statistics.rate, statistics.graded), "bold")
    shares = (percent(statistics.dead, 1), percent(statistics.saturated, 1))
    table.add_row(Text("all layers", "bold"), "", whole, *[""] * (1 + len(by_step)), count(statistics.neurons), *shares)
    return Group(heading(f"Firing: {label}, on {on}"), table, Text(_legend(statistics), "dim"))


def _over_time(rates: Sequence[float], graded: bool) -> Text:
    if len(rates) <= NUMBERS:
        return Text(" ".join(f"{_rate(rate, graded):>4}" for rate in rates), no_wrap=True)
    return Text(sketch(rates, width=min(len(rates), WIDEST), height=1)[0], "blue", no_wrap=True)


def _rate(rate: float, graded: bool) -> str:
    return f"{rate:.2f}" if graded else f"{100 * rate:.1f}"


def _legend(statistics: FiringStatistics) -> str:
    words = ["rate: spikes per neuron and time step, its standard deviation between samples beside it"]
    if statistics.graded:
        words.append("an integer n counts as n spikes")
    if any(layer.values == "real" for layer in statistics.layers):
        words.append("layers with real outputs have no spikes: theirs is the share of outputs other than zero")
    words.append("a neuron is a channel at a position; never and always: in these samples")
    return "; ".join(words)


def firing_rows(statistics: Mapping[str, FiringStatistics]) -> Iterator[dict[str, Any]]:
    """A row for each model and layer, for a table of a spreadsheet; `statistics` maps a label to the model's."""
    for label, each in statistics.items():
        for layer in each.layers:
            yield {"model": label, "samples": each.samples, **_row(layer)}


def _row(layer: LayerFiring) -> dict[str, Any]:
    words = (
        "call", "values", "time_steps", "channels", "positions", "neurons", "spikes", "elements", "rate", "deviation",
        "rate_by_step", "dead_channels", "dead_neurons", "saturated_channels", "saturated_neurons", "v_threshold",
    )  # fmt: skip
    return {"layer": layer.name, **{word: getattr(layer, word) for word in words}}
