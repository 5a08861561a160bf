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
    kinds = {_emits(layer) for layer in statistics.layers}
    dynamic = any(layer.live_steps is not None for layer in statistics.layers)
    headers = ["layer", *["emits"] * (len(kinds) > 1), ">rate", ">±", *["by time step"] * (steps > 1)]
    headers += [">live steps"] * dynamic
    table = new_table(*headers, ">neurons", ">never", ">always")
    table.columns[0].no_wrap = False  # names break on a narrow terminal before figures are lost
    for layer in statistics.layers:
        cells: dict[str, RenderableType] = {
            "layer": Text(layer_label(layer.name, layer.call)),
            "emits": _emits(layer),
            ">rate": _rate(layer.rate, statistics.graded),
            ">±": UNKNOWN if layer.deviation is None else _rate(layer.deviation, statistics.graded),
            "by time step": _over_time(layer.rate_by_step, statistics.graded),
            ">live steps": UNKNOWN if layer.live_steps is None else f"{len(layer.live_steps)} of {layer.time_steps}",
        }
        shares = (percent(part / layer.neurons, 1) for part in (layer.dead_neurons, layer.saturated_neurons))
        table.add_row(*(cells[header] for header in headers), count(layer.neurons), *shares)
    whole = {"layer": Text("all layers", "bold"), ">rate": Text(_rate(statistics.rate, statistics.graded), "bold")}
    shares = (percent(part, 1) for part in (statistics.dead, statistics.saturated))
    table.add_row(*(whole.get(header, "") for header in headers), count(statistics.neurons), *shares)
    return Group(heading(f"Firing: {label}, on {on}"), table, Text(_legend(statistics, kinds), "dim"))


def _emits(layer: LayerFiring) -> str:
    return layer.values.partition(" times ")[0]  # the constant factor is no matter of spikes


def _over_time(rates: Sequence[float], graded: bool) -> Text:
    if len(rates) <= NUMBERS:
        return Text(" ".join(f"{_rate(rate, graded):>4}" for rate in rates), no_wrap=True)
    return Text(sketch(rates, width=min(len(rates), WIDEST), height=1)[0], "blue", no_wrap=True)


def _rate(rate: float, graded: bool) -> str:
    return f"{rate:.2f}" if graded else f"{100 * rate:.1f}"


def _legend(statistics: FiringStatistics, kinds: set[str]) -> str:
    unit = "" if statistics.graded else ", in %"
    words = [f"rate: spikes per neuron and time step{unit}, and its standard deviation between samples"]
    if statistics.graded:
        words.append("an integer n counts as n spikes")
    if "real" in kinds:
        words.append("layers with real outputs have no spikes: theirs is the share of outputs other than zero")
    words.append("never, always: the share of neurons that fired at no time step of any sample, or at every one")
    words.append("a neuron is a channel at a position")
    if any(layer.live_steps is not None for layer in statistics.layers):
        words.append("live steps: those at which the layer has learned to put anything out")
    if len(kinds) == 1:
        words.append(f"all outputs are {kinds.pop()}")
    return "; ".join(words) + "."


def firing_rows(statistics: Mapping[str, FiringStatistics]) -> Iterator[dict[str, Any]]:
    """A row for each model and layer, for a table of a spreadsheet; `statistics` maps a label to the model's."""
    for label, each in statistics.items():
        for layer in each.layers:
            yield {"model": label, "samples": each.samples, **_row(layer)}


def _row(layer: LayerFiring) -> dict[str, Any]:
    words = (
        "call", "values", "time_steps", "channels", "positions", "neurons", "spikes", "elements", "rate", "deviation",
        "rate_by_step", "dead_channels", "dead_neurons", "saturated_channels", "saturated_neurons", "v_threshold",
        "live_steps",
    )  # fmt: skip
    return {"layer": layer.name, **{word: getattr(layer, word) for word in words}}
