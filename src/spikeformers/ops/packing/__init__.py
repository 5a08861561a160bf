"""Spikes as one bit each, small integers as one byte, and back; nothing is lost, or nothing is packed.

`reference.py` has the plain PyTorch version and is the oracle of the kernels behind `native.py`; `pack` and `unpack`
below are the face all layers use.
"""

from spikeformers.ops.packing.face import Packed, pack, unpack

__all__ = ["Packed", "pack", "unpack"]
