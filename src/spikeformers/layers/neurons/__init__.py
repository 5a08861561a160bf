"""Neurons as modules over [T, ...], chosen by word.

A neuron takes the words of its vocabulary (tau, v_threshold, v_reset, decay_input, detach_reset, surrogate) as keyword
arguments, starts every forward pass from rest, and recalls and keeps its potential only where a memory is passed.
"""

from spikeformers.layers.neurons.analog import GELU, PLIAF, Activation, ReLU
from spikeformers.layers.neurons.base import Neuron
from spikeformers.layers.neurons.clif import CLIF
from spikeformers.layers.neurons.glif import GLIF
from spikeformers.layers.neurons.integer import IntegerLIF, SpikeFiringApproximation
from spikeformers.layers.neurons.klif import KLIF
from spikeformers.layers.neurons.learned_threshold import LearnedThresholdLIF
from spikeformers.layers.neurons.lif import IF, LIF, PLIF, TernaryLIF
from spikeformers.layers.neurons.psn import PSN
from spikeformers.layers.neurons.registry import NEURONS, build_neuron, register_neuron
from spikeformers.layers.neurons.sliding_psn import SlidingPSN
from spikeformers.layers.neurons.stepped import SteppedNeuron

__all__ = [
    "CLIF",
    "GELU",
    "GLIF",
    "IF",
    "KLIF",
    "LIF",
    "NEURONS",
    "PLIAF",
    "PLIF",
    "PSN",
    "Activation",
    "IntegerLIF",
    "LearnedThresholdLIF",
    "Neuron",
    "ReLU",
    "SlidingPSN",
    "SpikeFiringApproximation",
    "SteppedNeuron",
    "TernaryLIF",
    "build_neuron",
    "register_neuron",
]
