"""The words that describe a neuron, and the three rules they stand for: charge, fire, reset.

The rules are elementwise and know no time axis; the reference, the registered operator and the hand-derived gradient
all go through them, so that there is one place where a neuron is defined.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.ops.surrogate import Surrogate

Fire = Literal["binary", "ternary", "integer"]
Output = Literal["spikes", "normalised", "membrane"]
Step = Callable[[Tensor, "Dynamics"], Tensor]


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """One neuron of the LIF family, in the words of SpikingJelly.

    Charge, with k = 1/tau (k = 0 for the integrate-and-fire neuron, tau = inf):
        decay_input:      H = V + (X - (V - v_reset)) k        (tau = inf: H = V + X)
        no decay_input:   H = V - (V - v_reset) k + X
    Fire:
        binary:  S = 1 where H >= v_threshold, else 0
        ternary: S = 1 where H >= v_threshold, -1 where H <= -v_threshold, else 0
        integer: S = round(clamp(H / v_threshold, 0, levels)), halves to even
                 (I-LIF, SpikeYOLO 2024; SFA, E-SpikeFormer 2025)
    Reset:
        hard (v_reset a number): V = (1 - |S|) H + |S| v_reset        soft (v_reset None): V = H - S reset_by

    Args:
        tau: membrane time constant in time steps, at least 1; `math.inf` is the integrate-and-fire neuron.
        v_threshold: firing threshold.
        v_reset: potential after a spike and at rest; None for the soft reset (rest is 0).
        decay_input: whether the input current is divided by tau too.
        detach_reset: whether the reset carries no gradient.
        detach_membrane: whether the potential carries no gradient from one time step to the next, so that none goes
            through time: each step learns from its own current alone (as SLTT, Meng et al. 2023, and released TIM).
        surrogate: gradient of the binary and ternary firing; the integer one is straight-through, 1 on [0, levels].
        fire: firing rule.
        levels: largest integer of the integer rule.
        output: what leaves the neuron: "spikes"; "normalised", S / levels; "membrane", ReLU(H), an analog value whose
            spikes only drive the reset (PLIAF of Spikeformer, Li et al. 2022).
        reset_by: what a soft reset subtracts for each spike; None takes v_threshold (DSR, Meng et al. 2022, differs).

    Raises:
        ConfigError: a value outside its range, or words that contradict each other.
    """

    tau: float = 2.0
    v_threshold: float = 1.0
    v_reset: float | None = 0.0
    decay_input: bool = True
    detach_reset: bool = True
    detach_membrane: bool = False
    surrogate: Surrogate = field(default_factory=Surrogate)
    fire: Fire = "binary"
    levels: int = 4
    output: Output = "spikes"
    reset_by: float | None = None
    # All of the above as text, for the schemas of operators; made once, because torch.compile cannot trace its making.
    words: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.tau >= 1:
            raise ConfigError(f"tau must be at least 1 time step (math.inf for no leak), got {self.tau}.")
        if not (self.v_threshold > 0 and math.isfinite(self.v_threshold)):
            raise ConfigError(f"v_threshold must be a positive number, got {self.v_threshold}.")
        if self.fire not in get_args(Fire):
            raise ConfigError(f"fire must be one of {', '.join(get_args(Fire))}, got {self.fire!r}.")
        if self.output not in get_args(Output):
            raise ConfigError(f"output must be one of {', '.join(get_args(Output))}, got {self.output!r}.")
        if not isinstance(self.levels, int) or self.levels < 1:
            raise ConfigError(f"levels must be a whole number of at least 1, got {self.levels!r}.")
        for word, value in (("v_reset", self.v_reset), ("reset_by", self.reset_by)):
            if value is not None and not math.isfinite(value):
                raise ConfigError(f"{word} must be a finite number or None, got {value}.")
        if self.fire == "integer" and self.v_reset is not None:
            raise ConfigError("integer firing subtracts what it fires: set v_reset=None.")
        if self.output == "normalised" and self.fire != "integer":
            raise ConfigError("output='normalised' divides integers by levels: set fire='integer'.")
        if self.reset_by is not None and self.v_reset is not None:
            raise ConfigError("reset_by belongs to the soft reset: set v_reset=None.")
        object.__setattr__(
            self, "words", json.dumps({f.name: getattr(self, f.name) for f in fields(self) if f.init}, default=asdict)
        )

    @staticmethod
    @cache
    def from_words(words: str) -> Dynamics:
        """The dynamics that has these `words`."""
        values = json.loads(words)
        return Dynamics(**{**values, "surrogate": Surrogate(**values["surrogate"])})

    @property
    def rest(self) -> float:
        """Membrane potential before the first time step."""
        return 0.0 if self.v_reset is None else self.v_reset

    @property
    def reset_amount(self) -> float:
        """What a soft reset subtracts for each spike."""
        return self.v_threshold if self.reset_by is None else self.reset_by


def charge(x: Tensor, v: Tensor | float, dynamics: Dynamics, inverse_tau: Tensor | None = None) -> Tensor:
    """Membrane potential H before firing, from the current x and the potential v; a learned 1/tau replaces tau."""
    above_rest = v - dynamics.rest if dynamics.rest else v
    if inverse_tau is not None:
        leak = (x - above_rest if dynamics.decay_input else -above_rest) * inverse_tau
        return v + leak if dynamics.decay_input else v + leak + x
    if math.isinf(dynamics.tau):
        return v + x
    if dynamics.decay_input:
        return v + (x - above_rest) / dynamics.tau
    return v - above_rest / dynamics.tau + x


def step(h: Tensor, dynamics: Dynamics) -> Tensor:
    """What a membrane potential h gives at one threshold, in h's dtype; smooth if the surrogate is."""
    theta, surrogate = dynamics.v_threshold, dynamics.surrogate
    if dynamics.fire == "integer":
        counts = (h / theta).clamp(0, dynamics.levels)
        return counts if surrogate.smooth else counts.round()
    return surrogate.primitive(h - theta) if surrogate.smooth else torch.ge(h, theta, out=torch.empty_like(h))


