"""Linear map over the last axis, by the fastest matrix products that are at hand on a CPU.

`products.py` has the three matrix products of a linear and its gradient; `operator.py` registers them with PyTorch;
`linear` below is the face all layers use. `torch.nn.functional.linear` is the oracle.
"""

from spikeformers.ops.linear.face import linear

__all__ = ["linear"]
