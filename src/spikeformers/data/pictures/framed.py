"""A gallery as a source of images of one size: decoded once where that fits, else whenever a picture is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikeformers.data.pictures.framing import Framing
from spikeformers.data.pictures.galleries import Gallery
from spikeformers.data.sources import Pictures, with_stand_ins
from spikeformers.errors import DataError

SPAN = 64  # pictures a thread decodes before it hands them over
SMALL = 128 * 128  # pixels
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FramedPictures:
    """A source that decodes and frames each picture when it is read.

    For an unreadable picture stands the next readable one of the same read (after the last comes the first); where
    none of a read is readable, none is returned. Either way they are named in `Pictures.unreadable`.
    """

    gallery: Gallery
    framing: Framing

    @property
    def labels(self) -> Tensor:
        return self.gallery.labels

    @property
    def names(self) -> Sequence[str]:
        return self.gallery.names

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.framing.shape

    def __len__(self) -> int:
        return len(self.gallery.labels)

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        """Return the pictures at `indices` (int64 `[B]`), cut out at random where the framing has a scale."""
        span = decode_span(self.gallery, self.framing, indices.tolist(), generator)
        # Contiguous as decoded parts are, for a model may compute other last bits from another memory layout.
        images = torch.from_numpy(np.stack(span.pixels)).contiguous() if span.pixels else self._none()
        return with_stand_ins(images, self.labels[indices], span.readable, tuple(span.refused.values()))

    def at_evaluation(self) -> FramedPictures:
        """Return the same pictures as they are framed at evaluation, without random crops."""
        return replace(self, framing=self.framing.at_evaluation())

    def _none(self) -> Tensor:
        return torch.empty(0, *self.shape, dtype=torch.uint8)


@dataclass(frozen=True, eq=False)
class Span:
    """Some decoded pictures.

    Attributes:
        readable: the places of those that could be read, in order.
        pixels: of these, each `[C, H, W]`.
        refused: place -> why the picture there could not be read.
    """

    readable: list[int]
    pixels: list[Pixels]
    refused: dict[int, str]


def decode_span(
    gallery: Gallery, framing: Framing, indices: Sequence[int], generator: torch.Generator | None = None
) -> Span:
    """Decode and frame some pictures, one after the other."""
    span = Span([], [], {})
    for place, index in enumerate(indices):
        try:
            pixels = framing(gallery.picture(index), generator)
        except DataError as error:
            span.refused[place] = str(error)
        else:
            span.readable.append(place)
            span.pixels.append(pixels)
    return span


def decode_all(gallery: Gallery, framing: Framing) -> Iterator[tuple[range, Span]]:
    """Decode a whole gallery in its order: large pictures by all cores, for Pillow leaves other threads running."""
    total = len(gallery.labels)
    spans = iter([range(start, min(start + SPAN, total)) for start in range(0, total, SPAN)])
    if _is_small(gallery):
        yield from ((span, decode_span(gallery, framing, span)) for span in spans)
        return
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        # A few spans at a time: what is decoded must not pile up in memory where writing is slower.
        while batch := list(islice(spans, 4 * threads)):
            yield from zip(batch, pool.map(lambda span: decode_span(gallery, framing, span), batch), strict=True)


def _is_small(gallery: Gallery) -> bool:
    """Return whether threads would mostly wait for each other, judged by the first picture.

    On two cores, 60 000 JPEG files of 32 x 32 pixels took two threads more than twice the time of one.
    """
    try:
        picture = gallery.picture(0)
    except DataError:
        return False
    return picture.width * picture.height < SMALL
