"""The parts papers talk about: encoders, neurons, units, tokenizers, attentions, blocks, heads. They know no model."""

from spikeformers.layers.attention import SpikingSelfAttention
from spikeformers.layers.block import Block, build_blocks
from spikeformers.layers.encoders import ENCODERS, Encoder, IntensityEncoder, register_encoder
from spikeformers.layers.frames import OverFrames
from spikeformers.layers.head import MeanHead
from spikeformers.layers.memory import Memory
from spikeformers.layers.mlp import SpikingMLP
from spikeformers.layers.neurons import (
    IF,
    LIF,
    NEURONS,
    PLIAF,
    PLIF,
    IntegerLIF,
    Neuron,
    ReLU,
    TernaryLIF,
    register_neuron,
)
from spikeformers.layers.norms import NORMS, register_norm
from spikeformers.layers.op_spec import DescribesItself, OpSpec
from spikeformers.layers.pool import MaxPool
from spikeformers.layers.residual import Add
from spikeformers.layers.tokenizers import PatchSplitting, SpikingTokenizer, Tokenizer
from spikeformers.layers.unit import Unit
from spikeformers.layers.values import BINARY, REAL, TERNARY, Values, integers
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Classifier, Conv2d, Linear, MatrixProduct

__all__ = [
    "BINARY",
    "ENCODERS",
    "IF",
    "LIF",
    "NEURONS",
    "NORMS",
    "PLIAF",
    "PLIF",
    "REAL",
    "TERNARY",
    "Add",
    "Block",
    "Classifier",
    "Conv2d",
    "DescribesItself",
    "Encoder",
    "IntegerLIF",
    "IntensityEncoder",
    "Linear",
    "MatrixProduct",
    "MaxPool",
    "MeanHead",
    "Memory",
    "Neuron",
    "OpSpec",
    "OverFrames",
    "PatchSplitting",
    "ReLU",
    "SpikingMLP",
    "SpikingSelfAttention",
    "SpikingTokenizer",
    "TernaryLIF",
    "Tokenizer",
    "Unit",
    "Values",
    "Vocabulary",
    "build_blocks",
    "integers",
    "register_encoder",
    "register_neuron",
    "register_norm",
]
