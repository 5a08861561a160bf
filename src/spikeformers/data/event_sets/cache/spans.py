"""Which recordings share a shard, and under which name it lies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from spikeformers.data.event_sets.cache.shard import MAGIC
from spikeformers.data.event_sets.shelf import Originals, Readable
from spikeformers.data.pictures.cache import cache_directory

MOST_RECORDINGS = 256
MOST_BYTES = 32 << 20


@dataclass(frozen=True)
class Span:
    """Consecutive recordings, and the file their shard is."""

    indices: range
    path: Path


def directory_of(originals: Originals) -> Path:
    """Return the directory of a shelf's shards."""
    return cache_directory() / "recordings" / _hash(originals.place)


def spans_of(originals: Originals) -> list[Span]:
    """Divide a shelf into shards. The name of each tells whether one of its recordings may have changed."""
    directory = directory_of(originals)
    return [
        Span(indices, directory / f"{number:05d}-{_name(originals, indices)}.events")
        for number, indices in enumerate(divided(originals))
    ]


def divided(recordings: Readable) -> list[range]:
    """Divide recordings into ranges of at most 256 recordings, or 32 MiB unless one recording alone is larger.

    Recordings of size 0 stay with the one before them, with which they are read.
    """
    ranges, start, size = [], 0, 0
    for index in range(len(recordings.names)):
        more = recordings.size(index)
        if index > start and (index - start >= MOST_RECORDINGS or size + more > MOST_BYTES) and more:
            ranges.append(range(start, index))
            start, size = index, 0
        size += more
    return [*ranges, range(start, len(recordings.names))] if len(recordings.names) else []


def _name(originals: Originals, indices: range) -> str:
    text = "\n".join(originals.identity(index) for index in indices)
    return _hash(f"{MAGIC!r} {originals.place}\n{text}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
