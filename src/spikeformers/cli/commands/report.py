"""Write a page about trained models: accuracy, energy, spikes, what they see.

The page is one HTML file that opens from the disk and needs no network; its
figures lie beside it as PNG and SVG. Several models stand side by side. Accuracy
is measured on all test samples, everything else on --limit of them, spread evenly.

Examples:
  spikeformers report runs/digits_spikformer
  spikeformers report runs/a runs/b --out comparison
  spikeformers report runs/a --limit 500 --robustness --out page.html
  spikeformers report runs/a --json > figures.json
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json


def run(
    models: tuple[str, ...],
    /,
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    out: Path | None = None,
    limit: int = 100,
    robustness: bool = False,
    batch_size: int = 50,
    device: str = "cpu",
    csv: Path | None = None,
    json: bool = False,
) -> None:
    """Write a page.

    Args:
        models: Run directories or checkpoint files.
        dataset: Name of a data set. None: the one each model was trained on.
        data_dir: Directory of the data set. None: the place its installer uses.
        out: Directory, or a file that ends in .html. None: report/ in the run, of several models ./report.
        limit: Test samples to look at, at most; accuracy is measured on all of them.
        robustness: Measure accuracy under disturbances, too; this takes longest.
        batch_size: Samples computed at once; NeuroBench's split into ACs and MACs depends on it.
        device: Where to compute: cpu, cuda, cuda:1 ...
        csv: File for a table with a row for each model.
        json: Print one JSON document with all figures.
    """
    from spikeformers.cli.measuring import open_subjects
    from spikeformers.cli.study import facts, study
    from spikeformers.report import tables
    from spikeformers.report.csv import write_csv
    from spikeformers.report.page import write

    subjects = open_subjects(models, dataset=dataset, data_dir=data_dir, limit=limit, device=device)
    studies = [study(subject, batch_size=batch_size, disturbed=robustness) for subject in subjects]
    options = {"--dataset": dataset, "--data-dir": data_dir, "--out": out, "--limit": limit, "--batch-size": batch_size}
    words = ["--robustness"] if robustness else []
    page = write.page_file(_place(models) if out is None else out)
    given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    written = write.write_page(studies, facts([*models, *words, *given]), page)
    if csv is not None:
        write_csv(csv, write.page_rows(studies))
    if json:
        print_json({"page": page, "files": written, "models": studies})
        return
    console().print(tables.listing("Written", [(str(page), "the page"), (str(written[0].parent), "its figures")]))


def _place(models: tuple[str, ...]) -> Path:
    """Where a page goes by itself: into the run it is about."""
    only = Path(models[0])
    return only / "report" if len(models) == 1 and only.is_dir() else Path("report")
