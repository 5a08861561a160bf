"""Examples on the page: what neurons and attentions do for single images or recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikeformers.report.figures.attention import attention_by_step, attention_over_inputs
from spikeformers.report.figures.rasters import spike_rasters
from spikeformers.report.page import recordings
from spikeformers.report.page.html import Content
from spikeformers.report.page.parts import Sheet, details, paragraph
from spikeformers.report.text import percent

if TYPE_CHECKING:
    from spikeformers.report.page.study import Study
    from spikeformers.report.results import Tile


def section(study: Study, sheet: Sheet) -> Content:
    """Single samples; they illustrate and prove nothing."""
    first, noun = study.tiles[0], study.noun
    raster = sheet.place(
        "spike-rasters",
        spike_rasters(study.rasters, f"a test {noun.one} of {study.dataset}, {_in_words(first)}"),
        title=f"Spikes for one {noun.one}",
        caption="Every dash is a spike. Neurons are drawn at random with seed 0, whether they fire or not.",
        description=f"{len(study.rasters)} layers over {study.time_steps} time steps.",
    )
    return [
        paragraph(
            f"The first {len(study.tiles)} of the {noun.many} looked at, not chosen for their looks: ",
            "; ".join(_in_words(tile) for tile in study.tiles),
            f". Single {noun.many} illustrate; they prove nothing.",
        ),
        recordings.shown(study, sheet),
        _attention(study, sheet),
        raster,
        _steps(study, sheet),
    ]


def _attention(study: Study, sheet: Sheet) -> Content:
    shown = [each for each in study.attention if each.over != "time"]
    if not shown:
        return paragraph("This network has no attention over places that could be drawn.")
    images, noun = np.stack([tile.image for tile in study.tiles]), study.noun
    return sheet.place(
        "attention",
        attention_over_inputs(images, study.attention, f"test {noun.many} of {study.dataset}"),
        title="Where attention goes",
        caption=f"One row for each {noun.one}, one column for each attention of the network. Orange is attention, laid "
        f"over the {noun.one} that was seen.",
        description=f"{len(shown)} attentions over {len(images)} {noun.many}.",
        beside=True,
    )


def _steps(study: Study, sheet: Sheet) -> Content:
    if not study.attention or study.time_steps == 1:
        return None
    first, noun = study.tiles[0], study.noun
    on = f"a test {noun.one} of {study.dataset}"
    steps = sheet.place(
        "attention-by-step",
        attention_by_step(first.image, study.attention, 0, on, steps_seen=recordings.by_step(first)),
        title="Where attention goes, time step by time step",
        caption=f"The first {noun.one}. One row for each attention, one column for each time step.",
        description=f"{len(study.attention)} attentions over {study.time_steps} time steps.",
    )
    return details("Attention, time step by time step", steps)


def _in_words(tile: Tile) -> str:
    taken = "recognised" if tile.label == tile.predicted else f"taken for {tile.predicted!r}"
    return f"{tile.label!r} ({taken}, probability {percent(tile.probability, 0)})"
