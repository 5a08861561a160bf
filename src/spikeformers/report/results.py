"""Plain results that no lower room makes: what the command line gathers for tables and pictures to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikeformers.catalog import Result
    from spikeformers.data.events.array import Events, Sensor
    from spikeformers.measure import Firing
    from spikeformers.train import Evaluation, RunResult


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A class a model considers, with the probability it gives it."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The likeliest classes of one image or recording, likeliest first."""

    file: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing `doctor` found; `present` is None where there is nothing to have or to miss."""

    topic: str
    name: str
    value: str
    reason: str = ""
    present: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A model of the catalogue beside what its authors published.

    Attributes:
        name: Its name.
        parameters: Trainable values, counted in the model as it was built.
        published_parameters: Those of the authors' code; None where they are not known to the digit.
        published: The figures the authors report.
    """

    name: str
    parameters: int
    published_parameters: int | None
    published: tuple[Result, ...]

    @property
    def difference(self) -> int | None:
        """Our parameters less the authors'."""
        return None if self.published_parameters is None else self.parameters - self.published_parameters

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, as for JSON."""
        return {**asdict(self), "difference": self.difference}


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One labelled sample and what a model says it is.

    Attributes:
        image: uint8 [C, H, W]; of a recording the colours of all its events together.
        frames: of a recording, as the model gets it, [T, C, H, W]; None of a picture.
        recorded: the events of a recording and the camera's size, where they can be had.
    """

    image: NDArray[np.uint8]
    frames: NDArray[np.float32] | None = None
    recorded: tuple[Events, Sensor] | None = None
    label: str
    predicted: str
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """Return all but the pixels and events."""
        return {"label": self.label, "predicted": self.predicted, "probability": self.probability}


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """All there is to show of a trained model: its training, its accuracy, its spikes, and examples of its answers."""

    label: str
    run: RunResult
    evaluation: Evaluation
    firing: Sequence[Firing]
    tiles: Sequence[Tile]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON; the images of the examples are left out."""
        return {
            "label": self.label,
            "run": self.run.to_dict(),
            "evaluation": self.evaluation.to_dict(),
            "firing": [row.to_dict() for row in self.firing],
        }
