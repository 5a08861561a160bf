"""Which disturbances a model is tried with, and how strong they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from spikeformers.errors import InputError, UnknownNameError, suggest
from spikeformers.measure.disturbances.attacks import ATTACKS
from spikeformers.measure.disturbances.corruptions import CORRUPTIONS, EVENT_CORRUPTIONS, SEVERITIES, corruption
from spikeformers.measure.disturbances.surrogates import OWN
from spikeformers.ops import Surrogate

Part = Literal["corruptions", "attacks", "weights", "spikes"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, kw_only=True)
class Disturbances:
    """What a model is tried with; an empty tuple leaves something out.

    Args:
        corruptions: names, of `disturbances.corruptions.CORRUPTIONS`, or for recordings of `EVENT_CORRUPTIONS` there.
        severities: of each corruption, 1 to 5.
        attacks: "fgsm" and "pgd".
        epsilons: largest change of a pixel in an attack, in units of 1/255 of the pixel range.
        steps: of PGD.
        step_size: of each, in the units of epsilon; None is 2.5 epsilon / steps (Madry et al., ICLR 2018).
        surrogates: gradients that the attacks follow, words of `ops.SURROGATES` and "own", the model's. With several,
            there is an accuracy under each and one under, for every picture, the worst of them.
        weight_noise: standard deviations, as shares of that of each weight tensor.
        draws: how often each weight noise is drawn.
        lost_spikes: probabilities that a spike is lost.
        spurious_spikes: probabilities that a silent neuron fires.
        seed: of all random numbers.

    Raises:
        UnknownNameError: a name that is none.
        InputError: a number outside its range.
    """

    corruptions: tuple[str, ...] = tuple(CORRUPTIONS)
    severities: tuple[int, ...] = SEVERITIES
    attacks: tuple[str, ...] = ATTACKS
    epsilons: tuple[float, ...] = (2, 4, 8, 16)
    steps: int = 7
    step_size: float | None = None
    surrogates: tuple[str, ...] = (OWN, "triangle")
    weight_noise: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    draws: int = 3
    lost_spikes: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    spurious_spikes: tuple[float, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.corruptions:
            corruption(name)
        for name in self.attacks:
            _known("attack", name, ATTACKS)
        for word in self.surrogates:
            if word != OWN:
                Surrogate(word)
        _expect("severities", self.severities, "whole numbers from 1 to 5", lambda value: value in SEVERITIES)
        for name in ("epsilons", "weight_noise"):
            _expect(name, getattr(self, name), "above 0", lambda value: 0 < value < math.inf)
        for name in ("lost_spikes", "spurious_spikes"):
            _expect(name, getattr(self, name), "probabilities, above 0 and at most 1", lambda value: 0 < value <= 1)
        for name in ("steps", "draws"):
            _expect(
                name, (getattr(self, name),), "a whole number of at least 1", lambda value: value in range(1, 10**6)
            )
        if self.step_size is not None:
            _expect("step_size", (self.step_size,), "above 0", lambda value: 0 < value < math.inf)
        if self.attacks and self.epsilons and not self.surrogates:
            raise InputError(f"attacks need a surrogate gradient to follow; name one, or {OWN!r}.")
        for name, value in vars(self).items():
            if isinstance(value, tuple) and len(set(value)) < len(value):
                raise InputError(f"{name}: {', '.join(map(str, value))} names something twice.")

    def only(self, *parts: str) -> Disturbances:
        """These without the parts that are not named.

        Raises:
            UnknownNameError: no part of that name: corruptions, attacks, weights, spikes.
        """
        for part in parts:
            _known("part", part, PARTS)
        emptied: dict[Part, dict[str, Any]] = {
            "corruptions": {"corruptions": ()},
            "attacks": {"attacks": ()},
            "weights": {"weight_noise": ()},
            "spikes": {"lost_spikes": (), "spurious_spikes": ()},
        }
        left_out = {
            word: value for part, words in emptied.items() if part not in parts for word, value in words.items()
        }
        return replace(self, **left_out)

    def for_events(self) -> Disturbances:
        """These for recordings: their corruptions in the place of those of pictures, and no attacks.

        An attack may change a pixel by epsilon/255 of its range; a count of events has no range.
        """
        return replace(self, corruptions=tuple(EVENT_CORRUPTIONS) if self.corruptions else (), attacks=())

    def size_of_steps(self, epsilon: float) -> float:
        """The step size of PGD at this epsilon."""
        return 2.5 * epsilon / self.steps if self.step_size is None else self.step_size

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def _known(kind: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise UnknownNameError(f"no {kind} {name!r}.{suggest(name, names)} Known: {', '.join(names)}.")


def _expect(name: str, values: Sequence[Any], wanted: str, fits: Callable[[Any], bool]) -> None:
    for value in values:
        if not fits(value):
            raise InputError(f"{name}: expected {wanted}, got {value!r}.")
