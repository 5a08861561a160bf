"""The events of a recording as points in space and time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from spikeformers.report.figures.event_frames import OFF, ON
from spikeformers.report.figures.panels import entitle, lines_of
from spikeformers.report.style import GRID, picture
from spikeformers.report.text import count

if TYPE_CHECKING:
    from spikeformers.data.events.array import Events, Sensor

MOST = 12_000  # points; more only hide each other
WIDTH_OF_IT, HEIGHT = 6.8, 3.7  # inches
SHARPNESS = 200  # dots per inch of the points, which are pixels also in SVG: paths of their own would be megabytes


def point_cloud(events: Events, sensor: Sensor, on: str = "") -> Figure:
    """Every event a point: time from left to right, and the picture plane across.

    Args:
        events: in the order of time; of very many every n-th is drawn.
        sensor: of one row (an ear, not an eye): channels are drawn over time in the plane.
        on: what the recording is, in words.
    """
    every = max(1, math.ceil(len(events) / MOST))
    shown = events[::every]
    note = _note(len(events), every, on)
    flat = sensor.height == 1

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Events in space and time", note, WIDTH_OF_IT)
        (_plane if flat else _space)(figure, shown, sensor)
        marks = [("brighter (ON)", ON), ("darker (OFF)", OFF)] if sensor.polarities == 2 else [("event", ON)]
        handles = [Line2D([], [], color=ink, marker="o", linestyle="none", label=word) for word, ink in marks]
        figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=8)

    made = picture(WIDTH_OF_IT, HEIGHT + 0.14 * lines_of(note, WIDTH_OF_IT), draw)
    made.set_dpi(SHARPNESS)
    return made


def _space(figure: FigureBase, events: Events, sensor: Sensor) -> None:
    axes: Any = figure.add_subplot(projection="3d")
    axes.scatter(
        _milliseconds(events), events["x"], events["y"], c=_inks(events, sensor), s=2.5, alpha=0.7, linewidths=0,
        depthshade=False, rasterized=True,
        clip_on=False,  # zoomed in, the box is wider than the place it is clipped to
    )  # fmt: skip
    axes.set_box_aspect((2.1, 1, max(0.35, min(1.05, sensor.height / sensor.width))), zoom=1.4)
    axes.view_init(elev=16, azim=-62)
    axes.set(ylim=(0, sensor.width - 1), zlim=(sensor.height - 1, 0))
    axes.set_xlabel("time, ms", fontsize=8, labelpad=8)
    axes.set_ylabel("x, pixels", fontsize=8, labelpad=0)
    axes.set_zlabel("y, pixels", fontsize=8, labelpad=-2)
    for axis, most in ((axes.xaxis, 6), (axes.yaxis, 3), (axes.zaxis, 3)):
        # Those of a locator may lie outside, where their labels are not drawn but take room all the same.
        low, high = sorted(axis.get_view_interval())
        axis.set_ticks([each for each in MaxNLocator(most, integer=True).tick_values(low, high) if low <= each <= high])
        axis.pane.set(facecolor="none", edgecolor=GRID)
        axis.set_tick_params(labelsize=7.5, pad=-1)


def _plane(figure: FigureBase, events: Events, sensor: Sensor) -> None:
    axes = figure.subplots()
    axes.scatter(_milliseconds(events), events["x"], c=_inks(events, sensor), s=2, linewidths=0, rasterized=True)
    axes.set(xlabel="time, ms", ylabel="channel", ylim=(-0.5, sensor.width - 0.5))


def _milliseconds(events: Events) -> NDArray[np.float64]:
    """Since the first event: clocks of cameras begin anywhere."""
    times: NDArray[np.float64] = (events["t"] - events["t"][:1]) / 1000
    return times


def _inks(events: Events, sensor: Sensor) -> list[str]:
    return [ON if brighter or sensor.polarities == 1 else OFF for brighter in (events["p"] == 1).tolist()]


def _note(known: int, every: int, on: str) -> str:
    words = (
        f"A point is an event, of {count(known)}. "
        if every == 1
        else f"A point is an event, one in {every} of {count(known)}. "
    )
    return f"{words}Time is counted from the first of them. {f'Input: {on}.' if on else ''}".strip()
