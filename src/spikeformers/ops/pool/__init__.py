"""Max-pooling 3 x 3 of maps, which for its gradient needs the input only; an input of spikes is saved as bits.

`torch.nn.functional.max_pool2d`, which saves the place of each maximum in eight bytes, is the reference.
"""

from spikeformers.ops.pool.face import max_pool

__all__ = ["max_pool"]
