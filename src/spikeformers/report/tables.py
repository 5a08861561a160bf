"""Results as tables for the terminal; each function takes plain results and returns something `rich` can print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spikeformers.report.layout import bullets, heading, new_table, pairs
from spikeformers.report.samples import IMAGE, Noun, noun_of
from spikeformers.report.text import bar, count, duration, percent, size, word_value

if TYPE_CHECKING:  # results come from rooms that import torch; `list` and `info` must not
    from spikeformers.catalog import Paper, Record, Result
    from spikeformers.measure import Firing
    from spikeformers.report.results import Compared, Fact, Portrait, Prediction
    from spikeformers.train import Evaluation, RunResult


def model_list(records: Sequence[Record]) -> RenderableType:
    """One line per model."""
    table = new_table("model", ">parameters", ">T", ">input", "data set")
    for record in records:
        table.add_row(
            Text(record.name, "cyan"),
            count(record.parameters),
            str(record.time_steps),
            size(record.input),
            record.dataset,
        )
    return table


def published_list(rows: Sequence[Compared]) -> RenderableType:
    """Parameters of every model beside those of the authors' code, and the accuracies they report."""
    table = new_table("model", ">parameters", ">authors'", ">difference", ">accuracy", ">T", "source")
    for row in rows:
        difference = "" if row.difference is None else f"{row.difference:+,d}" if row.difference else "0"
        theirs = "-" if row.published_parameters is None else count(row.published_parameters)
        first: list[Text | str] = [Text(row.name, "cyan"), count(row.parameters), theirs, difference]
        for result in row.published or (None,):
            figures = ("", "", "") if result is None else (_figure(result), str(result.time_steps), _source(result))
            table.add_row(*first, *figures)
            first = [Text(), "", "", ""]
    return Group(table, Text("\nAccuracies as their sources report them, not measured here.", "dim"))


def _source(result: Result) -> str:
    metric = "" if result.metric == "top-1" else f"{result.metric}, "
    image = "" if result.image_size is None else f"{size(result.image_size)}, "
    return f"{metric}{image}{result.source}"


def _figure(result: Result) -> str:
    return f"{result.value:.2f}{' %' if result.metric.startswith('top-') else ''}"


def model_card(record: Record) -> RenderableType:
    """Everything the catalogue knows about one model."""
    facts = [
        ("parameters", count(record.parameters)),
        ("time steps", str(record.time_steps)),
        ("input", size(record.input)),
        ("data set", record.dataset),
        ("paper", _reference(record.paper)),
        ("licence", record.licence_note),
        ("built by", record.builds),
    ]
    parts: list[RenderableType] = [Text(record.name, "bold cyan"), pairs(facts)]
    if record.published:
        parts += [heading("Published: figures as their sources report them, not measured here"), _published(record)]
    parts += [
        heading("Configuration"),
        pairs([(word, _config_word(word, value)) for word, value in record.config.items()]),
    ]
    parts += bullets("Notes", record.notes)
    parts += bullets("Uncertain: stated by no paper or released code", record.uncertain)
    return Group(*parts)


def run_result(result: RunResult, title: str = "Run") -> RenderableType:
    """What a finished training run achieved and where it lies."""
    facts = [
        ("model", result.model_name),
        ("parameters", count(result.parameters)),
        ("data set", result.dataset),
        ("seed", str(result.seed)),
        *_accuracies(result),
        ("time", duration(result.seconds)),
        ("files", str(result.out)),
    ]
    return Group(heading(title), pairs(facts))


def _accuracies(result: RunResult) -> list[tuple[str, str]]:
    """Say of each accuracy which samples it is on and how its epoch was chosen."""
    many = noun_of(result.dataset).many
    last = f"after the last epoch ({len(result.epochs)})"
    if result.eval_part == "test":
        best = f"at its best (epoch {result.best_epoch}); choosing on test {many} flatters"
        accuracies = f"{percent(result.test_accuracy)} {last}\n{percent(result.best_test_accuracy)} {best}"
        return [("test accuracy", accuracies)]
    held_out = f"{percent(result.last_accuracy)} {last}\n{percent(result.best_accuracy)} at its best"
    best = f"with the weights of epoch {result.best_epoch}, best on the validation {many}"
    test = f"{percent(result.test_accuracy)} {last}\n{percent(result.best_test_accuracy)} {best}"
    return [("validation", f"{held_out} (epoch {result.best_epoch})"), ("test accuracy", test)]


