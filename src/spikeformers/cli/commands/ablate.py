"""Run a small study: change one factor of a training recipe at a time.

A study is a TOML file: a recipe, changes that make it the base, seeds, and for
each factor the values to try. Each run is trained once and its figures are kept
in the directory; the same command goes on after an interruption, reads what is
finished and tries again what failed. Two of them may work on one directory.

Examples:
  spikeformers ablate digits --plan
  spikeformers ablate digits --out runs/digits-ablation
  spikeformers ablate my_study.toml --data-dir ~/data/fashion-mnist --only attention
  spikeformers ablate my_study.toml --table-only
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeformers.cli.output import console, print_json
from spikeformers.errors import ConfigError
from spikeformers.train.errors import TrainingError

if TYPE_CHECKING:
    from spikeformers.train.ablation.cells import Ablation


def run(
    study: str,
    /,
    *,
    out: Path | None = None,
    only: tuple[str, ...] = (),
    plan: bool = False,
    table_only: bool = False,
    data_dir: Path | None = None,
    device: str = "cpu",
    workers: int | None = None,
    save_every: int = 0,
    keep_checkpoints: bool = False,
    json: bool = False,
) -> None:
    """Run a study of ablations.

    Args:
        study: Name of a packaged study, or path of a TOML file.
        out: Directory of the study. None: runs/STUDY-ablation. What is finished in it is not trained again.
        only: A factor to train and print; may be given several times. None: all. Files have all factors anyway.
        plan: Print the cells with their parameters and train nothing.
        table_only: Print the tables of what is finished; train nothing, write nothing.
        data_dir: Directory of the data set. None: the place its installer uses.
        device: Where to compute: cpu, cuda, cuda:1 ...
        workers: Processes that prepare samples. None: as many as there is work for. The result does not depend on it.
        save_every: Updates between two states saved within an epoch. 0: only after each epoch.
        keep_checkpoints: Keep the checkpoints of finished runs. Their figures, recipes and logs are kept anyway.
        json: Print the result as one JSON document.
    """
    from spikeformers.cli.ablating import FILES, show_study, write_study
    from spikeformers.train.ablation.cells import resolve
    from spikeformers.train.ablation.findings import read_findings
    from spikeformers.train.ablation.study import read_study

    if plan and table_only:
        raise ConfigError("--plan and --table-only exclude each other. Leave one of them out.")
    ablation = resolve(read_study(study))
    chosen = ablation.only(only)
    place = out or Path("runs") / f"{ablation.study.name}-ablation"
    if plan:
        _print_plan(chosen, place, json=json)
        return
    try:
        if not table_only:
            how = {"data_dir": data_dir, "workers": workers, "save_every": save_every}
            _train(chosen, place, device=device, keep_checkpoints=keep_checkpoints, **how)
    finally:  # also after Ctrl-C: whatever is finished is shown
        written = not table_only and write_study(ablation, place)
        findings = read_findings(chosen, place)
        show_study(findings, place, json=json)
        if written and not json:
            console().print(f"\nFiles in {place}: {', '.join(FILES)}", markup=False, soft_wrap=True)
    if findings.failures:
        raise TrainingError(
            f"{len(findings.failures)} of {findings.total} runs failed: {'; '.join(findings.failures)}. The same "
            "command tries them again."
        )


def _train(ablation: Ablation, place: Path, *, device: str, **how: Any) -> None:
    from spikeformers.cli.ablating import Told
    from spikeformers.cli.devices import usable_device
    from spikeformers.train.ablation.running import train_study

    train_study(ablation, place, observer=Told(), device=usable_device(device), **how)


def _print_plan(ablation: Ablation, place: Path, *, json: bool) -> None:
    from spikeformers.report.ablation import plan_table
    from spikeformers.train.ablation.findings import read_findings

    findings = read_findings(ablation, place)
    if json:
        print_json(findings)
    else:
        console().print(plan_table(findings))
