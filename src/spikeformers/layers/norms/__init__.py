"""Normalisation over [T, B, C, ...], chosen by word."""

from spikeformers.layers.norms.batch_norm import BatchNorm
from spikeformers.layers.norms.gated import GatedBatchNorm
from spikeformers.layers.norms.registry import NORMS, build_norm, normalised, register_norm
from spikeformers.layers.norms.tdbn import ThresholdDependentBatchNorm
from spikeformers.layers.norms.tebn import TemporalEffectiveBatchNorm

__all__ = [
    "NORMS",
    "BatchNorm",
    "GatedBatchNorm",
    "TemporalEffectiveBatchNorm",
    "ThresholdDependentBatchNorm",
    "build_norm",
    "normalised",
    "register_norm",
]
