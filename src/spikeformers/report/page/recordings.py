"""Recordings of events on the page: frames, points in space and time, and the network at work beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikeformers.report.figures.event_cloud import point_cloud
from spikeformers.report.figures.event_firing import firing_film, firing_strip
from spikeformers.report.figures.event_frames import event_frames, event_pictures
from spikeformers.report.page.html import Content
from spikeformers.report.page.parts import Sheet
from spikeformers.report.text import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeformers.report.page.study import Study
    from spikeformers.report.results import Tile


def shown(study: Study, sheet: Sheet) -> Content:
    """The examples of a study as what they are; nothing where they are images."""
    named = [(repr(tile.label), tile.frames) for tile in study.tiles if tile.frames is not None]
    if not named:
        return None
    labels, frames = zip(*named, strict=True)
    placed = sheet.place(
        "event-frames",
        event_frames(frames, labels, on=f"test recordings of {study.dataset}, as the network gets them"),
        title="Event frames",
        caption="One row for each recording, one column for each time step: blue where it became brighter, orange "
        "where darker.",
        description=f"{len(frames)} recordings over {len(frames[0])} time steps.",
        beside=True,
    )
    return [placed, _cloud(study, sheet), _film(study, sheet)]


def by_step(tile: Tile) -> NDArray[np.uint8] | None:
    """What is seen of a recording at each time step, in colours, [T, 3, H, W]; None of an image."""
    return None if tile.frames is None else event_pictures(tile.frames)


def _cloud(study: Study, sheet: Sheet) -> Content:
    first = study.tiles[0]
    if first.recorded is None:
        return None
    events, sensor = first.recorded
    return sheet.place(
        "point-cloud",
        point_cloud(events, sensor, f"a test recording of {study.dataset}, {first.label!r}"),
        title="Events in space and time",
        caption="The first recording before it is cut into time steps: a point for each event, time from left to "
        "right, the picture of the camera across.",
        description=f"{count(len(events))} events of a camera of {sensor.width} x {sensor.height} pixels.",
        beside=True,
    )


def _film(study: Study, sheet: Sheet) -> Content:
    first = study.tiles[0]
    if first.frames is None or not study.maps:
        return None
    on = f"a test recording of {study.dataset}, {first.label!r}"
    return sheet.place(
        "firing-film",
        firing_strip(first.frames, study.maps, on),
        title="A recording, and where the layers fire",
        caption="The first recording and the firing it causes. It moves, unless the browser is asked for less motion: "
        "then all time steps stand side by side. The GIF also lies beside this page.",
        description=f"{len(study.maps)} layers over {len(first.frames)} time steps.",
        film=firing_film(first.frames, study.maps, on),
    )
