"""One part of a data set, from a gallery to a source: out of the cache, decoded into it, or decoded when read."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from spikeformers.data.pictures import cache
from spikeformers.data.pictures.cache import Decoded
from spikeformers.data.pictures.framed import FramedPictures, Span, decode_all
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.pictures.galleries import Gallery
from spikeformers.data.sources import Images, Source
from spikeformers.data.unreadable import refuse_many
from spikeformers.data.watch import Watch

BUDGET = 4 << 30  # bytes; a larger part stays encoded


def open_part(gallery: Gallery, framing: Framing, what: str, watch: Watch) -> tuple[Source, tuple[str, ...]]:
    """Return the pictures of a gallery as images of one size, and those left out because they cannot be read.

    Pictures that are framed the same way every time are decoded once and, if they come from files, kept in the cache
    directory. Random crops, and parts above 4 GiB of pixels, are decoded whenever they are read.

    Args:
        what: the data set and its part, for messages.

    Raises:
        DataError: too many pictures cannot be read.
    """
    total = len(gallery.labels)
    if framing.scale is not None or total * math.prod(framing.shape) > BUDGET:
        return FramedPictures(gallery, framing), ()
    decoded = _decoded(gallery, framing, what, watch)
    unreadable = tuple(decoded.left_out.values())
    refuse_many(unreadable, total, what)
    kept = [index for index in range(total) if index not in decoded.left_out]
    names = gallery.names and [gallery.names[index] for index in kept]
    return Images(decoded.pixels, gallery.labels[kept], names), unreadable


def _decoded(gallery: Gallery, framing: Framing, what: str, watch: Watch) -> Decoded:
    """Take a gallery's pixels out of the cache, filling it first where they are not in it."""
    spans = _watched(gallery, framing, what, watch)
    fingerprint = gallery.fingerprint()
    if fingerprint is None:
        return _in_memory(len(gallery.labels), framing, spans)
    path = cache.cache_file(fingerprint, framing)
    try:
        return cache.read(path)
    except OSError:
        pass  # not decoded yet; if nothing can be written there either, that is said below
    except ValueError as error:
        watch.note(f"{path}: these decoded pictures are damaged ({error}); {what} is decoded anew.")
    try:
        cache.write(path, framing.shape, spans)
        return cache.read(path)
    except (OSError, ValueError) as error:
        watch.note(
            f"{what} cannot be kept decoded in {path.parent} ({error}), so every start decodes it again. Free some "
            f"space there, or set {cache.VARIABLE} to another directory."
        )
    return _in_memory(len(gallery.labels), framing, _watched(gallery, framing, what, watch))


def _watched(gallery: Gallery, framing: Framing, what: str, watch: Watch) -> Iterator[tuple[range, Span]]:
    for indices, span in decode_all(gallery, framing):
        watch.progress(what, indices.stop, len(gallery.labels))
        yield indices, span


def _in_memory(total: int, framing: Framing, spans: Iterator[tuple[range, Span]]) -> Decoded:
    pixels = np.empty((total, *framing.shape), np.uint8)
    count, left_out = 0, {}
    for indices, span in spans:
        for image in span.pixels:
            pixels[count] = image
            count += 1
        left_out.update({indices[place]: reason for place, reason in span.refused.items()})
    return Decoded(torch.from_numpy(pixels[:count]), left_out)
