"""Batch norm and the LIF behind it, fused: the norm's output never reaches memory and is not kept for the gradient."""

from spikeformers.ops.norm_lif.face import norm_lif, serves
from spikeformers.ops.norm_lif.reference import norm_lif_reference

__all__ = ["norm_lif", "norm_lif_reference", "serves"]
