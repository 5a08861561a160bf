"""Results as pictures: learning curves, firing rates, predictions, and a page that joins them.

Every `draw_` function fills a figure or a part of one, so that a picture can stand alone or join a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from spikeformers.report.style import QUIET, RIGHT, WRONG, as_percent, colour, picture
from spikeformers.report.text import percent

if TYPE_CHECKING:
    from spikeformers.measure import Firing
    from spikeformers.report.results import Portrait, Tile
    from spikeformers.train.result import EpochLog, EvalPart

_TRAINING: dict[str, Any] = {"linestyle": "--", "linewidth": 1.2, "alpha": 0.7}


def learning_curves(runs: Mapping[str, Sequence[EpochLog]], part: EvalPart = "test") -> Figure:
    """Loss and accuracy over epochs, one colour per run.

    Args:
        runs: from a label to the run's log.
        part: of the data on which the epochs were judged.
    """
    return picture(10, 3.8, lambda figure: draw_learning_curves(figure, runs, part))


def firing_rates(models: Mapping[str, Sequence[Firing]]) -> Figure:
    """Firing rate of every layer, one panel per model; `models` maps a label to the model's rows."""
    width = 5.5 * max(1, len(models))
    return picture(width, _height_of_bars(models), lambda figure: draw_firing_rates(figure, models))


def predictions(title: str, tiles: Sequence[Tile], columns: int = 8) -> Figure:
    """Images with the class a model gives them."""
    lines = -(-len(tiles) // columns)
    return picture(1.1 * columns, 0.5 + 1.5 * lines, lambda figure: draw_predictions(figure, title, tiles, columns))


def draw_learning_curves(figure: FigureBase, runs: Mapping[str, Sequence[EpochLog]], part: EvalPart) -> None:
    """Draw loss on the left and accuracy on the right: the eval part solid, training dashed."""
    loss, accuracy = figure.subplots(1, 2)
    for index, epochs in enumerate(runs.values()):
        x = [log.epoch for log in epochs]
        _pair(loss, x, [log.eval_loss for log in epochs], [log.train_loss for log in epochs], index)
        _pair(accuracy, x, [log.eval_accuracy for log in epochs], [log.train_accuracy for log in epochs], index)
    loss.set(title="Loss", xlabel="epoch", ylabel="cross-entropy")
    loss.set_ylim(0, 1.1 * loss.dataLim.y1 if loss.has_data() else 1)
    accuracy.set(title="Accuracy", xlabel="epoch")
    as_percent(accuracy, "y")
    for axes in (loss, accuracy):
        axes.set_xlim(0, 1.03 * max((log.epoch for epochs in runs.values() for log in epochs), default=1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    lines = [Line2D([], [], color=colour(index), label=label) for index, label in enumerate(runs)]
    accuracy.legend(handles=lines, loc="lower right")
    kinds = [
        Line2D([], [], color=QUIET, label=part),
        Line2D([], [], **_TRAINING, color=QUIET, label="training (as optimised)"),
    ]
    loss.legend(handles=kinds, loc="upper right")


def draw_firing_rates(figure: FigureBase, models: Mapping[str, Sequence[Firing]]) -> None:
    """Draw one panel of bars per model, in execution order from top to bottom, on a common scale."""
    panels = figure.subplots(1, max(1, len(models)), squeeze=False, sharex=True)[0]
    for index, (axes, (label, rows)) in enumerate(zip(panels, models.items(), strict=False)):
        rates = [row.rate for row in rows]
        bars = axes.barh(range(len(rows)), rates, color=colour(index), height=0.75)
        axes.bar_label(bars, [percent(rate, 1) for rate in rates], padding=3, fontsize=8, color=QUIET)
        axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.15, y=0.01)
        axes.set(title=f"Firing rate per layer: {label}", xlabel="spikes per neuron and time step")
        as_percent(axes, "x")


def draw_predictions(figure: FigureBase, title: str, tiles: Sequence[Tile], columns: int) -> None:
    """Draw the images in reading order, each above its predicted class; a wrong one also names the true class."""
    figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    cells = figure.subplots(max(1, -(-len(tiles) // columns)), columns, squeeze=False).flat
    for axes, tile in zip(cells, [*tiles, *[None] * len(cells)], strict=False):
        axes.set(xticks=[], yticks=[])
        if tile is None:
            axes.axis("off")
        else:
            _tile(axes, tile)


def _pair(axes: Axes, x: Sequence[int], held_out: Sequence[float], training: Sequence[float], index: int) -> None:
    # A single epoch is a point, which a line without markers would not show.
    marker = "o" if len(x) == 1 else None
    axes.plot(x, training, color=colour(index), marker=marker, **_TRAINING)
    axes.plot(x, held_out, color=colour(index), marker=marker)


def _tile(axes: Axes, tile: Tile) -> None:
    image = tile.image.transpose(1, 2, 0)
    # Grey is drawn as ink on paper; without limits each image would be stretched to a contrast of its own.
    axes.imshow(image if image.shape[2] == 3 else image.mean(2), cmap="gray_r", vmin=0, vmax=255)
    right = tile.predicted == tile.label
    ink = RIGHT if right else WRONG
    verdict = f"{tile.predicted}  {percent(tile.probability, 0)}"
    axes.set_xlabel(verdict if right else f"{verdict}\nis {tile.label}", color=ink, fontsize=8, labelpad=3)
    for spine in axes.spines.values():
        spine.set(visible=True, color=ink, linewidth=1 if right else 2.5)


def portraits(models: Sequence[Portrait], *, caption: str, columns: int = 8) -> Figure:
    """How models learned, how sparsely they fire, and what they say about images: one page.

    Args:
        models: at least one, each with as many tiles as the others, all judged on the same part of the data.
        caption: what the tiles are, written above each model's.
        columns: tiles in a line.
    """
    heights = (3.8, _height_of_bars({model.label: model.firing for model in models}), 2.6)

    def draw(figure: FigureBase) -> None:
        top, middle, bottom = figure.subfigures(3, 1, squeeze=False, height_ratios=heights, hspace=0.04)[:, 0]
        draw_learning_curves(top, {model.label: model.run.epochs for model in models}, models[0].run.eval_part)
        draw_firing_rates(middle, {model.label: model.firing for model in models})
        parts = bottom.subfigures(1, len(models), squeeze=False, wspace=0.04)[0]
        for part, model in zip(parts, models, strict=True):
            draw_predictions(part, f"{model.label}: {caption}", model.tiles, columns)

    return picture(5.8 * len(models), sum(heights), draw)


def _height_of_bars(models: Mapping[str, Sequence[Firing]]) -> float:
    return 1.2 + 0.24 * max((len(rows) for rows in models.values()), default=0)
