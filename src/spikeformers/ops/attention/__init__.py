"""Attention by products of spikes, and the neuron behind it: neuron(scale Q K^T V) for each head.

`reference.py` is plain PyTorch under autograd and the oracle; `operator.py` registers the operation with PyTorch;
`native.py` calls the kernels, which make all products of a head in the cache. Kept for the gradient are queries, keys
and values, and nothing that is made of them.
"""

from spikeformers.ops.attention.face import product_attention, serves

__all__ = ["product_attention", "serves"]
