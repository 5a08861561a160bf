"""Framing of event recordings beside SpikingJelly's, by number, on the same recordings in one run, on one thread.

    pip install spikingjelly                        # in an environment of its own; without it nothing is measured
    python benchmarks/framing.py --data-dir DIR     # of nmnist/ and dvs_gesture_clips/; made-up recordings without it

For every recording both frame it in turn, several times, each from the form in memory that it reads: we from one array
of events, SpikingJelly from one array each of t, x, y and p. That the frames are equal is checked first. A ratio is
that of a recording's two medians; reported is the median over the recordings. SpikingJelly's frames are float64, and
what it stores in its data sets is read as float32, which ours are: the second ratio has that conversion in its time.
Results go to `framing.json` beside this file.
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
from typing import Any

import numpy as np
import torch

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.recordings.opening import read_events

RESULTS = Path(__file__).with_suffix(".json")
BAR = 5.0
WARM_UP = 3
MOST = 40  # recordings of one kind
MADE_UP = 200_000  # events


def recordings(data_dir: Path | None) -> Iterator[tuple[str, Sensor, list[Events]]]:
    """Yield kinds of recordings: what they are, their sensor, and some of them."""
    small, large = Sensor(34, 34), Sensor(128, 128)
    nmnist = [] if data_dir is None else sorted(data_dir.glob("nmnist/Train/*/*.bin"))
    clips = [] if data_dir is None else sorted(data_dir.glob("dvs_gesture_clips/*.bin"))
    if nmnist:
        yield "N-MNIST", small, _read(nmnist[:: max(1, len(nmnist) // MOST)], small)
    if clips:
        yield "DVS128 Gesture clips", large, _read(clips, large)
    random = np.random.default_rng(0)
    x, y, p = random.integers(0, 128, (2, MADE_UP)), random.integers(0, 128, MADE_UP), random.integers(0, 2, MADE_UP)
    yield "made up, uniform", large, [make_events(np.arange(MADE_UP) * 5, places, y, p) for places in x]


def _read(paths: list[Path], sensor: Sensor) -> list[Events]:
    return [read_events(path, format="40bit", sensor=sensor)[0] for path in paths]


def timed(work: Callable[[], Any]) -> float:
    """Return the microseconds that some work took."""
    began = time.perf_counter()
    work()
    return 1e6 * (time.perf_counter() - began)


def compare(theirs: Callable[..., Any], events: Events, sensor: Sensor, steps: int, repeats: int) -> list[float]:
    """Return the medians in microseconds of ours, theirs, and theirs as float32, on one recording."""
    framing = EventFraming(time_steps=steps, image_size=(sensor.height, sensor.width))
    columns = {word: np.ascontiguousarray(events[word]) for word in "txyp"}

    def framed() -> Any:
        return theirs(columns, "number", steps, sensor.height, sensor.width)

    if not np.array_equal(framing(events, sensor), framed()):
        raise SystemExit("The two framings differ: nothing is reported.")
    works = (lambda: framing(events, sensor), framed, lambda: framed().astype(np.float32))
    rounds = [[timed(work) for work in works] for _ in range(WARM_UP + repeats)]
    return [statistics.median(times) for times in zip(*rounds[WARM_UP:], strict=True)]


def row(theirs: Callable[..., Any], found: list[Events], sensor: Sensor, steps: int, repeats: int) -> dict[str, Any]:
    """Return the medians over the recordings of one kind."""
    medians = [compare(theirs, events, sensor, steps, repeats) for events in found]
    ours, float64, float32 = (statistics.median(times) for times in zip(*medians, strict=True))
    return {
        "recordings": len(found),
        "events": round(statistics.median(map(len, found))),
        "time_steps": steps,
        "ours_us": round(ours, 1),
        "spikingjelly_us": round(float64, 1),
        "spikingjelly_float32_us": round(float32, 1),
        "ratio": round(statistics.median(each[1] / each[0] for each in medians), 2),
        "ratio_float32": round(statistics.median(each[2] / each[0] for each in medians), 2),
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
    torch.set_num_threads(1)
    data_dir = None if given.data_dir is None else Path(given.data_dir)
    rows = {
        f"{kind}, T = {steps}": row(theirs, found, sensor, steps, given.repeats)
        for kind, sensor, found in recordings(data_dir)
        for steps in (10, 16)
    }
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread",
        "numpy": np.__version__,
        "torch": str(torch.__version__),
        "spikingjelly": version("spikingjelly"),
        "bar": BAR,
        "reached": {name: measured["ratio"] >= BAR for name, measured in rows.items()},
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
