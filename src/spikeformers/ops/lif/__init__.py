"""Multi-step leaky integrate-and-fire: charge, fire, reset over the leading time axis.

`reference.py` is plain PyTorch under autograd and the oracle; `adjoint.py` derives the same gradient by hand;
`operator.py` registers the pair with PyTorch; `lif` below is the face all layers use. Neurons that share only a part of
these dynamics are written with `charge` and `reset`.
"""

from spikeformers.ops.lif.dynamics import Dynamics, charge, reset
from spikeformers.ops.lif.face import lif, potentials

__all__ = ["Dynamics", "charge", "lif", "potentials", "reset"]
