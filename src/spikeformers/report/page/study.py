"""Everything the page says about one model: plain results, gathered by the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spikeformers.report.samples import IMAGE, Noun

if TYPE_CHECKING:
    from spikeformers.catalog import Record
    from spikeformers.measure import (
        AcceleratorReport,
        AttentionMap,
        Audit,
        FiringMap,
        FiringStatistics,
        Profile,
        Raster,
        Robustness,
    )
    from spikeformers.report.results import Tile
    from spikeformers.train import Evaluation

Number = int | float | bool


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a checkpoint came to be, from its own words.

    Args:
        recipe: name of it.
        epoch, epochs: after which of how many it was saved.
        seed: of the run.
        eval_part: "test" or "validation": where epochs were judged.
        versions: of the programs that trained it.
    """

    recipe: str
    epoch: int
    epochs: int
    seed: int
    eval_part: str
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Parameters of one part of a model."""

    name: str
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Chip:
    """A model on an accelerator, as published and with one parameter changed at a time.

    Args:
        report: as published.
        questions: from the word of a parameter to its values, in rising order, and the report with each.
    """

    report: AcceleratorReport
    questions: Mapping[str, tuple[tuple[Number, AcceleratorReport], ...]]

    def asked(self, word: str) -> tuple[tuple[Number, AcceleratorReport], ...]:
        """The values of one parameter; none where it was not asked."""
        return self.questions.get(word, ())

    def to_dict(self) -> dict[str, Any]:
        """Plain values; of each answer the figures of the whole model."""
        words = ("cycles", "fps", "utilisation", "millijoules")
        answers = {
            word: [{"value": value, **{each: getattr(report, each) for each in words}} for value, report in asked]
            for word, asked in self.questions.items()
        }
        return {"report": self.report.to_dict(), "questions": answers}


@dataclass(frozen=True, kw_only=True)
class Study:
    """One model: what it is, what was measured, and on what.

    Args:
        label: what it is called beside others; no two of a page have the same.
        name: in the catalogue, or its class.
        record: what the catalogue knows about it, None where it knows nothing.
        checkpoint: file name.
        training: None where the checkpoint does not say.
        time_steps: T it was measured with.
        dataset, classes: what it classifies.
        noun: what its samples are called.
        on: those that were looked at, in words; `evaluation` is on the whole test part.
        evaluation: on all of the test part.
        pieces: parameters by part.
        profile: operations and energy of every form.
        audit: of the deployed form.
        statistics: how its neurons fired.
        chips: accelerators, given the deployed form.
        tiles: a few samples with their predictions.
        rasters: spikes for the first of them.
        maps: where its layers fire while it looks at the first of them, a recording; empty of pictures.
        attention: of all of them.
        robustness: None where it was not measured.
    """

    label: str
    name: str
    record: Record | None
    checkpoint: str
    training: Training | None
    time_steps: int
    dataset: str
    classes: tuple[str, ...]
    on: str
    noun: Noun = IMAGE
    evaluation: Evaluation
    pieces: tuple[Piece, ...]
    profile: Profile
    audit: Audit
    statistics: FiringStatistics
    chips: tuple[Chip, ...]
    tiles: tuple[Tile, ...]
    rasters: tuple[Raster, ...]
    maps: tuple[FiringMap, ...] = ()
    attention: tuple[AttentionMap, ...]
    robustness: Robustness | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; of the examples their labels, predictions and spikes."""
        words = ("label", "name", "checkpoint", "time_steps", "dataset", "classes", "on")
        whole = ("evaluation", "profile", "audit", "statistics")
        return {
            **{word: getattr(self, word) for word in words},
            **{word: getattr(self, word).to_dict() for word in whole},
            "training": None if self.training is None else asdict(self.training),
            "parameters": {piece.name: piece.parameters for piece in self.pieces},
            "accelerators": [chip.to_dict() for chip in self.chips],
            "examples": [tile.to_dict() for tile in self.tiles],
            "rasters": [raster.to_dict() for raster in self.rasters],
            "attention": [each.to_dict() for each in self.attention],
            "robustness": None if self.robustness is None else self.robustness.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class Facts:
    """How a page came to be: the command that repeats it, and the programs."""

    command: str
    versions: Mapping[str, str]
