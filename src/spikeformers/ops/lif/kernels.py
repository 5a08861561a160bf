"""Which fused kernels run the LIF family where a tensor is: the native ones, those in Triton, or none."""

from __future__ import annotations

from types import ModuleType
from typing import Literal

from torch import Tensor

from spikeformers.ops.backend import choose
from spikeformers.ops.lif import native
from spikeformers.ops.lif.dynamics import Dynamics

Operation = Literal["lif", "norm_lif"]


def serves(operation: Operation, x: Tensor, dynamics: Dynamics) -> bool:
    """Whether there are kernels for this neuron on this current, and they are not switched off."""
    chosen = choose(operation, x.device.type).backend
    return chosen != "reference" and bool(kernels_for(operation, x).serves(x, dynamics))


def kernels_for(operation: Operation, x: Tensor) -> ModuleType:
    """The module whose `forward`, `backward`, `channel_moments` and `norm_backward` run where x is."""
    # A gradient may be asked for after the kernels were switched off: where the tensor is then decides alone.
    if x.device.type == "cpu" and choose(operation, "cpu").backend != "triton":
        return native
    # Triton is not there everywhere, and takes its time.
    from spikeformers.ops.lif import triton

    return triton
