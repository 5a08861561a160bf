"""Convolutions and linears of spikes by table look-up: four spikes at a time (native/src/lookup.cpp).

`lookup` runs one where it pays and the input is what it is declared to be, and gives None otherwise; `weight_gradient`
is the part of it that pays for a linear in bfloat16. What is saved for the gradient is the spikes as bits. PyTorch's
own convolution and linear are the oracle; only the order of additions differs.
"""

from spikeformers.ops.lookup.face import lookup, weight_gradient

__all__ = ["lookup", "weight_gradient"]
