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
        "limits": {"seconds": options.seconds, "MiB above start": MEMORY >> 20},
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
    parser.add_argument("--seconds", type=float, default=10.0, help="a reading that takes longer is a hang")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--keep", type=Path, help="keep the files that failed here")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Tally], list[dict[str, Any]], int]:
    """Read all files; return what came of them by format, the failures, and the largest growth of memory in KiB."""
    context = multiprocessing.get_context("fork")
    reports = context.Queue()
    crews = [_Worker(context, options, folder, number, reports) for number in range(options.workers)]
    tallies = {word: Tally() for word in WORDS}
    failures: list[dict[str, Any]] = []
    peak = 0
    while any(not crew.finished for crew in crews):
        for crew in crews:
            lost = crew.look_after()
            if lost is not None:
                reports.put(lost)
        while not reports.empty() or not any(crew.alive() for crew in crews if not crew.finished):
            try:
                report = reports.get(timeout=0.2)
            except Exception:  # queue.Empty: nothing more has come
                break
            peak = max(peak, _count(report, tallies, failures, crews))
        time.sleep(0.05)
    return tallies, failures, peak


class _Worker:
    """A process that reads every n-th file; started again after the file it died of."""

    def __init__(self, context: Any, options: argparse.Namespace, folder: Path, number: int, reports: Any) -> None:
        self.context, self.options, self.number, self.reports = context, options, number, reports
        self.folder = folder / str(number)
        self.folder.mkdir()
        self.current = context.Value("q", number, lock=False)
        self.since = context.Value("d", time.monotonic(), lock=False)
        self.finished = False
        self.process: Any = None
        self._start(number)

    def _start(self, first: int) -> None:
        self.current.value, self.since.value = first, time.monotonic()
        arguments = (self.options, self.folder, first, self.current, self.since, self.reports)
        self.process = self.context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()

    def alive(self) -> bool:
        return bool(self.process.is_alive())

    def look_after(self) -> dict[str, Any] | None:
        """Start a dead process again, and end a hanging one; return the failure."""
        if self.finished:
            return None
        if self.process.exitcode == 0:
            self.finished = True
            return None
        # Twice the time: the reading's own alarm should have ended it by then, unless it hangs in foreign code.
        hanging = time.monotonic() - self.since.value > 2 * self.options.seconds + 5
        if self.process.exitcode is None and not hanging:
            return None
        if hanging:
            self.process.kill()
            self.process.join()
        index = int(self.current.value)
        reason = f"ended with {self.process.exitcode}"
        self._start(index + self.options.workers)
        return _failure(index, self.options, self.folder, "hang" if hanging else "crash", reason)


def _work(options: argparse.Namespace, folder: Path, first: int, current: Any, since: Any, reports: Any) -> None:
    warnings.simplefilter("error")
    hdf5_service.SECONDS = min(3.0, options.seconds / 3)  # twice this, and a start, must fit into the reading's time
    signal.signal(signal.SIGALRM, _alarm)
    _limit_memory()
    for warm in range(len(WORDS)):  # what a first reading imports and starts is not the file's doing
        _outcome(warm, options, folder)
    resting = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batch: list[dict[str, Any]] = []
    for index in range(first, options.files, options.workers):
        current.value, since.value = index, time.monotonic()
        batch.append(_outcome(index, options, folder))
        if len(batch) == 200:
            reports.put({"batch": batch, "growth": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resting})
            batch = []
    reports.put({"batch": batch, "growth": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resting})


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _alarm(number: int, frame: object) -> None:
    raise Hang


def _outcome(index: int, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    case = make_case(index, options.seed, folder)
    signal.setitimer(signal.ITIMER_REAL, options.seconds)
    try:
        outcome = read_case(case, folder)
    except Hang:
        return _failure(index, options, folder, "hang", f"more than {options.seconds} s")
    except MemoryError:
        return _failure(index, options, folder, "memory", traceback.format_exc(limit=-2))
    except Broken as broken:
        return _failure(index, options, folder, "promise", str(broken))
    except DataError as error:
        return _failure(index, options, folder, "promise", f"refused a file that is sound: {error}")
    except Exception:
        return _failure(index, options, folder, "exception", traceback.format_exc(limit=-2))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
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


def _count(report: dict[str, Any], tallies: dict[str, Tally], failures: list[dict[str, Any]], crews: Any) -> int:
    for outcome in report.get("batch", [report]):
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
    return int(report.get("growth", 0))


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
