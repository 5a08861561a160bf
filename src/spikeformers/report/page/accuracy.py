"""Accuracy on the page: overall, by class, and how the checkpoint came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeformers.report.figures.accuracy import class_accuracy, confusion_matrix
from spikeformers.report.page.html import Content
from spikeformers.report.page.parts import Cell, Row, Sheet, bullets, columns, details, paragraph, table
from spikeformers.report.text import count, percent

if TYPE_CHECKING:
    from spikeformers.report.page.study import Study


def section(study: Study, sheet: Sheet) -> Content:
    """How often it is right."""
    result, many = study.evaluation, study.noun.many
    shares = [row[index] / max(1, sum(row)) for index, row in enumerate(result.confusion)]
    worst = min(range(len(shares)), key=shares.__getitem__)
    matrix = sheet.place(
        "confusion-matrix",
        confusion_matrix(result.confusion, study.classes),
        title="Confusion matrix",
        caption=f"Each row is a true class; the number of its test {many} that were taken for each class. Bold: wrong.",
        description=f"{count(result.correct)} of {count(result.samples)} on the diagonal.",
    )
    by_class = sheet.place(
        "accuracy-by-class",
        class_accuracy(result.confusion, study.classes),
        title="Accuracy by class",
        caption=f"Recall: the share of each class's test {many} that is recognised.",
        description=f"Lowest: {study.classes[worst]}, {percent(shares[worst], 1)}.",
    )
    return [
        paragraph(
            f"{count(result.correct)} of all {count(result.samples)} test {many} of {study.dataset} are recognised: ",
            f"{percent(result.accuracy)}. Least often recognised is the class {study.classes[worst]!r} "
            f"({percent(shares[worst], 1)}). Mean cross-entropy {result.loss:.4f}.",
        ),
        bullets(training_lines(study)),
        columns(matrix, by_class),
        details("Every class in numbers", _classes(study, shares)),
    ]


def training_lines(study: Study) -> list[Content]:
    """Where the checkpoint comes from, and whether its choice flatters the accuracy."""
    training, many = study.training, study.noun.many
    if training is None:
        return ["The checkpoint does not say how it was trained."]
    last = training.epoch == training.epochs
    when = f"after {'the last' if last else 'an earlier'} epoch ({training.epoch} of {training.epochs})"
    lines: list[Content] = [
        f"Checkpoint {study.checkpoint}, saved {when} of recipe {training.recipe!r}, seed {training.seed}."
    ]
    if training.eval_part == "test" and not last:
        lines.append(
            f"No validation {many} were held out. If this epoch was chosen for its accuracy, it was chosen on the test "
            f"{many}, and the accuracy above flatters the model."
        )
    elif training.eval_part == "test":
        lines.append(f"The epoch was not chosen by looking at test {many}; no validation {many} were held out.")
    else:
        lines.append(f"Epochs were judged on validation {many}, which are not among the test {many} above.")
    unreadable = len(study.evaluation.unreadable)
    return lines + ([f"{unreadable} {many} could not be read and are in no figure."] if unreadable else [])


def _classes(study: Study, shares: list[float]) -> Content:
    confusion = study.evaluation.confusion
    rows: list[Row] = []
    for index, name in enumerate(study.classes):
        found = sum(row[index] for row in confusion)
        precision = confusion[index][index] / found if found else None
        rows.append(
            [
                name,
                Cell(count(sum(confusion[index])), sum(confusion[index])),
                Cell(count(confusion[index][index]), confusion[index][index]),
                Cell(percent(shares[index], 1), shares[index]),
                Cell(percent(precision, 1), precision or 0.0),
            ]
        )
    return table(["class", f">test {study.noun.many}", ">recognised", ">recall", ">precision"], rows)
