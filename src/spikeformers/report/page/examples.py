"""Examples on the page: what neurons and attentions do for single images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikeformers.report.figures.attention import attention_by_step, attention_over_inputs
from spikeformers.report.figures.rasters import spike_rasters
from spikeformers.report.page.html import Content
from spikeformers.report.page.parts import Sheet, details, paragraph
from spikeformers.report.text import percent

if TYPE_CHECKING:
    from spikeformers.report.page.study import Study
    from spikeformers.report.results import Tile


def section(study: Study, sheet: Sheet) -> Content:
    """Single images; they illustrate and prove nothing."""
    first = study.tiles[0]
    raster = sheet.place(
        "spike-rasters",
        spike_rasters(study.rasters, f"a test image of {study.dataset}, {_in_words(first)}"),
        title="Spikes for one image",
        caption="Every dash is a spike. Neurons are drawn at random with seed 0, whether they fire or not.",
        description=f"{len(study.rasters)} layers over {study.time_steps} time steps.",
    )
    return [
        paragraph(
            f"The first {len(study.tiles)} of the images looked at, not chosen for their looks: ",
            "; ".join(_in_words(tile) for tile in study.tiles),
            ". Single images illustrate; they prove nothing.",
        ),
        _attention(study, sheet),
        raster,
        _steps(study, sheet),
    ]


def _attention(study: Study, sheet: Sheet) -> Content:
    shown = [each for each in study.attention if each.over != "time"]
    if not shown:
        return paragraph("This network has no attention over places that could be drawn.")
    images = np.stack([tile.image for tile in study.tiles])
    return sheet.place(
        "attention",
        attention_over_inputs(images, study.attention, f"test images of {study.dataset}"),
        title="Where attention goes",
        caption="One row for each image, one column for each attention of the network. Orange is attention, laid over "
        "the image that was seen.",
        description=f"{len(shown)} attentions over {len(images)} images.",
        beside=True,
    )


def _steps(study: Study, sheet: Sheet) -> Content:
    if not study.attention or study.time_steps == 1:
        return None
    steps = sheet.place(
        "attention-by-step",
        attention_by_step(study.tiles[0].image, study.attention, 0, f"a test image of {study.dataset}"),
        title="Where attention goes, time step by time step",
        caption="The first image. One row for each attention, one column for each time step.",
        description=f"{len(study.attention)} attentions over {study.time_steps} time steps.",
    )
    return details("Attention, time step by time step", steps)


def _in_words(tile: Tile) -> str:
    taken = "recognised" if tile.label == tile.predicted else f"taken for {tile.predicted!r}"
    return f"{tile.label!r} ({taken}, probability {percent(tile.probability, 0)})"
