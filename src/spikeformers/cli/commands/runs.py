"""List and compare the runs that `train` has left.

Examples:
  spikeformers runs list
  spikeformers runs list ~/experiments --json
  spikeformers runs compare runs/digits_spikformer runs/digits_spikingformer
  spikeformers runs compare runs/seed0 runs/seed1 runs/seed2 --out seeds.png
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikeformers.cli.output import console, error_console, print_json
from spikeformers.errors import DataError
from spikeformers.report import runs as report
from spikeformers.train.runs import differing_words, find_runs, read_run, read_runs


def list_runs(directory: Path = Path("runs"), /, *, json: bool = False) -> None:
    """List the runs in a directory and the directories below it.

    Args:
        directory: Where to look.
        json: Print one JSON document.
    """
    runs, errors = read_runs(find_runs(directory))
    if json:
        print_json({"runs": runs, "unreadable": [str(error) for error in errors]})
        return
    if not runs and not errors:
        raise DataError(
            f"There are no runs in {directory}: expected directories with a recipe.json, as training writes."
        )
    if runs:
        console().print(report.run_list(runs))
    for error in errors:
        error_console().print(f"Not shown: {error}", style="yellow", markup=False, soft_wrap=True)


def compare(
    first: Path, second: Path, more: tuple[Path, ...], /, *, out: Path | None = None, json: bool = False
) -> None:
    """Compare runs: figures, what differs in their recipes, and curves as a picture.

    Args:
        first: Directory of a run, finished or not.
        second: Directory of another run.
        more: Directories of further runs.
        out: Picture of training loss, accuracy and firing rate to write (.png, .svg, .pdf). None: no picture.
        json: Print one JSON document.
    """
    runs = [read_run(path) for path in (first, second, *more)]
    differing = differing_words(runs)
    if out is not None:
        from spikeformers.report.curves import run_curves
        from spikeformers.report.style import save

        save(run_curves(runs), out)
    if json:
        figures = [{**run.to_dict(), "epochs": run.epochs} for run in runs]
        print_json({"runs": figures, "differences": differing, "picture": out})
        return
    page = console()
    page.print(report.run_comparison(runs, differing))
    where = f"Curves: {out}" if out else "Curves: add --out compare.png"
    page.print(f"\n{where}", markup=False, soft_wrap=True)


COMMANDS: dict[str, Callable[..., None]] = {"list": list_runs, "compare": compare}
