"""Measure how accurate models stay when inputs, weights or spikes are disturbed.

Pictures are corrupted in five severities and attacked along surrogate gradients
(FGSM, PGD), noise is added to the weights, and spikes get lost. Of recordings of
events, events are lost, added or late, and pixels hot or dead, instead; attacks
are for pictures only. Models stand side by side and meet the same corruptions.
Samples are those of the test part, spread evenly over it. Options that take
several values take them between commas.

Examples:
  spikeformers robustness runs/digits_spikformer
  spikeformers robustness runs/a runs/b --plot robustness.png --csv robustness.csv
  spikeformers robustness runs/a --only attacks --epsilons 1,2,4,8 --steps 20 --surrogate own,atan,triangle
  spikeformers robustness runs/a --only corruptions --corruptions jpeg,rotation --severities 1,3,5
  spikeformers robustness runs/a --only spikes --spurious-spikes 0.01,0.05
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikeformers.cli.output import console, print_json

if TYPE_CHECKING:
    from spikeformers.cli.measuring import Subject
    from spikeformers.measure import Disturbances, Robustness


def run(
    models: tuple[str, ...],
    /,
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    limit: int = 500,
    batch_size: int = 100,
    only: str | None = None,
    corruptions: str | None = None,
    severities: str = "1,2,3,4,5",
    attacks: str = "fgsm,pgd",
    epsilons: str = "2,4,8,16",
    steps: int = 7,
    step_size: float | None = None,
    surrogate: str = "own,triangle",
    weight_noise: str = "0.05,0.1,0.2,0.4",
    draws: int = 3,
    lost_spikes: str = "0.05,0.1,0.2,0.3,0.5",
    spurious_spikes: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    plot: Path | None = None,
    csv: Path | None = None,
    json: bool = False,
) -> None:
    """Measure accuracy under disturbances.

    Args:
        models: Run directories, checkpoint files, or module:function for a plain torch module.
        dataset: Name of a data set. None: the one each model was trained on.
        data_dir: Directory of the data set. None: the place its installer uses.
        limit: Test samples to look at, at most.
        batch_size: Samples computed at once.
        only: What to disturb: corruptions, attacks, weights, spikes. None: all that suits the data.
        corruptions: Names of corruptions. None: all of pictures, or all of events.
        severities: Of corruptions, 1 to 5.
        attacks: fgsm, pgd.
        epsilons: Largest change of a pixel's value in an attack, in units of 1/255 of its range.
        steps: Steps of PGD.
        step_size: Of each step, in the units of epsilon. None: 2.5 epsilon / steps.
        surrogate: Surrogate gradients that attacks follow: own (the model's), sigmoid, atan, rectangular, triangle.
        weight_noise: Standard deviations of the noise, as shares of that of each weight tensor.
        draws: How often each weight noise is drawn.
        lost_spikes: Probabilities that a spike is lost.
        spurious_spikes: Probabilities that a silent neuron fires. None: not tried.
        seed: Of all random numbers.
        device: Where to compute: cpu, cuda, cuda:1 ...
        plot: Picture of accuracy against strength to write (.png, .svg, .pdf). None: no picture.
        csv: File for a table with a row for each model, disturbance and strength.
        json: Print one JSON document.
    """
    from spikeformers.cli.lists import parse_numbers, parse_whole, parse_words
    from spikeformers.cli.measuring import expect_files, open_subjects
    from spikeformers.measure import Disturbances
    from spikeformers.report.csv import write_csv
    from spikeformers.report.robustness import robustness_rows, robustness_tables
    from spikeformers.report.samples import shared
    from spikeformers.report.style import picture_kind

    words = Disturbances(
        **({} if corruptions is None else {"corruptions": parse_words(corruptions)}),
        severities=parse_whole("--severities", severities),
        attacks=parse_words(attacks),
        epsilons=parse_numbers("--epsilons", epsilons),
        steps=steps,
        step_size=step_size,
        surrogates=parse_words(surrogate),
        weight_noise=parse_numbers("--weight-noise", weight_noise),
        draws=draws,
        lost_spikes=parse_numbers("--lost-spikes", lost_spikes),
        spurious_spikes=parse_numbers("--spurious-spikes", spurious_spikes or ""),
        seed=seed,
    )
    words = words if only is None else words.only(*parse_words(only))
    expect_files(csv, plot)
    if plot is not None:
        picture_kind(plot)  # complains before anything is measured
    subjects = open_subjects(models, dataset=dataset, data_dir=data_dir, limit=limit, device=device)
    on = {subject.label: subject.on for subject in subjects}
    given = {"named": corruptions is not None, "only": only is not None}
    found = {each.label: _measured(each, _suiting(each, words, **given), batch_size) for each in subjects}
    if csv is not None:
        write_csv(csv, robustness_rows(found))
    if plot is not None:
        _draw(found, " and ".join(dict.fromkeys(on.values())), plot)
    if json:
        print_json({"robustness": found, "picture": plot})
    else:
        console().print(robustness_tables(found, on, shared(subject.noun for subject in subjects)))


def _suiting(subject: Subject, words: Disturbances, *, named: bool, only: bool) -> Disturbances:
    """What was asked for; for events, what suits them where no corruptions were named, and no parts."""
    from dataclasses import replace

    from spikeformers.report.samples import RECORDING

    if subject.noun != RECORDING:
        return words
    suited = words.for_events()
    return replace(
        suited,
        corruptions=words.corruptions if named else suited.corruptions,
        attacks=words.attacks if only else suited.attacks,
    )


def _measured(subject: Subject, words: Disturbances, batch_size: int) -> Robustness:
    from spikeformers.cli.measuring import counting
    from spikeformers.measure import robustness

    with counting(f"disturbing {subject.label}", subject.samples) as progress:
        return robustness(
            subject.model,
            subject.raw(batch_size),
            mean=subject.mean,
            std=subject.std,
            disturbances=words,
            progress=progress,
        )


def _draw(found: dict[str, Robustness], on: str, path: Path) -> None:
    from spikeformers.report.figures.robustness import robustness_curves
    from spikeformers.report.style import save

    save(robustness_curves(found, on), path)
