"""Filling the cache: shard by shard, in several processes, each shard whole or not at all.

A conversion that was stopped goes on where it was: shards that are there are not made again. Two that run at once make
the same files, and neither disturbs the other.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from spikeformers.data.event_sets.cache import shard
from spikeformers.data.event_sets.cache.shard import ADDRESS_BYTES
from spikeformers.data.event_sets.cache.spans import Span
from spikeformers.data.event_sets.parallel import each, enough_workers
from spikeformers.data.event_sets.shelf import Originals
from spikeformers.data.watch import Watch

ABANDONED = 3600.0  # seconds after which nobody writes a half-written file any more
# A record of 5 bytes becomes one of 8, the worst of the formats whose events have a fixed size.
GROWTH = (4 + ADDRESS_BYTES) / 5


@dataclass(frozen=True)
class Maker:
    """Writes one shard; where it cannot, the error is returned, since a process would wrap it in its traceback."""

    originals: Originals

    def __call__(self, span: Span) -> OSError | None:
        if span.path.exists():  # another process has been here meanwhile
            return None
        try:
            shard.write(span.path, self.originals.sensor, self.originals.read(span.indices))
        except OSError as error:
            return error
        return None


def convert(originals: Originals, spans: Sequence[Span], done: int, what: str, watch: Watch) -> None:
    """Make shards of these spans.

    Args:
        done: recordings of this shelf that are converted already, for the progress.
        what: the data set and its part.

    Raises:
        OSError: the cache directory cannot be written, or has too little room; finished shards stay.
        DataError: a process that reads has died.
    """
    size = sum(originals.size(index) for span in spans for index in span.indices)
    directory = spans[0].path.parent
    directory.mkdir(parents=True, exist_ok=True)
    _sweep(directory)
    _require_room(directory, size)
    total = len(originals.names)
    with closing(each(Maker(originals), spans, enough_workers(size, len(spans)))) as results:
        for span, error in zip(spans, results, strict=True):
            if error is not None:
                raise error
            done += len(span.indices)
            watch.progress(what, done, total)


def forget_all_but(spans: Sequence[Span]) -> None:
    """Remove the shards of files that have changed since."""
    wanted = {span.path for span in spans}
    for path in spans[0].path.parent.glob("*.events"):
        if path not in wanted:
            path.unlink(missing_ok=True)


def _sweep(directory: Path) -> None:
    """Remove what a killed process has left half-written."""
    for path in directory.glob(".*.part"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        except OSError:
            continue  # somebody else was quicker


def _require_room(directory: Path, size: int) -> None:
    need, free = round(size * GROWTH), shutil.disk_usage(directory).free
    if free < need:
        raise OSError(f"up to {need / 1e9:,.1f} GB are needed there, {free / 1e9:,.1f} GB are free")
