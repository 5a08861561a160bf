"""Count the operations of trained models and estimate their energy, layer by layer.

Models stand side by side, each as it was trained and with its norms folded into
its weights. Four conventions price the same counts; each is printed with what it
includes and where its constants come from. `module:function` names a plain torch
module, such as an ANN to compare with. Samples are those of the test part, spread
evenly over it.

Examples:
  spikeformers profile runs/digits_spikformer
  spikeformers profile runs/a runs/b --limit 500 --csv layers.csv
  spikeformers profile runs/a --layers --firing
  spikeformers profile runs/a --convention exact --convention my_prices.toml
  spikeformers profile runs/a --accelerator vesta --what-if pes=1024
  spikeformers profile runs/a my_models:resnet --dataset digits
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikeformers.cli.output import console, print_json

if TYPE_CHECKING:
    from spikeformers.cli.measuring import Subject
    from spikeformers.measure import AcceleratorReport, FiringStatistics, Profile


def run(
    models: tuple[str, ...],
    /,
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    limit: int = 100,
    batch_size: int = 50,
    convention: tuple[str, ...] = (),
    layers: bool = False,
    firing: bool = False,
    accelerator: tuple[str, ...] = (),
    what_if: tuple[str, ...] = (),
    device: str = "cpu",
    csv: Path | None = None,
    json: bool = False,
) -> None:
    """Count operations and estimate energy.

    Args:
        models: Run directories, checkpoint files, or module:function for a plain torch module.
        dataset: Name of a data set. None: the one each model was trained on.
        data_dir: Directory of the data set. None: the place its installer uses.
        limit: Test samples to look at, at most.
        batch_size: Samples computed at once; NeuroBench's split into ACs and MACs depends on it.
        convention: neurobench, paper, exact, memory, or a TOML file of your own. None: these four.
        layers: Show every call of every operation, not the costliest only.
        firing: Show how often every neuron layer fires, which neurons never do, and which always.
        accelerator: vesta, parallel_time_steps, or a TOML file of your own: cycles and frames per second.
        what_if: A parameter of the accelerators with another value: pes=1024, parallel_steps=1, zero_skip=true.
        device: Where to compute: cpu, cuda, cuda:1 ...
        csv: File for a table with a row for each form and call of an operation.
        json: Print one JSON document.
    """
    from spikeformers.cli.measuring import open_subjects
    from spikeformers.measure import CONVENTIONS
    from spikeformers.report.csv import write_csv
    from spikeformers.report.profile import profile_rows

    changes = _checked(convention, accelerator, what_if, csv)
    subjects = open_subjects(models, dataset=dataset, data_dir=data_dir, limit=limit, device=device)
    found = {each.label: _profiled(each, convention or CONVENTIONS, batch_size) for each in subjects}
    fired = {each.label: _fired(each, batch_size) for each in subjects if firing}
    chips = {label: _scheduled(each, accelerator, changes) for label, each in found.items() if accelerator}
    if csv is not None:
        write_csv(csv, profile_rows(found))
    if json:
        print_json({"profiles": found, "firing": fired, "accelerators": chips})
        return
    _print(subjects, found, fired, chips, every=layers)


def _checked(
    conventions: tuple[str, ...], accelerators: tuple[str, ...], asked: tuple[str, ...], csv: Path | None
) -> dict[str, bool | int | float]:
    """Read the changes of accelerators, and complain before anything is counted."""
    from spikeformers.cli.measuring import expect_files
    from spikeformers.cli.what_if import parse_changes
    from spikeformers.errors import InputError
    from spikeformers.measure import read_accelerator, read_convention
    from spikeformers.measure.accelerators.parameters import what_if

    changes = parse_changes(asked, accelerators)
    for option, words in (("convention", conventions), ("accelerator", accelerators)):
        if len(set(words)) < len(words):
            raise InputError(f"--{option} {' '.join(words)}: names something twice. Name each once.")
    for each in conventions:
        read_convention(each)
    for each in accelerators:
        what_if(read_accelerator(each), **changes)
    expect_files(csv)
    return changes


def _profiled(subject: Subject, conventions: tuple[str, ...], batch_size: int) -> Profile:
    from spikeformers.cli.measuring import counting
    from spikeformers.measure import forms, profile

    total = subject.samples * sum(1 for _ in forms(subject.model))
    with counting(f"counting {subject.label}", total) as progress:
        return profile(subject.model, subject.batches(batch_size), conventions=conventions, progress=progress)


def _fired(subject: Subject, batch_size: int) -> FiringStatistics | None:
    """None of a plain torch module, of which nobody knows what its neurons are."""
    from spikeformers.cli.measuring import counting
    from spikeformers.measure import statistics
    from spikeformers.models import SpikingModel

    if not isinstance(subject.model, SpikingModel):
        return None
    with counting(f"watching {subject.label}", subject.samples) as progress:
        return statistics(subject.model, subject.batches(batch_size), progress=progress)


def _scheduled(
    profile: Profile, accelerators: tuple[str, ...], changes: dict[str, bool | int | float]
) -> list[AcceleratorReport]:
    from spikeformers.measure import accelerator

    return [accelerator(profile.deployed.counts, each, **changes) for each in accelerators]


def _print(
    subjects: list[Subject],
    found: dict[str, Profile],
    fired: dict[str, FiringStatistics | None],
    chips: dict[str, list[AcceleratorReport]],
    *,
    every: bool,
) -> None:
    from spikeformers.report import accelerator, profile
    from spikeformers.report.firing_statistics import firing_statistics
    from spikeformers.report.samples import shared

    page, first, noun = console(), next(iter(found.values())), shared(subject.noun for subject in subjects)
    for subject in subjects:
        each = found[subject.label]
        page.print(profile.overview(each, subject.label, subject.on, subject.noun))
        prices = [energy.convention for energy in each.deployed.energies]
        convention = "exact" if "exact" in prices else prices[0]
        most = None if every else profile.SHORT
        page.print(profile.layers(each, subject.label, convention, most, subject.noun))
        neurons = fired.get(subject.label)
        if neurons is not None:
            page.print(firing_statistics(neurons, subject.label, subject.on))
    on = " and ".join(dict.fromkeys(subject.on for subject in subjects))
    page.print(profile.energies(found, on, noun=noun))
    if chips:
        page.print(accelerator.accelerators(chips, first.deployed.label, noun))
        for label, reports in chips.items():
            for report in reports if every else []:
                page.print(accelerator.accelerator_layers(report, label, noun))
