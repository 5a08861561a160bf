"""What a study found, for the terminal, as a page of Markdown and as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import NarrowingTable, bullets, heading, new_table, pairs
from spikeformers.report.text import UNKNOWN, count, duration, percent, word_value

if TYPE_CHECKING:
    from spikeformers.train.ablation.findings import Findings, Line

_HEADERS = (">parameters", ">accuracy", ">to the base", ">firing", ">time")
_DISPENSABLE = (">time", ">firing", ">parameters")  # where a terminal is narrow, the first to go first
WITHIN = "within the spread"


def ablation_tables(findings: Findings) -> RenderableType:
    """A table for each factor, the study's facts and how to read them."""
    parts: list[RenderableType] = []
    for factor, lines in findings.factors.items():
        rows = [_row(line) for line in lines]
        parts += [Text(), NarrowingTable((factor, *_HEADERS, ""), rows, dispensable=_DISPENSABLE)]
    parts += [heading(findings.title), pairs(_facts(findings)), *(Text(text, "dim") for text in _how(findings))]
    return Group(*parts, *_failures(findings))


def plan_table(findings: Findings) -> RenderableType:
    """The cells of a study: their parameters, what they change, and what has ended of them where anything has."""
    begun = findings.missing < findings.total
    table = new_table("factor", "value", ">parameters", *([">ended"] if begun else []), "changes")
    for factor, lines in findings.factors.items():
        for index, line in enumerate(lines):
            ended = [f"{len(findings.seeds) - len(line.missing)} of {len(findings.seeds)}"] if begun else []
            named = Text("" if index else factor)  # once: the values below are told apart more easily
            table.add_row(named, Text(label_of(line), "cyan"), count(line.parameters), *ended, _changes(line))
    return Group(Text(findings.title, "bold"), Text(), table, Text(), pairs(_facts(findings)))


def ablation_page(findings: Findings, picture: str) -> str:
    """The same as a page of Markdown, with a picture that lies beside it."""
    lines = [f"# {findings.title}", "", *(f"- {word}: {value}" for word, value in _facts(findings)), ""]
    lines += [f"![Accuracy of every run]({picture})", ""]
    for factor, rows in findings.factors.items():
        lines += [f"## {_escaped(factor)}", "", "| | parameters | accuracy | to the base | firing | time | |"]
        lines += ["|---|---:|---:|---:|---:|---:|---|"]
        lines += [f"| {' | '.join([_escaped(label_of(row)), *_cells(row)])} |" for row in rows]
        lines += [""]
    lines += _how(findings)
    if findings.failures:
        lines += ["", "## Failed", ""]
        lines += [f"- {name}: {' '.join(why.split())}" for name, why in findings.failures.items()]
    return "\n".join(lines) + "\n"


def ablation_rows(findings: Findings) -> Iterator[dict[str, Any]]:
    """A row for each line of the tables; accuracies are shares of one, times seconds."""
    for line in findings.lines:
        told = line.to_dict()
        words = ("factor", "label", "is_base", "parameters", "accuracy", "spread", "difference", "standard_error")
        yield {
            **{word: told[word] for word in (*words, "within_spread")},
            "seeds": list(line.runs),
            "accuracies": line.accuracies,
            "firing_rate": line.over_runs("firing_rate"),
            "loss": line.over_runs("loss"),
            "seconds": line.over_runs("seconds"),
            "failed": list(line.failures),
            "missing": list(line.missing),
        }


def label_of(line: Line) -> str:
    """Say a value, and that it is the base's."""
    return f"{line.label} (base)" if line.is_base and line.label != "base" else line.label


def standing_of(findings: Findings) -> str:
    """Say how many runs there are, and how many are lacking; "" where none is."""
    lacking = {"missing": findings.missing, "failed": len(findings.failures)}
    told = [f"{count(number)} {word}" for word, number in lacking.items() if number]
    return f"{count(findings.finished)} of {count(findings.total)} runs finished, {', '.join(told)}" if told else ""


def _changes(line: Line) -> Text:
    """What a value changes; words of the model, by far the most, go without the tables they are in."""
    words = ((key.removeprefix("model.config."), each) for key, each in line.overrides.items())
    return Text("  ".join(f"{key} = {word_value(each)}" for key, each in words), "dim")


def _row(line: Line) -> list[RenderableType]:
    *figures, remark = _cells(line)
    return [Text(label_of(line), "cyan"), *figures, Text(remark, "dim")]


def _cells(line: Line) -> list[str]:
    """Figures in the order of the headers, and a remark."""
    firing, seconds = line.over_runs("firing_rate"), line.over_runs("seconds")
    return [
        count(line.parameters),
        _accuracy(line),
        _difference(line),
        percent(firing, 1),
        UNKNOWN if seconds is None else duration(seconds),
        ", ".join(_remarks(line)),
    ]


def _accuracy(line: Line) -> str:
    if line.mean is None:
        return UNKNOWN
    return percent(line.mean) if line.spread is None else f"{100 * line.mean:.2f} ± {percent(line.spread)}"


def _difference(line: Line) -> str:
    if line.difference is None:
        return "" if line.is_base else UNKNOWN
    error = line.difference.standard_error
    difference = f"{100 * line.difference.mean:+.2f}".replace("-", "−")
    return difference if error is None else f"{difference} ± {100 * error:.2f}"


def _remarks(line: Line) -> Iterator[str]:
    if line.difference is not None and line.difference.within_spread:
        yield WITHIN
    ended = len(line.runs) + len(line.failures)
    if line.failures:
        yield f"{len(line.failures)} of {ended + len(line.missing)} failed"
    if line.missing:
        yield f"{len(line.missing)} of {ended + len(line.missing)} missing"


def _facts(findings: Findings) -> list[tuple[str, str]]:
    settings = ", ".join(f"{key} = {word_value(value)}" for key, value in findings.settings.items())
    facts = [
        ("recipe", f"{findings.recipe}{f' with {settings}' if settings else ''}"),
        ("model", findings.model),
        ("data set", findings.dataset),
        ("epochs", str(findings.epochs)),
        ("seeds", word_value(findings.seeds)),
        ("runs", standing_of(findings) or count(findings.total)),
        ("training", duration(findings.seconds) if findings.finished else ""),
        ("versions" if len(findings.versions) > 1 else "version", ", ".join(findings.versions)),
    ]
    return [(word, value) for word, value in facts if value]


def _how(findings: Findings) -> Sequence[str]:
    part = findings.eval_part or "test"
    return (
        f"Accuracy on the {part} part after the last epoch: mean ± standard deviation over seeds, in per cent. To the "
        f"base: the difference of the means ± its standard error, in percentage points; one of up to two standard "
        f"errors is {WITHIN}. One factor differs from the base at a time. Time is that of training one run.",
    )


def _failures(findings: Findings) -> list[RenderableType]:
    return bullets("Failed", [f"{name}: {why}" for name, why in findings.failures.items()])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
