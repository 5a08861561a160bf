"""What the catalogue says about a model: plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Where a model was published. What is not known stays empty; a model without a paper has an empty one."""

    title: str = ""
    authors: str = ""
    venue: str = ""
    year: int | None = None
    arxiv: str = ""
    url: str = ""
    bibtex: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure as the authors published it; this project has not measured it.

    Attributes:
        metric: What was measured; "top-1" is accuracy on the test set in per cent.
        value: The figure.
        time_steps: T of that measurement.
        image_size: (height, width) of that measurement where it is not the model's own.
        source: Paper and table.
    """

    metric: str
    value: float
    time_steps: int
    image_size: tuple[int, int] | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One form in which a system was released, such as its CIFAR or its ImageNet form.

    Attributes:
        system: The system, in the words of `convert.load_official`.
        name: The form, in the same words.
        builds: "module:Class" of the model.
        config: The configuration words the authors' code fixes for this form, faults included.
        corrected: Those of them that new models have otherwise, with the values there.
    """

    system: str
    name: str
    builds: str
    config: dict[str, Any]
    corrected: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One model of the catalogue.

    Attributes:
        name: `family_depth_width.dataset`.
        family: The paper's name for the architecture.
        system: The system, in the words of `convert.load_official`.
        variant: The form of the system, or "" where a family has only one.
        builds: "module:Class" of the model.
        config: Every configuration word the model needs.
        parameters: Number of trainable values.
        published_parameters: The same of the authors' code, to the digit; None where it is not known.
        time_steps: T, the number of time steps.
        input: (channels, height, width) of one time step.
        dataset: The data set the name ends in.
        published: What the authors report.
        paper: Where they report it.
        licence_note: Whose code it is, and where theirs is.
        notes: What a user should know before trusting or comparing figures.
        uncertain: Configuration words that no released code or paper states.
    """

    name: str
    family: str
    system: str
    variant: str
    builds: str
    config: dict[str, Any]
    parameters: int
    published_parameters: int | None
    time_steps: int
    input: tuple[int, int, int]
    dataset: str
    published: tuple[Result, ...]
    paper: Paper
    licence_note: str
    notes: tuple[str, ...]
    uncertain: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, as for JSON."""
        return asdict(self)