def evaluation(result: Evaluation, *, model: str, dataset: str) -> RenderableType:
    """Accuracy of a model on a labelled set."""
    facts = [
        ("model", model),
        ("data set", dataset),
        ("accuracy", f"{percent(result.accuracy)}  ({count(result.correct)} of {count(result.samples)})"),
        ("loss", f"{result.loss:.4f}"),
    ]
    return Group(heading("Evaluation"), pairs(facts))


def firing(rows: Sequence[Firing], title: str) -> RenderableType:
    """Firing rate of every layer; the longest bar is the highest rate of this table."""
    highest = max((row.rate for row in rows), default=0.0) or 1.0
    table = new_table("layer", ">spikes", ">elements", ">rate", f"0 to {percent(highest, 1)}")
    for row in rows:
        table.add_row(
            Text(row.name),
            count(row.spikes),
            count(row.elements),
            percent(row.rate),
            Text(bar(row.rate / highest), "blue"),
        )
    return Group(heading(title), table)


def predictions(rows: Sequence[Prediction], noun: Noun = IMAGE) -> RenderableType:
    """The likeliest classes of each image or recording."""
    table = new_table(noun.one, "class", ">probability", "")
    for row in rows:
        for rank, choice in enumerate(row.choices):
            table.add_row(
                Text("" if rank else row.file),
                Text(choice.label, "" if rank else "bold"),
                percent(choice.probability),
                Text(bar(choice.probability), "blue"),
                end_section=rank == len(row.choices) - 1,
            )
    return table


def comparison(models: Sequence[Portrait], title: str) -> RenderableType:
    """Trained models side by side."""
    table = new_table("model", ">parameters", ">accuracy", ">correct", ">training time")
    for model in models:
        result = model.evaluation
        table.add_row(
            Text(model.label, "cyan"),
            count(model.run.parameters),
            percent(result.accuracy),
            f"{count(result.correct)} of {count(result.samples)}",
            duration(model.run.seconds),
        )
    return Group(heading(title), table)


def listing(title: str, rows: Sequence[tuple[str, str]]) -> RenderableType:
    """Commands or files, each with the line that explains it."""
    return Group(heading(title), pairs(rows, style="cyan"))


def environment(facts: Sequence[Fact]) -> RenderableType:
    """What this machine offers, grouped by topic."""
    signs = {True: Text("✓", "green"), False: Text("–", "yellow"), None: Text("")}
    parts: list[RenderableType] = []
    for topic in dict.fromkeys(fact.topic for fact in facts):
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, min_width=16)
        grid.add_column()
        for fact in (fact for fact in facts if fact.topic == topic):
            grid.add_row(signs[fact.present], Text(fact.name), Text.assemble(fact.value, (_because(fact), "dim")))
        parts += [heading(topic), Padding(grid, (0, 0, 0, 2), expand=False)]
    return Group(*parts)


def _because(fact: Fact) -> str:
    return f"  {fact.reason}" if fact.reason else ""


def _reference(paper: Paper) -> str:
    where = [f"{paper.venue} {paper.year or ''}".strip(), f"arXiv:{paper.arxiv}" if paper.arxiv else "", paper.url]
    return "\n".join(line for line in (paper.title, paper.authors, ", ".join(filter(None, where))) if line)


def _published(record: Record) -> RenderableType:
    table = new_table("metric", ">value", ">T", ">image", "source")
    for result in record.published:
        table.add_row(
            result.metric,
            _figure(result),
            str(result.time_steps),
            size(result.image_size or record.input[1:]),
            result.source,
        )
    return Padding(table, (0, 0, 0, 2), expand=False)


def _config_word(word: str, value: object) -> str:
    return size(value) if word.endswith("image_size") and isinstance(value, list | tuple) else word_value(value)
