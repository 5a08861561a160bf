"""List data sets, check your copy of one, and convert its recordings.

Examples:
  spikeformers data list
  spikeformers data check ~/data/nmnist
  spikeformers data check ~/data/gesture --dataset dvs128_gesture --json
  spikeformers data convert ~/data/nmnist
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spikeformers.cli.output import console, error_console, print_json
from spikeformers.errors import DataError

if TYPE_CHECKING:
    from spikeformers.data import Watch
    from spikeformers.data.event_sets.event_set import EventSet


def list_sets(*, json: bool = False) -> None:
    """List data sets of event recordings: what they hold, where to get them, under which licence.

    Args:
        json: Print one JSON document.
    """
    from spikeformers.data import dataset_names
    from spikeformers.data.event_sets.table import EVENT_SETS
    from spikeformers.report.data import event_set_list

    others = [name for name in dataset_names() if name not in EVENT_SETS]
    if json:
        words = ("name", "title", "about", "sizes", "source", "licence", "layout", "notes")
        print_json(
            {
                "events": [{word: getattr(each, word) for word in words} for each in EVENT_SETS.values()],
                "pictures": others,
            }
        )
        return
    console().print(event_set_list(list(EVENT_SETS.values()), others))


def check_copy(
    directory: Path, /, *, dataset: str | None = None, layout_only: bool = False, json: bool = False
) -> None:
    """Check a copy of a data set: what is there, what is missing, and whether all of it can be read.

    The exit code is 0 only where the copy is complete.

    Args:
        directory: Where the data set lies.
        dataset: Name of the data set. None: told by the files.
        layout_only: Compare what lies there with the release, and read no recording.
        json: Print one JSON document.
    """
    from spikeformers.data.event_sets.check import check
    from spikeformers.report.data import check_result

    about = _named_or_found(dataset, directory)
    with _watching() as watch:
        result = check(about, directory, watch, contents=not layout_only)
    if json:
        print_json(result)
    else:
        console().print(check_result(result))
    if not result.complete:
        raise SystemExit(1)


def convert(directory: Path, /, *, dataset: str | None = None, json: bool = False) -> None:
    """Convert the recordings of a data set into the cache, so that training starts at once.

    Training does so by itself when it needs them. What was converted before is not converted again, so a conversion
    that was stopped goes on where it was.

    Args:
        directory: Where the data set lies.
        dataset: Name of the data set. None: told by the files.
        json: Print one JSON document.
    """
    from spikeformers.data.event_sets.cache.cached import Cached
    from spikeformers.data.event_sets.recording_set import RecordingSet
    from spikeformers.data.event_sets.shelf import Chosen
    from spikeformers.data.pictures.cache import cache_directory

    about = _named_or_found(dataset, directory)
    opened = about.load(directory)
    if not isinstance(opened, RecordingSet):
        raise DataError(f"{about.title} was released as images, which are read as they are: nothing is converted.")
    with _watching() as watch:
        kept = opened.kept(watch)
    shelves = {part: shelf for part, shelf in kept.parts.items() if not isinstance(shelf, str)}
    if not all(isinstance(shelf, Chosen) and isinstance(shelf.shelf, Cached) for shelf in shelves.values()):
        raise DataError(f"{about.title} could not be converted; the note above says why.")
    answer = {
        "dataset": about.name,
        "cache": cache_directory() / "recordings",
        "recordings": {part: len(shelf.names) for part, shelf in shelves.items()},
        "unreadable": kept.unreadable,
    }
    if json:
        print_json(answer)
        return
    parts = ", ".join(f"{len(shelf.names):,} {part}" for part, shelf in shelves.items())
    console().print(
        f"{opened.title}: {parts} recordings are converted, in {answer['cache']}", markup=False, soft_wrap=True
    )
    for name in kept.unreadable:
        error_console().print(f"Cannot be read: {name}", style="yellow", markup=False, soft_wrap=True)


def _named_or_found(dataset: str | None, directory: Path) -> EventSet:
    from spikeformers.data.event_sets.table import event_set, which_lies_in

    return which_lies_in(directory) if dataset is None else event_set(dataset)


@contextmanager
def _watching() -> Iterator[Watch]:
    """Yield a watch that shows progress in a terminal, and writes notes to stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from spikeformers.data import Watch

    page = error_console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=page, transient=True, disable=not page.is_terminal) as bars:
        task = bars.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield Watch(progress=show, note=lambda text: bars.console.print(text, markup=False, soft_wrap=True))


COMMANDS: dict[str, Callable[..., None]] = {"list": list_sets, "check": check_copy, "convert": convert}
