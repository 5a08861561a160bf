"""Showing a study of ablations while it goes on, and what it has found so far."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikeformers.cli.output import console, error_console, plain, print_json
from spikeformers.cli.progress import Watch, watching
from spikeformers.files import atomic_write
from spikeformers.report.ablation import ablation_page, ablation_rows, ablation_tables
from spikeformers.report.csv import write_csv
from spikeformers.report.figures.ablation import ablation_figure
from spikeformers.report.style import save
from spikeformers.report.text import count, duration, percent
from spikeformers.train.ablation.cells import Ablation, Job
from spikeformers.train.ablation.findings import Findings, read_findings
from spikeformers.train.ablation.record import Record, StudyDirectory
from spikeformers.train.ablation.running import Observer, Standing

PICTURES = ("ablation.png", "ablation.svg")
FILES = ("table.md", "table.csv", "study.json", *PICTURES)


class Told(Observer):
    """Tells on stderr which run is trained, and after each how far the study has come."""

    @contextmanager
    def training(self, job: Job, number: int, total: int) -> Iterator[Watch]:
        """Show the run while it is trained."""
        with watching(f"run {number} of {total}, {job.title}, seed {job.seed}") as shown:
            yield shown

    def ended(self, job: Job, record: Record, standing: Standing) -> None:
        """Say what came of the run, and about how long the rest takes."""
        failed = f"failed: {record.failure}"
        outcome = failed if record.figures is None else f"accuracy {percent(record.figures.accuracy)}"
        _say(f"{job.title}, seed {job.seed}: {outcome}  ({_progress(standing)})")

    def elsewhere(self, job: Job) -> None:
        """Say that another process trains the run."""
        _say(f"{job.title}, seed {job.seed}: another process trains it")


def show_study(findings: Findings, out: Path, *, json: bool) -> None:
    """Print what a study, or some factors of it, has found in its directory `out`."""
    if json:
        print_json(findings)
    elif findings.missing == findings.total:
        console().print(f"No run of the study has ended yet in {out}.", markup=False, soft_wrap=True)
    else:
        console().print(ablation_tables(findings))


def write_study(ablation: Ablation, out: Path) -> bool:
    """Write tables and pictures of what is finished into the directory of a study; return whether anything is.

    Raises:
        DataError: a record is damaged, of another version, or that of another run.
        TrainingError: the directory cannot be written.
        OSError: a file cannot be written; a former one stays.
    """
    directory = StudyDirectory(out)
    directory.make()
    with directory.showing():
        findings = read_findings(ablation, out)
        begun = findings.missing < findings.total
        if begun:
            _write(findings, out)
    return begun


def _write(findings: Findings, out: Path) -> None:
    with atomic_write(out / "study.json") as file:
        file.write(json.dumps(plain(findings), indent=2, allow_nan=False).encode() + b"\n")
    with atomic_write(out / "table.md") as file:
        file.write(ablation_page(findings, PICTURES[0]).encode())
    write_csv(out / "table.csv", ablation_rows(findings))
    figure = ablation_figure(findings)
    for name in PICTURES:
        save(figure, out / name)


def _progress(standing: Standing) -> str:
    failed = f", {count(standing.failed)} failed" if standing.failed else ""
    left = "" if not standing.seconds_left else f", about {duration(standing.seconds_left)} of training left"
    return f"{count(standing.finished)} of {count(standing.total)} runs finished{failed}{left}"


def _say(text: str) -> None:
    error_console().print(text, markup=False, soft_wrap=True)
