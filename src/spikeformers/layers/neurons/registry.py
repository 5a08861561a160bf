"""Neurons by word."""

from __future__ import annotations

from typing import Any

from spikeformers.errors import ConfigError
from spikeformers.layers.neurons.analog import GELU, PLIAF, ReLU
from spikeformers.layers.neurons.base import Neuron
from spikeformers.layers.neurons.clif import CLIF
from spikeformers.layers.neurons.glif import GLIF
from spikeformers.layers.neurons.integer import IntegerLIF, SpikeFiringApproximation
from spikeformers.layers.neurons.klif import KLIF
from spikeformers.layers.neurons.learned_threshold import LearnedThresholdLIF
from spikeformers.layers.neurons.lif import IF, LIF, PLIF, TernaryLIF
from spikeformers.layers.neurons.psn import PSN
from spikeformers.layers.neurons.sliding_psn import SlidingPSN
from spikeformers.layers.words import build_from_word

NEURONS: dict[str, type[Neuron]] = {
    "lif": LIF,
    "if": IF,
    "plif": PLIF,
    "klif": KLIF,
    "glif": GLIF,
    "clif": CLIF,
    "learned_threshold": LearnedThresholdLIF,
    "psn": PSN,
    "sliding_psn": SlidingPSN,
    "pliaf": PLIAF,
    "ternary": TernaryLIF,
    "integer": IntegerLIF,
    "sfa": SpikeFiringApproximation,
    "relu": ReLU,
    "gelu": GELU,
}


def register_neuron(word: str, neuron: type[Neuron]) -> None:
    """Make a neuron class available to every model as the config word `neuron`.

    Args:
        word: its name in configs.
        neuron: a subclass of Neuron that takes tau, v_threshold, v_reset, decay_input, detach_reset, detach_membrane
            and surrogate, and is given time_steps too if it names it.

    Raises:
        ConfigError: the word is taken, or the class is no Neuron (models find their neurons by that).
    """
    if word in NEURONS:
        raise ConfigError(f"a neuron {word!r} is registered already; choose another word.")
    if not (isinstance(neuron, type) and issubclass(neuron, Neuron)):
        raise ConfigError(f"the neuron {word!r} must be a subclass of spikeformers.layers.Neuron, got {neuron!r}.")
    NEURONS[word] = neuron


def build_neuron(word: str, *, time_steps: int, **words: Any) -> Neuron:
    """The neuron of that word, such as "lif" or "integer(levels=8)".

    Args:
        word: a registered name, with options where it has any.
        time_steps: T, for neurons that are built for one.
        words: the spiking words of the vocabulary, and further ones this neuron takes.

    Raises:
        UnknownNameError: no neuron of that name.
        ConfigError: an option it has not, or a value outside its range.
    """
    return build_from_word(word, NEURONS, "neuron", offered={"time_steps": time_steps}, **words)
