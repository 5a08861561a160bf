"""Depthwise convolution of stride 1 whose weight's gradient is ours (native/src/depthwise.cpp).

oneDNN takes many times as long for that gradient as for the convolution; the rest stays with it. PyTorch's own
convolution is the oracle; only the order of additions differs.
"""

from spikeformers.ops.depthwise.face import depthwise

__all__ = ["depthwise"]
