"""Whether a user's copy of a data set is whole and readable, and what of it is missing."""

from __future__ import annotations

from collections.abc import Set
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikeformers.data.event_sets.cache.spans import divided
from spikeformers.data.event_sets.event_set import EventSet, Opened
from spikeformers.data.event_sets.image_frames import FrameSet, FrameShelf
from spikeformers.data.event_sets.parallel import each, enough_workers
from spikeformers.data.event_sets.shelf import Chosen, Originals, Readable, Shelf
from spikeformers.data.event_sets.splits import split, split_files
from spikeformers.data.events.losses import Losses
from spikeformers.data.watch import Watch
from spikeformers.errors import DataError


@dataclass(frozen=True, kw_only=True)
class PartCheck:
    """One part of a copy.

    Attributes:
        found: recordings.
        expected: of the whole release; None where there is no official size.
        by_class: recordings of every class.
        wrong_classes: class -> (found, expected), where both are known and differ.
        missing: names of recordings, or of the files they are cut out of, that the release has and the copy has not.
        extra: names that the copy has and the release has not.
        why: why nothing is there; "" where something is.
    """

    part: str
    found: int
    expected: int | None
    by_class: dict[str, int]
    wrong_classes: dict[str, tuple[int, int]]
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    why: str = ""

    @property
    def complete(self) -> bool:
        """Whether it is what the release has; without an official size: whether there is anything."""
        right = self.found > 0 if self.expected is None else self.found == self.expected
        return right and not (self.missing or self.extra or self.wrong_classes)


@dataclass(frozen=True, kw_only=True)
class Check:
    """A copy of a data set, looked at.

    Attributes:
        read: recordings that were read; none where only the layout was looked at.
        events: in them, counted in `unit`: events, or frames of sets that were released as images.
        empty: recordings without any event.
        losses: reason -> how often, what of their files could not be taken over or was put right.
        unreadable: names and reasons of recordings that cannot be read.
        splits: shipped lists of this set -> whether their checksum is right.
        notes: what a user of figures on this set should know.
    """

    name: str
    title: str
    directory: Path
    parts: tuple[PartCheck, ...]
    read: int
    events: int
    unit: str
    empty: tuple[str, ...]
    losses: dict[str, int]
    unreadable: tuple[str, ...]
    splits: dict[str, bool]
    way_out: str
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every part is what the release has, all of it can be read, and the shipped lists are right."""
        return all(part.complete for part in self.parts) and not self.unreadable and all(self.splits.values())

    @property
    def usable(self) -> bool:
        """Whether something of it can be read."""
        return sum(part.found for part in self.parts) > len(self.unreadable)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, `complete` and `usable` included."""
        parts = [{**asdict(part), "complete": part.complete} for part in self.parts]
        return {**asdict(self), "parts": parts, "complete": self.complete, "usable": self.usable}


def check(about: EventSet, data_dir: Path, watch: Watch, *, contents: bool = True) -> Check:
    """Compare a copy with what is known of the release, and read all its recordings.

    Args:
        contents: whether recordings are read; without, only what lies there is looked at.

    Raises:
        DataError: nothing of the data set is there.
    """
    opened = about.load(data_dir)
    parts = tuple(_part(about, opened, part) for part in _part_names(about, opened))
    survey = Survey()
    if contents:
        for part, shelf in _whole_shelves(opened).items():
            survey.look_through(shelf, f"{about.title}, {part}", watch)
    return Check(
        name=about.name,
        title=opened.title,
        directory=data_dir,
        parts=parts,
        read=survey.read,
        events=survey.events,
        unit="frames" if isinstance(opened, FrameSet) else "events",
        empty=tuple(survey.empty),
        losses=survey.losses.reasons,
        unreadable=tuple(survey.unreadable),
        splits={name: _is_right(name) for name in split_files() if name.startswith(f"{about.name}_")},
        way_out=about.way_out,
        notes=about.notes,
    )


def _part_names(about: EventSet, opened: Opened) -> list[str]:
    return list(dict.fromkeys([*opened.parts, *about.sizes]))


def _part(about: EventSet, opened: Opened, part: str) -> PartCheck:
    shelf = opened.parts.get(part, f"{about.title} has a {part} part, which is not there. {about.way_out}")
    expected, classes = about.sizes.get(part), opened.classes
    if isinstance(shelf, str):
        return PartCheck(part=part, found=0, expected=expected, by_class={}, wrong_classes={}, why=shelf)
    counts = dict(zip(classes, _counts(shelf.labels, len(classes)), strict=True))
    known = dict(zip(classes, about.counts.get(part, ()), strict=False))
    wrong = {name: (counts[name], count) for name, count in known.items() if counts[name] != count}
    names = about.names().get(part)
    release = frozenset(names or ())
    there = {_in_release(name, release) for name in shelf.names}
    return PartCheck(
        part=part,
        found=len(shelf.names),
        expected=expected,
        by_class=counts,
        wrong_classes=wrong,
        missing=tuple(name for name in names or () if name not in there),
        extra=() if names is None else tuple(sorted(there - release)),
    )


def _in_release(name: str, release: Set[str]) -> str:
    """Return what the release calls a recording; a clip goes by the file it is cut out of."""
    file = name.partition("/")[2]
    return file if file in release else name


def _counts(labels: Tensor, classes: int) -> list[int]:
    counts: list[int] = torch.bincount(labels, minlength=classes).tolist()
    return counts


def _is_right(name: str) -> bool:
    try:
        return bool(split(name))
    except DataError:
        return False


def _whole_shelves(opened: Opened) -> dict[str, Readable]:
    """Return the shelves that the parts come from, each once."""
    found: dict[int, tuple[str, Readable]] = {}
    for part, chosen in opened.parts.items():
        shelf: Shelf | FrameShelf | str = chosen.shelf if isinstance(chosen, Chosen) else chosen
        if isinstance(shelf, Originals | FrameShelf):
            found.setdefault(id(shelf), ("all parts" if isinstance(chosen, Chosen) else f"{part} part", shelf))
    return dict(found.values())


@dataclass
class Survey:
    """What reading recordings has shown."""

    read: int = 0
    events: int = 0
    empty: list[str] = field(default_factory=list)
    losses: Losses = field(default_factory=Losses)
    unreadable: list[str] = field(default_factory=list)

    def look_through(self, shelf: Readable, what: str, watch: Watch) -> None:
        """Read every recording of a shelf, in several processes where that is worth it."""
        total, done, jobs = len(shelf.names), 0, divided(shelf)
        workers = enough_workers(sum(map(shelf.size, range(total))), len(jobs))
        with closing(each(Surveyor(shelf), jobs, workers)) as results:
            for found in results:
                self.add(found)
                done += found.read
                watch.progress(what, done, total)

    def add(self, other: Survey) -> None:
        """Add what another process has seen."""
        self.read += other.read
        self.events += other.events
        self.empty += other.empty
        self.losses.merge(other.losses)
        self.unreadable += other.unreadable


@dataclass(frozen=True)
class Surveyor:
    """Reads some recordings of a shelf."""

    shelf: Readable

    def __call__(self, indices: range) -> Survey:
        found = Survey()
        for reading in self.shelf.read(indices):
            found.read += 1
            found.losses.merge(reading.losses)
            if isinstance(reading.events, DataError):
                found.unreadable.append(str(reading.events))
                continue
            found.events += len(reading.events)
            if not len(reading.events):
                found.empty.append(self.shelf.names[reading.index])
        return found
