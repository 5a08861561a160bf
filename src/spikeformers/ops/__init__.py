"""Operations: one folder or file each, a plain PyTorch reference as the oracle of every faster twin."""

from spikeformers.ops.lif import Dynamics, lif, potentials
from spikeformers.ops.surrogate import SURROGATES, Surrogate, SurrogateLaw, register_surrogate

__all__ = ["SURROGATES", "Dynamics", "Surrogate", "SurrogateLaw", "lif", "potentials", "register_surrogate"]
