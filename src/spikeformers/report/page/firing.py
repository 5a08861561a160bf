"""Firing on the page: rates by layer and time step, silent neurons, potentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeformers.report.figures.firing import channel_rates, firing_heat_map, neuron_states
from spikeformers.report.figures.layers import layer
from spikeformers.report.figures.membranes import membrane_histograms
from spikeformers.report.page.html import Content, Markup
from spikeformers.report.page.parts import Cell, Row, Sheet, call_of, code, details, paragraph, table
from spikeformers.report.samples import Noun
from spikeformers.report.text import UNKNOWN, count, percent

if TYPE_CHECKING:
    from spikeformers.measure import FiringStatistics, LayerFiring
    from spikeformers.report.page.study import Study


def section(study: Study, sheet: Sheet) -> Content:
    """How sparse it is, layer by layer."""
    fired, noun = study.statistics, study.noun
    busiest, quietest = max(fired.layers, key=_rate), min(fired.layers, key=_rate)
    heat = sheet.place(
        "firing-heat-map",
        firing_heat_map(fired, study.on),
        title="Firing rate by layer and time step",
        caption="How often the neurons of each layer fire: rows are layers from input to output, columns time steps, "
        "the last column their mean. The stronger the colour, the more spikes.",
        description=f"Busiest: {busiest.name}; quietest: {quietest.name}.",
        beside=True,
    )
    states = sheet.place(
        "silent-neurons",
        neuron_states(fired, study.on),
        title="Neurons that never or always fire",
        caption=f"The share of each layer's neurons that never fired on these {noun.many} (orange) or fired at "
        f"every time step (yellow). Other {noun.many} may wake a silent neuron.",
        description=f"{percent(fired.dead, 1)} of all neurons never fired, {percent(fired.saturated, 1)} always.",
        beside=True,
    )
    return [
        paragraph(
            f"Mean over {count(fired.neurons)} neurons and all time steps: {rate_words(fired)}. Busiest is ",
            code(layer(busiest.name)),
            f" ({rate(fired, busiest.rate)}), quietest ",
            code(layer(quietest.name)),
            f" ({rate(fired, quietest.rate)}). On {study.on}, {percent(fired.dead, 1)} of all neurons never fired and "
            f"{percent(fired.saturated, 1)} fired at every time step of every {noun.one}.",
        ),
        heat,
        states,
        _membranes(study, sheet),
        details("How the channels of a layer differ", _channels(study, sheet)),
        details("Every layer in numbers", _every(fired, noun)),
    ]


def graded(fired: FiringStatistics) -> bool:
    """Whether a neuron may emit more than one spike at a time step, so that percent would mislead."""
    return any(each.values.startswith("integer") for each in fired.layers)


def rate(fired: FiringStatistics, value: float) -> str:
    """A firing rate in figures."""
    return f"{value:.2f}" if graded(fired) else percent(value, 1)


def rate_words(fired: FiringStatistics) -> str:
    """The mean rate with its unit, to stand in a sentence."""
    if graded(fired):
        return f"a neuron emits {fired.rate:.2f} spikes in a time step (an integer n counts as n)"
    if fired.layers and all(each.values == "real" for each in fired.layers):
        return f"{percent(fired.rate, 1)} of the outputs of its activations are not zero (it has no spikes)"
    return f"a neuron fires at {percent(fired.rate, 1)} of the time steps"


def _rate(each: LayerFiring) -> float:
    return each.rate


def _membranes(study: Study, sheet: Sheet) -> Content:
    if not any(each.membrane is not None and each.membrane.total for each in study.statistics.layers):
        return None
    return sheet.place(
        "membrane-potentials",
        membrane_histograms(study.statistics, study.on),
        title="Membrane potentials right before firing",
        caption="One panel for each layer; what lies at or above the threshold fires. A number with an arrow is the "
        "share of a bar that is too tall to draw.",
        description="Histograms in units of the threshold, all time steps together.",
    )


def _channels(study: Study, sheet: Sheet) -> Markup:
    return sheet.place(
        "channel-rates",
        channel_rates(study.statistics, study.on),
        title="Firing rates of the channels of every layer",
        caption="A wide spread means that a layer's mean says little about its channels.",
        description="Quietest, median and busiest channel of every layer.",
    )


def _every(fired: FiringStatistics, noun: Noun) -> Markup:
    rows: list[Row] = [
        [
            call_of(each.name, each.call),
            each.values,
            Cell(count(each.neurons), each.neurons),
            Cell(rate(fired, each.rate), each.rate),
            Cell(UNKNOWN if each.deviation is None else rate(fired, each.deviation), each.deviation or 0.0),
            Cell(count(each.dead_neurons), each.dead_neurons),
            Cell(count(each.saturated_neurons), each.saturated_neurons),
            Cell(f"{count(each.dead_channels)} of {count(each.channels)}", each.dead_channels),
        ]
        for each in fired.layers
    ]
    headers = ["layer", "emits", ">neurons", ">rate", f">± between {noun.many}", ">never fired", ">always fired"]
    return table([*headers, ">channels that never fired"], rows)
