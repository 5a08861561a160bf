"""Accuracy under disturbances as terminal tables, models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import bullets, heading, new_table
from spikeformers.report.samples import IMAGE, Noun
from spikeformers.report.text import UNKNOWN, count, percent

if TYPE_CHECKING:
    from spikeformers.measure import Robustness, RobustnessRow
    from spikeformers.measure.disturbances.trials import Family

Results = Mapping[str, "Robustness"]


def robustness_tables(results: Results, on: Mapping[str, str], noun: Noun = IMAGE) -> RenderableType:
    """A summary, and a table for each family of disturbances that was tried.

    Args:
        results: from a label to what was measured.
        on: from a label to what it was measured on, in words.
        noun: what the samples are called.
    """
    names = " and ".join(dict.fromkeys(on.values()))
    parts: list[RenderableType] = [heading(f"Accuracy on {names}"), _summary(results, noun)]
    for family, title, header in _FAMILIES:
        if any(result.of(family) for result in results.values()):
            parts += [heading(title.format(noun)), _grid(results, family, header)]
    return Group(*parts, *bullets("How to read this", notes(results, noun)))


_FAMILIES: tuple[tuple[Family, str, str], ...] = (
    ("corruption", "Accuracy on corrupted {0.many}, by severity", "{:g}"),
    ("attack", "Accuracy under attack, by epsilon", "{:g}/255"),
    ("weights", "Accuracy with noise on the weights, by its standard deviation", "{:g}"),
    ("spikes", "Accuracy with faulty spikes, by their probability", "{:g}"),
)


def _summary(results: Results, noun: Noun) -> RenderableType:
    corrupted, attacked = (any(result.of(family) for result in results.values()) for family in ("corruption", "attack"))
    more = [*([">corrupted, mean"] if corrupted else []), *([">attacked, lowest"] if attacked else [])]
    table = new_table("model", f">{noun.many}", ">undisturbed", ">95 % interval", *more)
    for label, result in results.items():
        cells = [count(result.samples), percent(result.clean, 1), _interval(result.interval)]
        cells += [percent(result.corruption_accuracy(), 1)] if corrupted else []
        cells += [percent(min(row.accuracy for row in result.of("attack")), 1)] if attacked else []
        table.add_row(Text(label, "cyan"), *cells)
    return table


def _interval(ends: tuple[float, float]) -> str:
    low, high = (f"{100 * end:.1f}" for end in ends)
    return f"{low} to {high} %"


def _grid(results: Results, family: Family, header: str) -> RenderableType:
    """A line for each disturbance and model, a column for each strength."""
    rows = [row for result in results.values() for row in result.of(family)]
    columns = sorted(set(map(_level, rows)))
    corrupted = family == "corruption"
    more = [">mean", f"severity {columns[-1]} is"] if corrupted else []
    table = new_table("disturbance", "model", *(f">{header.format(column)}" for column in columns), *more)
    for name, variant in _disturbances(rows):
        title, said = Text(title_of(name, variant)), ""
        for label, result in results.items():
            found = {_level(row): row for row in result.of(family, name, variant)}
            if not found:
                continue
            cells = [_cell(found[column]) if column in found else UNKNOWN for column in columns]
            if corrupted:
                means = found[columns[-1]].detail
                cells += [percent(result.corruption_accuracy(name), 1), "" if means == said else means]
                said = means
            table.add_row(title, Text(label, "cyan"), *cells)
            title = Text()
    return table


def _disturbances(rows: Sequence[RobustnessRow]) -> list[tuple[str, str]]:
    """Names with their variants; the models may differ in those."""
    names, variants = dict.fromkeys(row.name for row in rows), dict.fromkeys(row.variant for row in rows)
    found = {(row.name, row.variant) for row in rows}
    return [(name, variant) for name in names for variant in variants if (name, variant) in found]


def _level(row: RobustnessRow) -> float:
    return row.strength if row.severity is None else row.severity


def title_of(name: str, variant: str = "") -> str:
    """A disturbance as a reader says it."""
    words = {"fgsm": "FGSM", "pgd": "PGD", "lost": "lost spikes", "spurious": "spurious spikes", "jpeg": "JPEG"}
    title = words.get(name, name.replace("_", " "))
    return f"{title}, {variant}" if variant else title


def _cell(row: RobustnessRow) -> str:
    return percent(row.accuracy, 1) if row.spread is None else f"{100 * row.accuracy:.1f} ± {100 * row.spread:.1f} %"


def notes(results: Results, noun: Noun = IMAGE) -> list[str]:
    """What a reader must know of what is shown, and nothing of what is not."""
    from spikeformers.measure.disturbances.corruptions import EVENT_CORRUPTIONS

    rows = [row for result in results.values() for row in result.rows]
    families = {row.family for row in rows}
    settings = next(iter(results.values())).settings
    notes = [_precision(results, noun)]
    if "corruption" in families:
        names = {row.name for row in rows if row.family == "corruption"}
        notes += [_CORRUPTIONS] if names - EVENT_CORRUPTIONS.keys() else []
        notes += [_EVENTS] if names & EVENT_CORRUPTIONS.keys() else []
    if "attack" in families:
        notes.append(_attacks(results))
        notes += _blind(results)
    if "weights" in families:
        notes.append(
            f"Weight noise: normal, its standard deviation as a share of that of each weight tensor. Mean of "
            f"{settings.draws} draws{', ± their standard deviation' if settings.draws > 1 else ''}."
        )
    if "spikes" in families:
        notes.append(_SPIKES)
    notes += _without_spikes(results)
    notes.append(f"All random numbers come from seed {settings.seed} and the number of each {noun.one}.")
    return notes


_CORRUPTIONS = (
    "Corruptions: severities of Hendrycks and Dietterich (ICLR 2019), CIFAR-10-C below 96 pixels and ImageNet-C from "
    "there on, written anew; occlusion, rotation and translation are no part of these, and their severities our own."
)
_EVENTS = (
    "Corruptions of events are made on the counts of each time step, in severities of our own; no published benchmark "
    "has them. Attacks are not tried: counts have no range that an epsilon could be a part of."
)
_SPIKES = (
    "Spikes: faults behind every neuron layer, which resets as if there were none. An integer n is n spikes; of an "
    "analog neuron the whole output is lost."
)


def _without_spikes(results: Results) -> list[str]:
    """Why there is no row of faulty spikes where they were asked for."""
    settings = next(iter(results.values())).settings
    without = [label for label, result in results.items() if not result.of("spikes")]
    if not without or not (settings.lost_spikes or settings.spurious_spikes):
        return []
    has = "has" if len(without) == 1 else "have"
    return [f"{' and '.join(without)} {has} no neurons of this package, and so no spikes to disturb."]


def _precision(results: Results, noun: Noun) -> str:
    fewest = min(result.samples for result in results.values())
    half = 0.98 / (fewest + 3.84) ** 0.5  # Wilson's interval at 50 %: z / 2 over the root of n + z squared
    return (
        f"Of {count(fewest)} {noun.many}, an accuracy near 50 % is known to ± {100 * half:.1f} points (95 %, Wilson), "
        "one near 0 or 100 % more closely."
    )


def _attacks(results: Results) -> str:
    variants = dict.fromkeys(row.variant for result in results.values() for row in result.of("attack"))
    settings = next(iter(results.values())).settings
    pgd = f" PGD takes {settings.steps} steps from a random start." if "pgd" in settings.attacks else ""
    worst = " worst: an image counts as right if it is under every one." if "worst" in variants else ""
    return (
        f"Attacks: epsilon is the largest change of a pixel's value.{pgd} The gradients followed are surrogates (own: "
        f"the model's).{worst} An attack that fails proves nothing: its "
        "surrogate can hide a direction that would succeed."
    )


def _blind(results: Results) -> Iterator[str]:
    for label, result in results.items():
        worst = max(result.of("attack"), key=lambda row: row.blind or 0, default=None)
        if worst is not None and worst.blind:
            yield (
                f"{label}: {title_of(worst.name, worst.variant)} had no gradient to follow, zero for every pixel, on "
                f"up to {count(worst.blind)} of {count(worst.samples)} images. It says nothing about those."
            )


def robustness_rows(results: Results) -> Iterator[dict[str, Any]]:
    """A row for each model, disturbance and strength, the undisturbed one first, for a table of a spreadsheet."""
    for label, result in results.items():
        undisturbed = {"family": "none", "name": "none", "variant": "", "strength": 0.0, "severity": None}
        counted = {"samples": result.samples, "correct": result.correct, "accuracy": result.clean}
        yield {"model": label, **undisturbed, **counted, **_ends(result.interval)}
        for row in result.rows:
            values = {word: value for word, value in row.to_dict().items() if word != "interval"}
            yield {"model": label, **values, **_ends(row.interval)}


def _ends(interval: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {"interval_low": low, "interval_high": high}
