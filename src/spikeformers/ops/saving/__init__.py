"""Keeping what a backward pass needs in fewer bytes, whatever operation saved it.

`compact_saving` is a context around a forward pass: of each large tensor that autograd saves in it, spikes are kept as
one bit each and small integers as one byte (`ops.packing`), once for all tensors that share memory. Pre-activations,
which `mark_pre_activation` points out, are kept as they are, in bfloat16, or not at all but made again.
"""

from spikeformers.ops.saving.context import LEAST_BYTES, compact_saving, mark_pre_activation
from spikeformers.ops.saving.words import PRE_ACTIVATIONS, PreActivations, checked

__all__ = ["LEAST_BYTES", "PRE_ACTIVATIONS", "PreActivations", "checked", "compact_saving", "mark_pre_activation"]
