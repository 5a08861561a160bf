"""Framing of event recordings beside SpikingJelly's, by number, on the same recordings in one run.

    pip install spikingjelly                        # in an environment of its own; without it nothing is measured
    python benchmarks/framing.py --data-dir DIR     # of nmnist/ and dvs_gesture_clips/; made-up recordings without it

That the frames are equal is checked first. Then we frame all recordings of a kind one after the other, as in an
epoch, then SpikingJelly frames them all, and so on in turn, several times:

- `kept`: each from the form in memory that it keeps recordings in, SpikingJelly one array each of t, x, y and p, we
  the times and addresses of the cache. This is what the bar is about.
- `records`: the same, but we from records of events, as they come out of a file that is not converted.
- `disk`: each from its file, whose pages are in memory: SpikingJelly a .npz of its four arrays, not compressed; we the
  cache, and its checksum is checked.
- `disk_compressed`: the same, and the .npz compressed, as SpikingJelly writes its data sets unless told otherwise.

A ratio is that of a recording's two medians; reported is the median over the recordings, and so are the times, in
microseconds. SpikingJelly's frames are float64, ours float32. Everything is measured with one thread and with as many
as PyTorch takes by itself. Results go to `framing.json` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from spikeformers.data.event_sets.cache import shard
from spikeformers.data.event_sets.shelf import Reading
from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.recordings.opening import read_events

RESULTS = Path(__file__).with_suffix(".json")
BAR = 5.0
STEPS = (10, 16)
WARM_UP = 3
MOST = 40  # recordings of one kind
MADE_UP = 200_000  # events
# What is compared: our way and SpikingJelly's.
PAIRS = {
    "kept": ("kept", "arrays"),
    "records": ("records", "arrays"),
    "disk": ("cache", "npz"),
    "disk_compressed": ("cache", "npz_compressed"),
}

Framer = Callable[..., Any]


def recordings(data_dir: Path | None) -> Iterator[tuple[str, Sensor, list[Events]]]:
    """Yield kinds of recordings: what they are, their sensor, and some of them."""
    small, large = Sensor(34, 34), Sensor(128, 128)
    nmnist = [] if data_dir is None else sorted(data_dir.glob("nmnist/Train/*/*.bin"))
    clips = [] if data_dir is None else sorted(data_dir.glob("dvs_gesture_clips/*.bin"))
    if nmnist:
        yield "N-MNIST", small, _read(nmnist[:: max(1, len(nmnist) // MOST)][:MOST], small)
    if clips:
        yield "DVS128 Gesture clips", large, _read(clips, large)
    random = np.random.default_rng(0)
    x, y, p = random.integers(0, 128, (2, MADE_UP)), random.integers(0, 128, MADE_UP), random.integers(0, 2, MADE_UP)
    yield "made up, uniform", large, [make_events(np.arange(MADE_UP) * 5, places, y, p) for places in x]


def _read(paths: list[Path], sensor: Sensor) -> list[Events]:
    return [read_events(path, format="40bit", sensor=sensor)[0] for path in paths]


def ways(theirs: Framer, events: Events, sensor: Sensor, steps: int, directory: Path) -> dict[str, Callable[[], Any]]:
    """Return every way to frame a recording, by name; its files are written into a new directory."""
    directory.mkdir()
    framing = EventFraming(time_steps=steps, image_size=(sensor.height, sensor.width))
    columns = {word: np.ascontiguousarray(events[word]) for word in "txyp"}
    shard.write(directory / "shard", sensor, [Reading(0, events, Losses())])
    np.savez(directory / "plain.npz", **columns)
    np.savez_compressed(directory / "compressed.npz", **columns)
    cache = shard.read(directory / "shard")
    kept = cache.addressed(0)

    def framed(arrays: dict[str, Any]) -> Any:
        return theirs(arrays, "number", steps, sensor.height, sensor.width)

    def framed_file(name: str) -> Any:
        with np.load(directory / name) as file:
            return framed({word: file[word] for word in "txyp"})

    return {
        "kept": lambda: framing.frames(kept),
        "arrays": lambda: framed(columns),
        "records": lambda: framing(events, sensor),
        "cache": lambda: framing.frames(cache.addressed(0)),
        "npz": lambda: framed_file("plain.npz"),
        "npz_compressed": lambda: framed_file("compressed.npz"),
    }


def timed(work: Callable[[], Any]) -> float:
    """Return the microseconds that some work took."""
    began = time.perf_counter()
    work()
    return 1e6 * (time.perf_counter() - began)


def medians(one: list[Callable[[], Any]], other: list[Callable[[], Any]], repeats: int) -> list[tuple[float, float]]:
    """Return the two medians of every recording, in microseconds; the two ways take turns after all recordings."""
    rounds = [[[timed(work) for work in works] for works in (one, other)] for _ in range(WARM_UP + repeats)]
    ours, peers = zip(*rounds[WARM_UP:], strict=True)
    return [
        (statistics.median(own), statistics.median(peer))
        for own, peer in zip(zip(*ours, strict=True), zip(*peers, strict=True), strict=True)
    ]


def row(theirs: Framer, found: list[Events], sensor: Sensor, steps: int, repeats: int) -> dict[str, Any]:
    """Return the medians over the recordings of one kind."""
    row: dict[str, Any] = {"recordings": len(found), "events": round(statistics.median(map(len, found)))}
    with TemporaryDirectory() as directory:
        works = [
            ways(theirs, events, sensor, steps, Path(directory, str(number))) for number, events in enumerate(found)
        ]
        require_equal(works)
        for pair, (ours, peer) in PAIRS.items():
            found_medians = medians([each[ours] for each in works], [each[peer] for each in works], repeats)
            row[pair] = {
                "ours_us": round(statistics.median(own for own, _ in found_medians), 1),
                "spikingjelly_us": round(statistics.median(other for _, other in found_medians), 1),
                "ratio": round(statistics.median(other / own for own, other in found_medians), 2),
            }
    return row


def require_equal(works: list[dict[str, Callable[[], Any]]]) -> None:
    """Stop unless every way gives the same frames."""
    for ways_of_one in works:
        expected = ways_of_one["arrays"]()
        if not all(np.array_equal(way(), expected) for way in ways_of_one.values()):
            raise SystemExit("The framings differ: nothing is reported.")


def measure(theirs: Framer, data_dir: Path | None, threads: int, repeats: int) -> dict[str, Any]:
    """Return all rows for a number of threads."""
    torch.set_num_threads(threads)
    plural = "thread" if threads == 1 else "threads"
    return {
        f"{kind}, T = {steps}, {threads} {plural}": row(theirs, found, sensor, steps, repeats)
        for kind, sensor, found in recordings(data_dir)
        for steps in STEPS
    }


def main() -> None:
    """Read the command line, measure, print and keep."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data-dir", type=Path, default=os.environ.get("SPIKEFORMERS_DATA"))
    words.add_argument("--repeats", type=int, default=30)
    given = words.parse_args()
    try:
        theirs = import_module("spikingjelly.datasets").integrate_events_by_fixed_frames_number
    except ImportError as error:
        print(f"SpikingJelly is not here ({error}): pip install spikingjelly. Nothing measured.")
        return
    data_dir = None if given.data_dir is None else Path(given.data_dir)
    rows: dict[str, Any] = {}
    for threads in sorted({1, torch.get_num_threads()}):
        rows |= measure(theirs, data_dir, threads, given.repeats)
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 1),  # above the number of cores, threads wait for one another
        "numpy": np.__version__,
        "torch": str(torch.__version__),
        "spikingjelly": version("spikingjelly"),
        "bar": BAR,
        "reached": {name: {pair: measured[pair]["ratio"] >= BAR for pair in PAIRS} for name, measured in rows.items()},
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
