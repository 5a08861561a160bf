"""What a figure shows, read from the figure."""

from __future__ import annotations

from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def texts(figure):
    """Every visible text of a figure with its place in pixels."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    hidden = {label for axes in figure.findobj(Axes) for label in undrawn_labels(axes)}
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text().strip())
    shown = [text for text in found if text.get_visible() and text not in hidden]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in shown]


def undrawn_labels(axes):
    """Labels of ticks outside the limits of an axis: matplotlib keeps them but does not draw them."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)


def check_texts(figure):
    """No text overlaps another or leaves the page."""
    placed = texts(figure)
    width, height = figure.canvas.get_width_height()
    for text, box in placed:
        assert -1 <= box.x0 <= box.x1 <= width + 1, text
        assert -1 <= box.y0 <= box.y1 <= height + 1, text
    for (one, box), (other, rival) in combinations(placed, 2):
        inner = Bbox.intersection(box, rival)
        assert inner is None or inner.width < 1 or inner.height < 1, (one, other)
