"""The parts papers talk about: encoders, neurons, units, tokenizers, attentions, blocks, heads. They know no model."""

from spikeformers.layers.across_samples import across_samples
from spikeformers.layers.attention import (
    ATTENTIONS,
    INTERACTIONS,
    AttentionPlan,
    SelfAttention,
    ShowsAttention,
    SoftmaxProduct,
    SpikeDrivenSelfAttention,
    SpikingSelfAttention,
    TemporalInteraction,
    attention,
    build_attention,
    register_attention,
    register_interaction,
)
from spikeformers.layers.block import Block, drop_path_rates
from spikeformers.layers.delay import Delay
from spikeformers.layers.dynamic_steps import DynamicSteps
from spikeformers.layers.embedding import SpaceTimeEmbedding
from spikeformers.layers.encoders import ENCODERS, Encoder, IntensityEncoder, register_encoder
from spikeformers.layers.event_convolution import EventBatch, EventConvolution, leaky_frames, stamp_kernels
from spikeformers.layers.frames import OverFrames
from spikeformers.layers.head import Head, MeanHead, SpikingHead
from spikeformers.layers.layer_norm import LayerNorm
from spikeformers.layers.local_convolution import LocalConvolution
from spikeformers.layers.memory import Memory, StepByStep, TakesMemory
from spikeformers.layers.mlp import SpikingMLP
from spikeformers.layers.neurons import (
    CLIF,
    GELU,
    GLIF,
    IF,
    KLIF,
    LIF,
    NEURONS,
    PLIAF,
    PLIF,
    PSN,
    IntegerLIF,
    LearnedThresholdLIF,
    Neuron,
    ReLU,
    SlidingPSN,
    SpikeFiringApproximation,
    SteppedNeuron,
    TernaryLIF,
    register_neuron,
)
from spikeformers.layers.norms import (
    NORMS,
    BatchNorm,
    TemporalEffectiveBatchNorm,
    ThresholdDependentBatchNorm,
    register_norm,
)
from spikeformers.layers.op_spec import DescribesElements, DescribesItself, ElementSpec, OpSpec
from spikeformers.layers.plane_head import PlaneConvolution, PlanePoolingHead
from spikeformers.layers.pool import AvgPool, Dilate, MaxPool
from spikeformers.layers.pooling_head import SequencePoolingHead
from spikeformers.layers.pooling_stem import PoolingStem
from spikeformers.layers.projection import Projection, conv_projection, linear_projection
from spikeformers.layers.rep_conv import RepConv, rep_conv_projection
from spikeformers.layers.residual import Add, Iand, Shortcut, branch_values, build_join, joined_values
from spikeformers.layers.separable import SeparableConvolution
from spikeformers.layers.sew_tokenizer import ConvolutionalTokenizer, PatchTokenizer, SEWBlock, channel_schedule
from spikeformers.layers.skips import DelayedSkip, Skip, Skips, skips_into
from spikeformers.layers.space_time import AttentionBranch, SpaceTime, SpaceTimeAttention, attention_branches
from spikeformers.layers.speds import EMBEDDING_FORMS, DeformedShortcutEmbedding, EmbeddingForm
from spikeformers.layers.stack import build_blocks, build_conv_blocks, check_chosen_tokens, run_blocks, values_behind
from spikeformers.layers.tokenizers import PatchSplitting, SpikingTokenizer, Tokenizer
from spikeformers.layers.unit import Unit, branch_unit, unit_inputs
from spikeformers.layers.unused import Constants, Unused
from spikeformers.layers.values import BINARY, REAL, TERNARY, Values, integers
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Classifier, Conv1d, Conv2d, Init, Linear, Mask, MatrixProduct

__all__ = [
    "ATTENTIONS",
    "BINARY",
    "CLIF",
    "EMBEDDING_FORMS",
    "ENCODERS",
    "GELU",
    "GLIF",
    "IF",
    "INTERACTIONS",
    "KLIF",
    "LIF",
    "NEURONS",
    "NORMS",
    "PLIAF",
    "PLIF",
    "PSN",
    "REAL",
    "TERNARY",
    "Add",
    "AttentionBranch",
    "AttentionPlan",
    "AvgPool",
    "BatchNorm",
    "Block",
    "Classifier",
    "Constants",
    "Conv1d",
    "Conv2d",
    "ConvolutionalTokenizer",
    "DeformedShortcutEmbedding",
    "Delay",
    "DelayedSkip",
    "DescribesElements",
    "DescribesItself",
    "Dilate",
    "DynamicSteps",
    "ElementSpec",
    "EmbeddingForm",
    "Encoder",
    "EventBatch",
    "EventConvolution",
    "Head",
    "Iand",
    "Init",
    "IntegerLIF",
    "IntensityEncoder",
    "LayerNorm",
    "LearnedThresholdLIF",
    "Linear",
    "LocalConvolution",
    "Mask",
    "MatrixProduct",
    "MaxPool",
    "MeanHead",
    "Memory",
    "Neuron",
    "OpSpec",
    "OverFrames",
    "PatchSplitting",
    "PatchTokenizer",
    "PlaneConvolution",
    "PlanePoolingHead",
    "PoolingStem",
    "Projection",
    "ReLU",
    "RepConv",
    "SEWBlock",
    "SelfAttention",
    "SeparableConvolution",
    "SequencePoolingHead",
    "Shortcut",
    "ShowsAttention",
    "Skip",
    "Skips",
    "SlidingPSN",
    "SoftmaxProduct",
    "SpaceTime",
    "SpaceTimeAttention",
    "SpaceTimeEmbedding",
    "SpikeDrivenSelfAttention",
    "SpikeFiringApproximation",
    "SpikingHead",
    "SpikingMLP",
    "SpikingSelfAttention",
    "SpikingTokenizer",
    "StepByStep",
    "SteppedNeuron",
    "TakesMemory",
    "TemporalEffectiveBatchNorm",
    "TemporalInteraction",
    "TernaryLIF",
    "ThresholdDependentBatchNorm",
    "Tokenizer",
    "Unit",
    "Unused",
    "Values",
    "Vocabulary",
    "across_samples",
    "attention",
    "attention_branches",
    "branch_unit",
    "branch_values",
    "build_attention",
    "build_blocks",
    "build_conv_blocks",
    "build_join",
    "channel_schedule",
    "check_chosen_tokens",
    "conv_projection",
    "drop_path_rates",
    "integers",
    "joined_values",
    "leaky_frames",
    "linear_projection",
    "register_attention",
    "register_encoder",
    "register_interaction",
    "register_neuron",
    "register_norm",
    "rep_conv_projection",
    "run_blocks",
    "skips_into",
    "stamp_kernels",
    "unit_inputs",
    "values_behind",
]