def step_derivative(h: Tensor, dynamics: Dynamics) -> Tensor:
    """Derivative of `step`: the surrogate gradient, or straight-through between the levels."""
    theta = dynamics.v_threshold
    if dynamics.fire == "integer":
        return ((h >= 0) & (h <= theta * dynamics.levels)).to(h.dtype) / theta
    return dynamics.surrogate.derivative(h - theta)


def fire(h: Tensor, dynamics: Dynamics, step: Step = step) -> Tensor:
    """Spikes S of the membrane potential h; the reference passes a step that carries its derivative."""
    up = step(h, dynamics)
    return up - step(-h, dynamics) if dynamics.fire == "ternary" else up


def fire_derivative(h: Tensor, dynamics: Dynamics) -> Tensor:
    """dS/dH."""
    slope = step_derivative(h, dynamics)
    return slope + step_derivative(-h, dynamics) if dynamics.fire == "ternary" else slope


def count(h: Tensor, spikes: Tensor, dynamics: Dynamics, step: Step = step) -> Tensor:
    """The spikes as the reset counts them: signed for the soft one, |S| for the hard one.

    |S| is the sum of the two steps of a ternary neuron, so that its derivative is the difference of theirs.
    """
    if dynamics.fire == "ternary" and dynamics.v_reset is not None:
        return step(h, dynamics) + step(-h, dynamics)
    return spikes


def count_derivative(h: Tensor, slope: Tensor, dynamics: Dynamics) -> Tensor:
    """Derivative of `count`, from that of `fire`."""
    if dynamics.fire == "ternary" and dynamics.v_reset is not None:
        return step_derivative(h, dynamics) - step_derivative(-h, dynamics)
    return slope


def reset(h: Tensor, counted: Tensor, dynamics: Dynamics) -> Tensor:
    """Membrane potential V after firing."""
    if dynamics.v_reset is None:
        return h - counted * dynamics.reset_amount
    kept = torch.addcmul(h, h, counted, value=-1)  # (1 - S) H in one pass, and exact for the S of spikes
    return kept + counted * dynamics.v_reset if dynamics.v_reset else kept


def emit(h: Tensor, spikes: Tensor, dynamics: Dynamics) -> Tensor:
    """What leaves the neuron."""
    if dynamics.output == "membrane":
        return torch.relu(h)
    return spikes / dynamics.levels if dynamics.output == "normalised" else spikes
