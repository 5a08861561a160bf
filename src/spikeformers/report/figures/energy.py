"""Energy, drawn: conventions side by side, and layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure, FigureBase

from spikeformers.report.figures.layers import by_layer
from spikeformers.report.samples import IMAGE, Noun
from spikeformers.report.style import COLOURS, QUIET, colour, picture
from spikeformers.report.text import joules

if TYPE_CHECKING:
    from spikeformers.measure import Energy, Form

MOST_LAYERS = 40
LEAST = 0.0005  # share below which a layer would be drawn as 0.0 %
PARTS = ("compute", "memory")
COMPUTE, MEMORY = COLOURS[0], COLOURS[5]


def energy_by_convention(forms: Sequence[Form], noun: Noun = IMAGE) -> Figure:
    """One group of bars for each convention, one bar for each form of the model."""
    conventions = [each.convention for each in forms[0].energies]
    height = 1.0 + 0.34 * len(conventions) * len(forms)

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        thick = 0.8 / len(forms)
        for index, form in enumerate(forms):
            places = [place + (index - (len(forms) - 1) / 2) * thick for place in range(len(conventions))]
            values = [each.millijoules for each in form.energies]
            bars = axes.barh(places, values, height=0.9 * thick, color=colour(index), label=form.label)
            axes.bar_label(bars, [joules(value) for value in values], padding=3, fontsize=9, color=QUIET)
        axes.set_yticks(range(len(conventions)), conventions)
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.set(title=f"Energy of one {noun.one}", xticklabels=[])
        axes.tick_params(axis="x", length=0)
        axes.margins(x=0.2)
        if len(forms) > 1:
            figure.legend(loc="outside lower left", ncols=len(forms))

    return picture(5.2, height + (0.3 if len(forms) > 1 else 0), draw)


def energy_by_layer(energies: Sequence[Energy]) -> Figure:
    """One panel for each convention, one bar for each layer, on scales of their own; shares are of the whole model."""
    layers = _charged(energies)

    def draw(figure: FigureBase) -> None:
        panels = figure.subplots(1, len(energies), sharey=True, squeeze=False)[0]
        for axes, energy in zip(panels, energies, strict=True):
            groups = by_layer(energy.rows, MOST_LAYERS)
            compute, memory = ([sum(getattr(row, word) for row in groups[name]) for name in layers] for word in PARTS)
            total = energy.millijoules * 1e9 or 1.0
            bars = axes.barh(range(len(layers)), compute, height=0.72, color=COMPUTE)
            if any(memory):
                bars = axes.barh(range(len(layers)), memory, left=compute, height=0.72, color=MEMORY)
            shares = [f"{100 * (one + other) / total:.1f} %" for one, other in zip(compute, memory, strict=True)]
            axes.bar_label(bars, shares, padding=3, fontsize=8, color=QUIET)
            axes.set(title=f"{energy.convention}: {joules(energy.millijoules)}", xticklabels=[])
            axes.tick_params(axis="x", length=0)
            axes.grid(visible=False)
            axes.margins(x=0.28, y=0.01)
        panels[0].set_yticks(range(len(layers)), layers, fontsize=8)
        panels[0].invert_yaxis()

    return picture(10.2, 0.9 + 0.215 * len(layers), draw)


def _charged(energies: Sequence[Energy]) -> list[str]:
    """Layers that are not next to nothing in every convention."""
    all_groups = [(by_layer(energy.rows, MOST_LAYERS), energy.millijoules * 1e9) for energy in energies]
    return [
        name
        for name in all_groups[0][0]
        if any(sum(row.picojoules for row in groups[name]) > LEAST * total for groups, total in all_groups)
    ]
