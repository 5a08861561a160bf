"""Read damaged recordings of every format and count how that ends: none may crash, hang, eat memory or lose in silence.

    python scripts/fuzz_recordings.py --files 100000 --seed 0

Small sound files are written by the tests' writers, damaged (cut off, flipped bits, shuffled, spoilt headers ...), and
read in worker processes whose address space is limited. The exit code is 1 if any reading failed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from spikeformers.data.recordings import hdf5_service  # noqa: E402
from spikeformers.errors import DataError  # noqa: E402
from spikeformers.files import atomic_write  # noqa: E402
from tests.data.recordings.fuzz_damage import WORDS, make_case  # noqa: E402
from tests.data.recordings.fuzz_trial import Broken, read_case  # noqa: E402

MEMORY = 512 << 20  # bytes of address space a worker may take beyond what it has when it starts
FAILURES = ("crash", "hang", "memory", "exception", "promise")
REPORTED = 20
BATCH = 100  # outcomes a worker reports at once; what it had not reported when it died is read again


class Hang(BaseException):
    """A reading took too long; no `except Exception` may swallow it."""


@dataclass
class Tally:
    """What came of the files of one format."""

    files: int = 0
    clean: int = 0
    losing: int = 0
    refused: int = 0
    events: int = 0
    losses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        tallies, failures, peak = run(options, Path(folder))
    seconds = time.monotonic() - begin
    result = {
        "files": options.files,
        "seed": options.seed,
        "workers": options.workers,
        "seconds": round(seconds, 1),
        "limits": {"seconds of computing": options.seconds, "MiB above start": MEMORY >> 20},
        "largest growth of resident memory, MiB": peak >> 10,
        "formats": {word: _plain(tally) for word, tally in tallies.items()},
        "failures": failures[:REPORTED],
    }
    if options.json:
        with atomic_write(options.json) as file:
            file.write(json.dumps(result, indent=2).encode() + b"\n")
    _print(tallies, failures, seconds, peak)
    return 1 if failures else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=5.0, help="a reading that computes longer is a hang")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--keep", type=Path, help="keep the files that failed here")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Tally], list[dict[str, Any]], int]:
    """Read all files; return what came of them by format, the failures, and the largest growth of memory in KiB."""
    context = multiprocessing.get_context("fork")
    reports = context.SimpleQueue()
    crew = [_Worker(context, options, folder, number, reports) for number in range(options.workers)]
    tallies = {word: Tally() for word in WORDS}
    failures: list[dict[str, Any]] = []
    peak = 0
    while crew:
        time.sleep(0.02)
        ended = [worker for worker in crew if worker.process.exitcode == 0]  # before the last reports are taken
        while not reports.empty():
            report = reports.get()
            peak = max(peak, report["growth"])
            _count(report["batch"], tallies, failures)
        crew = [worker for worker in crew if worker not in ended]
        _count([lost for worker in crew if (lost := worker.look_after())], tallies, failures)
    return tallies, failures, peak


class _Worker:
    """A process that reads every n-th file; started again without the file it died of."""

    def __init__(self, context: Any, options: argparse.Namespace, folder: Path, number: int, reports: Any) -> None:
        self.context, self.options, self.reports = context, options, reports
        self.folder = folder / str(number)
        self.other_folder = folder / f"{number} of the parent"
        self.folder.mkdir()
        self.other_folder.mkdir()
        self.current = context.Value("q", number, lock=False)
        self.unreported = context.Value("q", number, lock=False)
        self.since = context.Value("d", 0.0, lock=False)
        self.fatal: set[int] = set()
        self._start()

    def _start(self) -> None:
        self.since.value = time.monotonic()
        self.process = self.context.Process(target=_work, args=(self,), daemon=True)
        self.process.start()

    def look_after(self) -> dict[str, Any] | None:
        """Start a dead process again, and end a hanging one; return the failure."""
        # The reading's own alarm counts computing only; waiting for ever shows here, on a busy machine as well.
        hanging = time.monotonic() - self.since.value > 20 * self.options.seconds
        if self.process.exitcode in (None, 0) and not hanging:
            return None
        if hanging:
            self.process.kill()
            self.process.join()
        index, reason = int(self.current.value), f"ended with {self.process.exitcode}"
        self.fatal.add(index)
        self._start()
        return _failure(index, self.options, self.other_folder, "hang" if hanging else "crash", reason)


def _work(worker: _Worker) -> None:
    options = worker.options
    warnings.simplefilter("error")
    hdf5_service.COMPUTING = options.seconds
    signal.signal(signal.SIGPROF, _alarm)
    _limit_memory()
    for index in range(len(WORDS)):  # what a first reading imports and starts is not the file's doing
        make_and_read(index, options, worker.folder)
    resting = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batch: list[dict[str, Any]] = []
    for index in range(worker.unreported.value, options.files, options.workers):
        if index not in worker.fatal:
            worker.current.value, worker.since.value = index, time.monotonic()
            batch.append(make_and_read(index, options, worker.folder))
        if len(batch) == BATCH or index + options.workers >= options.files:
            growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resting
            worker.reports.put({"batch": batch, "growth": growth})
            worker.unreported.value = index + options.workers
            batch = []


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _alarm(number: int, frame: object) -> None:
    raise Hang


def make_and_read(index: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    case = make_case(index, options.seed, folder)
    signal.setitimer(signal.ITIMER_PROF, options.seconds)
    try:
        outcome = read_case(case, folder)
    except Hang:
        return _failure(index, options, folder, "hang", f"more than {options.seconds} s of computing")
    except MemoryError:
        return _failure(index, options, folder, "memory", traceback.format_exc(limit=-2))
    except Broken as broken:
        return _failure(index, options, folder, "promise", str(broken))
    except DataError as error:
        return _failure(index, options, folder, "promise", f"refused a file that is sound: {error}")
    except Exception:
        return _failure(index, options, folder, "exception", traceback.format_exc(limit=-2))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {"word": case.word, "events": outcome.events, "losses": outcome.losses, "refused": outcome.refused}


def _failure(index: int, options: argparse.Namespace, folder: Path, kind: str, reason: str) -> dict[str, Any]:
    case = make_case(index, options.seed, folder)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / f"{index}-{case.format.name}").write_bytes(case.content)
    return {"index": index, "word": case.word, "variant": case.name, "damage": case.damage} | {
        "failure": kind,
        "reason": reason[-600:],
    }


def _count(outcomes: list[dict[str, Any]], tallies: dict[str, Tally], failures: list[dict[str, Any]]) -> None:
    for outcome in outcomes:
        tally = tallies[outcome["word"]]
        tally.files += 1
        if "failure" in outcome:
            tally.failures[outcome["failure"]] += 1
            failures.append(outcome)
            continue
        tally.events += outcome["events"]
        tally.losses.update(outcome["losses"].keys())
        tally.refused += outcome["refused"]
        tally.losing += bool(outcome["losses"]) and not outcome["refused"]
        tally.clean += not outcome["losses"] and not outcome["refused"]


def _plain(tally: Tally) -> dict[str, Any]:
    return {
        "files": tally.files,
        "read without loss": tally.clean,
        "read with counted losses": tally.losing,
        "refused with a DataError": tally.refused,
        "events read": tally.events,
        "failures": {kind: tally.failures[kind] for kind in FAILURES},
        "files by loss": dict(tally.losses.most_common()),
    }


def _print(tallies: dict[str, Tally], failures: list[dict[str, Any]], seconds: float, peak: int) -> None:
    heads = ("format", "files", "no loss", "losses", "refused", "events", *FAILURES)
    print("".join(f"{head:>10}" for head in heads))
    for word, tally in tallies.items():
        row = (word, tally.files, tally.clean, tally.losing, tally.refused, tally.events)
        print("".join(f"{cell:>10}" for cell in (*row, *(tally.failures[kind] for kind in FAILURES))))
    files = sum(tally.files for tally in tallies.values())
    print(f"{files:,} files in {seconds:.0f} s, {len(failures):,} failures; memory grew by at most {peak >> 10} MiB.")
    for failure in failures[:REPORTED]:
        print(f"\n{failure['variant']}, {failure['damage']} (file {failure['index']}): {failure['failure']}")
        print(failure["reason"].rstrip())


if __name__ == "__main__":
    sys.exit(main())
